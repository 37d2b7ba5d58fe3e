"""Fixtures shared by all tests: real services, started once per session and only when a test asks for them."""

import os
import signal
from collections.abc import Iterator

import hypothesis
import pytest

from deploy.local.system import LocalSystem
from tests.support.connect_worker import ConnectWorker, connect_worker
from tests.support.forwarding import Brokers, two_brokers
from tests.support.halves import HALVES, OPTION
from tests.support.scenario import Registers
from tests.support.system import PlainPostgres, local_system, plain_broker, plain_postgres

COMPUTING = "property"
"""Tests that need hardly a service: it matters little where they run."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Which half of all tests: what `make test` runs side by side."""
    parser.addoption(OPTION, choices=HALVES, help="only tests of whole systems and what only computes, or all others")


def pytest_configure(config: pytest.Config) -> None:
    """Markers; and a run that is told to end ends what it started."""
    # How long an example takes depends on what else the machine does.
    hypothesis.settings.register_profile("shared machine", deadline=None)
    hypothesis.settings.load_profile("shared machine")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("markers", "campaign: long; runs in `make campaign` only (EMBASSY_CAMPAIGN=1)")
    config.addinivalue_line("markers", "clears(*causes): stops a register for these, and its remedy makes it go on")
    config.addinivalue_line("markers", "crowded: runs behind those who share registers: it leaves many more behind")
    config.addinivalue_line("markers", "whole: starts a whole system of its own, and belongs to that half")
    config.addinivalue_line("markers", "last: runs after all others, because it leaves the session's system broken")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long ones wait for a campaign; the rest goes in stages, each in its random order."""
    is_campaign = bool(os.environ.get("EMBASSY_CAMPAIGN"))
    half = config.getoption(OPTION)
    chosen: list[pytest.Item] = []
    others: list[pytest.Item] = []
    for item in items:
        is_long = item.get_closest_marker("campaign") is not None and not is_campaign
        is_elsewhere = half is not None and half != _half(item)
        (others if is_long or is_elsewhere else chosen).append(item)
    items[:] = sorted(chosen, key=_stage)
    config.hook.pytest_deselected(items=others)


def _half(item: pytest.Item) -> str:
    """Tests of a whole system: the session's, one of their module (`bare`), one of their own (`whole`).

    With those that only compute it is about half of the time of all tests.
    """
    is_whole = _uses(item, "system") or _uses(item, "bare") or item.get_closest_marker("whole") is not None
    return "system" if is_whole or item.path.parent.name == COMPUTING else "rest"


def _uses(item: pytest.Item, fixture: str) -> bool:
    return fixture in getattr(item, "fixturenames", ())


def _stage(item: pytest.Item) -> int:
    """Cheap tests first; the whole system last, so that its processes do not slow down the others.

    Of its tests those first that bring registers of their own: they may take rights away that the shared ones need.
    """
    if item.get_closest_marker("last"):
        return 6
    if item.get_closest_marker("crowded"):
        return 5
    if _uses(item, "registers"):
        return 4
    if _uses(item, "system"):
        return 3
    kind = item.path.parent.name
    return 2 if kind == "fault" else int(kind == "integration")


@pytest.fixture(scope="session")
def broker() -> Iterator[str]:
    """Bootstrap address of a broker without authentication; use topics of your own."""
    with plain_broker() as bootstrap:
        yield bootstrap


@pytest.fixture(scope="session")
def postgres() -> Iterator[PlainPostgres]:
    """A PostgreSQL server; make a database of your own."""
    with plain_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def worker(broker: str) -> Iterator[ConnectWorker]:
    """Kafka Connect on that broker; leave it running, and use connectors of your own."""
    with connect_worker(broker) as running:
        yield running


@pytest.fixture(scope="session")
def brokers() -> Iterator[Brokers]:
    """Home's broker, the embassy's and the link between them, without authentication; leave them running and mended."""
    with two_brokers() as running:
        yield running


@pytest.fixture(scope="session")
def system() -> Iterator[LocalSystem]:
    """The whole local system without registers; add registers of your own, and leave everything running."""
    with local_system() as running:
        yield running


@pytest.fixture(scope="session")
def registers(system: LocalSystem) -> Registers:
    """Two registers on the whole system, warm; leave them equal, streaming and without writers."""
    return Registers.make(system)
