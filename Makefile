# data-embassy: every way in. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
PACKAGES := data_embassy schemas connectors pipelines consumers operations deploy
STAMP := $(VENV)/.setup
# The pure core, by the names of its modules.
APPLY := $(addprefix consumers/apply/,changes decode deferred encoded_size fold images keys multiset segments)
DDL := $(addprefix consumers/apply/ddl/,decisions defaults definition determinism match plan rows settings synthesis tags text tokens)
ASSEMBLY := $(addprefix consumers/,assemble beginnings checks group locate marker position reader sequence transactions varint)
comma := ,
CORE := data_embassy/envelope/* data_embassy/keys/* $(addsuffix .py,$(ASSEMBLY) $(APPLY) $(DDL))
export PYTHONDONTWRITEBYTECODE := 1

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(STAMP): requirements-dev.lock pyproject.toml
	@echo "setup: Python packages (hashes checked)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.PHONY: setup
setup: $(STAMP) ## virtual environment, jars and the capture plugin; leaves the command at .venv/bin/embassy
	@$(BIN)/python -m deploy.local.jars
	@$(BIN)/python -m deploy.local.debian

.PHONY: demo
demo: setup ## the main job: ten registers streaming, sealed, into warm standbys; kills, a cut link, proof
	@$(BIN)/embassy demo

.PHONY: up
up: setup ## both sites on this machine
	@$(BIN)/embassy local up

.PHONY: down
down: ## stop both sites and remove what they left
	@test ! -x $(BIN)/embassy || $(BIN)/embassy local down

.PHONY: check
check: setup ## lint, format, types, layers
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/mypy
	@PYTHONPATH=. $(BIN)/lint-imports

.PHONY: test-java
test-java: setup ## the capture plugin's own tests
	@mvn --quiet --batch-mode -f connectors/capture/pom.xml test

.PHONY: test
test: setup ## everything that must hold: checks, plugin tests, unit to scenario
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target check test-java
	@$(BIN)/python -m tests.support.halves -q --durations=25

.PHONY: coverage
coverage: setup ## branches of the pure core, by the tests that need no broker; fails below 100 %
	@mkdir -p artefacts/coverage
	@$(BIN)/python -m coverage run -m pytest -q tests/unit tests/property tests/vectors
	@echo "all packages: $$($(BIN)/python -m coverage report --format=total) %"
	@$(BIN)/python -m coverage report --fail-under=100 --precision=2 --include='$(subst $(eval) ,$(comma),$(CORE))'

.PHONY: coverage-all
coverage-all: setup ## branches of all packages by all tests and their processes; writes docs/reports/coverage.md
	@$(BIN)/python -m bench.covered -q

.PHONY: campaign
campaign: setup ## long fault runs; writes docs/reports
	@EMBASSY_CAMPAIGN=1 $(BIN)/python -m pytest -q tests/fault tests/integration tests/scenarios
	@$(BIN)/python -m bench.simulate
	@$(BIN)/python -m bench.campaign
	@$(BIN)/python -m bench.plain_debezium
	@$(BIN)/python -m bench.verifications
	@$(BIN)/python -m bench.ten
	@$(BIN)/python -m bench.tiers

.PHONY: bench
bench: setup ## measure beside peers in one run; writes docs/reports/first-figures.md
	@$(BIN)/python -m bench.figures

.PHONY: docs
docs: setup ## regenerate the reference pages that follow from the code
	@$(BIN)/python -m operations.reference docs/reference
	@$(BIN)/python -m tests.support.types_page docs/reference/types.md
	@$(BIN)/python -m tests.support.ddl_page docs/reference/ddl.md
	@$(BIN)/python -m tests.support.registers_page docs/reference/registers.md
	@$(BIN)/python -m tests.support.alerts_page docs/reference/alerts.md

.PHONY: clean
clean: down ## remove the environment, jars and build products
	@rm -rf $(VENV) .embassy connectors/capture/target artefacts
