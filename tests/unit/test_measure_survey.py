"""The receiver's survey: a dead broker and a dead server are said, and what they said before counts no more."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from consumers import survey
from consumers.survey import OUTDATED_SECONDS, Survey
from data_embassy.config import Register, open_site, write_atomically
from data_embassy.errors import TransportError
from data_embassy.gauges import Newest
from data_embassy.retention import Retention
from tests.unit.test_status_embassy import SITE

AWAY = TransportError("away", remedy="wait")
LAND = Register(name="land", lane="5555555555555555", tier=1, source=None)


class Services:
    """The broker and the server, as long as they are there."""

    broker = server = True
    end = 10
    settings_asked = 0

    def ends(self, topics: Iterable[str]) -> dict[str, int]:
        if not self.broker:
            raise AWAY
        return dict.fromkeys(topics, self.end)

    def retentions(self, topics: Iterable[str]) -> dict[str, Retention]:
        self.settings_asked += 1
        return dict.fromkeys(topics, Retention(seconds=60.0))


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Services:
    services = Services()

    class Connection:
        def close(self) -> None:
            """Nothing to end."""

    def connect(*_: object, **__: object) -> Connection:
        if not services.server:
            raise AWAY
        return Connection()

    monkeypatch.setattr(survey, "TopicAdmin", lambda _: services)
    monkeypatch.setattr(survey, "connect", connect)
    return services


def looked(tmp_path: Path, now: list[float], registers: list[Register]) -> Survey:
    write_atomically(tmp_path / "site.toml", SITE)
    one = Survey(open_site(tmp_path), lambda: registers)
    for name in ("_ends", "_retentions", "_broker", "_server"):
        setattr(one, name, Newest(OUTDATED_SECONDS, monotonic=lambda: now[0]))
    one.stop()
    return one


def test_what_services_say_is_known_until_it_is_old(services: Services, tmp_path: Path) -> None:
    now, registers = [0.0], [LAND]
    one = looked(tmp_path, now, registers)
    one.run()
    found = one.look("land")
    assert found is not None
    assert (found.end, found.retention) == (10, Retention(seconds=60.0))
    assert (one._broker.number(), one._server.number()) == (1, 1)
    services.broker = services.server = False
    now[0] += 1
    one.run()
    assert (one._broker.number(), one._server.number()) == (0, 0)
    assert one.look("land") is not None
    now[0] += OUTDATED_SECONDS
    assert one.look("land") is None
    now[0] += OUTDATED_SECONDS
    assert math.isnan(one._broker.number())


def test_the_settings_of_a_register_that_comes_are_asked_at_once(services: Services, tmp_path: Path) -> None:
    registers: list[Register] = []
    one = looked(tmp_path, [0.0], registers)
    one.run()
    registers.append(LAND)
    one.run()
    one.run()
    assert services.settings_asked == 2
    found = one.look("land")
    assert found is not None
    assert found.retention is not None


def test_the_gauges_are_exported_by_who_looks(services: Services, tmp_path: Path) -> None:
    looked(tmp_path, [0.0], [LAND])
    assert REGISTRY.get_sample_value("embassy_broker_up") is not None
    assert REGISTRY.get_sample_value("embassy_standby_server_up") is not None
