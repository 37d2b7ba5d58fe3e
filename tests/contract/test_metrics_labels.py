"""The list of metrics: names by the OpenMetrics rules, units that end them, and labels whose values are bounded."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from data_embassy import causes, metrics
from data_embassy.errors import DataEmbassyError, EnvelopeError
from data_embassy.metrics import LABELS, Definition
from data_embassy.status import HOPS, STATES

ROOT = Path(__file__).parents[2]
PACKAGES = ("data_embassy", "connectors", "pipelines", "consumers", "operations")
NAME = re.compile(r"\Aembassy(_[a-z0-9]+)+\Z")
UNITS_NOT_BASE = re.compile(r"_(ms|millis\w*|micros\w*|minutes|hours|days|kb|mb|kib|mib|percent)(_|\Z)")
REGISTER = {"name", "register", "self._register", "self._register.name", "self.register.name", "stop.register"}
"""What stands for a register's name where a metric is set."""
FREE = {
    "cause": {"cause", "stop.cause", "shown", "'ContractError'", "*labels"},
    "reason": {"str(getattr(error, 'reason', 'other'))"},
    "hop": {"hop"},
    "state": {"state", "one"},
    "status": {"status"},
    "op": {"op"},
    "disk": {"disk"},
    "version": {"version('data-embassy')"},
    "topic": {"'home'", "'lane'"},
}
"""Expressions that were looked at: each takes its values from a fixed set, or from the site's settings."""


@pytest.mark.parametrize("one", metrics.definitions(), ids=lambda one: one.name)
def test_a_metric_is_named_by_the_rules(one: Definition) -> None:
    assert NAME.match(one.name)
    assert not UNITS_NOT_BASE.search(one.name)
    assert (one.kind == "counter") == one.name.endswith("_total")
    assert not one.unit or one.name.removesuffix("_total").endswith(f"_{one.unit}")
    assert one.meaning.endswith(".")
    assert set(one.labels) <= LABELS.keys()


def test_no_metric_stands_twice() -> None:
    names = [one.name for one in metrics.definitions()]
    assert len(names) == len(set(names))


def test_labels_of_fixed_sets_are_those_of_the_code() -> None:
    assert (LABELS["hop"], LABELS["state"]) == (HOPS, STATES)


def test_reasons_of_refusals_are_words_of_classes() -> None:
    """No refusal makes its reason out of what it refused."""
    classes = [EnvelopeError]
    for one in classes:
        classes += one.__subclasses__()
    reasons = {one.__dict__["reason"] for one in classes if "reason" in one.__dict__}
    assert reasons
    assert all(isinstance(reason, str) and re.fullmatch(r"[a-z_]+", reason) for reason in reasons)


def test_causes_of_stops_are_names_of_classes() -> None:
    assert all(re.fullmatch(r"[A-Z][A-Za-z0-9]+", cause) for cause in causes.CAUSES)
    assert DataEmbassyError("x", remedy="y").cause_class == "DataEmbassyError"


def test_every_place_that_sets_a_label_was_looked_at() -> None:
    labels = {name: metric._labelnames for name, metric in vars(metrics).items() if hasattr(metric, "_labelnames")}
    looked_at = 0
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                    continue
                metric = node.func.value
                if node.func.attr not in ("labels", "remove") or not isinstance(metric, ast.Attribute | ast.Name):
                    continue
                given = metric.attr if isinstance(metric, ast.Attribute) else metric.id
                if given not in labels:
                    continue
                looked_at += 1
                for name, argument in zip(labels[given], node.args, strict=False):
                    written = ast.unparse(argument)
                    assert written in (REGISTER | {"*labels"} if name == "register" else FREE[name]), (path, written)
    assert looked_at > 60
