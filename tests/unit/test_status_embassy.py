"""The embassy's status without services: standbys, stops, pauses, silence, and services that are away."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from consumers import status
from consumers.control import Standby
from consumers.position import StandbyPosition
from consumers.stops import Stop, StopFiles
from consumers.telling import Told, ToldFiles
from data_embassy.config import Site, open_site, pause, write_atomically
from data_embassy.errors import ConfigError, ContractError, TransportError
from data_embassy.status import HOPS, DataKey, RegisterStatus
from tests.support.receiver_model import first_position

SITE = '[site]\nrole="embassy"\n[kafka]\nbootstrap="x:1"\n[postgres]\nhost="127.0.0.1"\nport=1\n'
NAME = "land"
NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
AT = int(NOW.timestamp())
AWAY = TransportError("away", remedy="wait")
LIVE = Standby(
    register=NAME, database="land_1", generation=1, attempt=1, state="live", incarnation=1, begin_home_offset=0,
    begin_lane_offset=0, begin_record=b"",
)  # fmt: skip
LOADING = replace(LIVE, database="land_2", generation=2, state="loading")
POSITION = replace(first_position(last_end=0x16B3748), lane_offset=4, pulse_at=(AT - 2) * 1_000_000)


def stop(database: str) -> Stop:
    return Stop(
        register=NAME, database=database, cause="Gapped", message="m", remedy="r", position="0/1", stopped_at="then"
    )


@dataclass
class World:
    """What the embassy's services answer."""

    site: Site
    standbys: list[Standby] = field(default_factory=lambda: [LIVE])
    stops: list[Stop] = field(default_factory=list)
    position: StandbyPosition | None = POSITION
    end: int | TransportError | None = 10
    """None: the broker does not answer."""
    failures: int = 0
    """How often the server breaks off before it answers; more than it is asked: it is away."""

    def look(self) -> RegisterStatus:
        (found,) = status.embassy_status(self.site, clock=lambda: NOW)
        return found

    def tells(self, ago: float = 1.0, **more: Any) -> None:
        ToldFiles(self.site.state).write(NAME, replace(Told(at=AT - ago, state="live"), **more))


class Closed:
    """Something that is closed after its use."""

    def close(self) -> None:
        """Nothing to end."""


def control(world: World) -> Any:
    class Control(Closed):
        @classmethod
        def open(cls, *_: object, **__: object) -> Control:
            if world.failures > 99:
                raise AWAY
            return cls()

        def standbys(self, _name: str) -> list[Standby]:
            if world.failures:
                world.failures -= 1
                raise AWAY
            return world.standbys

        def stops(self, _name: str) -> list[Stop]:
            return world.stops

    return Control


def broker(world: World) -> Callable[..., Any]:
    class Broker:
        def ends(self, topics: Iterable[str]) -> dict[str, int]:
            if isinstance(world.end, TransportError):
                raise world.end
            return {} if world.end is None else dict.fromkeys(topics, world.end)

    return lambda *_, **__: Broker()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    write_atomically(tmp_path / "site.toml", SITE)
    write_atomically(
        tmp_path / "registers" / f"{NAME}.toml", 'lane = "5555555555555555"\ntier = 1\n[objectives]\nrpo_seconds = 5\n'
    )
    one = World(open_site(tmp_path))
    monkeypatch.setattr(status, "Control", control(one))
    monkeypatch.setattr(status, "TopicAdmin", broker(one))
    monkeypatch.setattr(status, "stored_position", lambda *_: one.position)
    monkeypatch.setattr(status, "_RETRY_SECONDS", 0.0)
    one.tells(offset_seconds=0.1, uncertainty_seconds=0.01, is_offset_small=True)
    return one


def test_a_live_standby_is_shown_with_its_lag(world: World) -> None:
    found = world.look()
    assert (found.state, found.cause, found.notes) == ("live", None, ())
    assert (found.lag_seconds, found.is_lag_trusted, found.age_seconds, found.is_objective_met) == (
        2.0,
        True,
        1.0,
        True,
    )
    assert found.backlog.envelopes == 5
    assert found.position is not None
    assert found.position.commit_lsn == "0/16B3748"


def test_what_the_receiver_saw_of_the_data_key_is_told_while_it_works(world: World) -> None:
    assert world.look().data_key is None
    world.tells(key_envelopes=77)
    assert world.look().data_key == DataKey(envelopes=77)
    world.tells(ago=60.0, key_envelopes=77)
    assert world.look().data_key is None


def test_a_standby_to_which_no_pulse_comes_is_not_live(world: World) -> None:
    world.position = replace(POSITION, pulse_at=(AT - 60) * 1_000_000)
    assert (world.look().state, world.look().cause) == ("live", None), "envelopes wait to be applied"
    world.end = POSITION.lane_offset + 1
    found = world.look()
    assert (found.state, found.cause, found.lag_seconds) == ("waiting", "PulseSilent", 60.0)
    assert found.remedy == "at home: embassy status"
    world.end = POSITION.lane_offset + 2
    world.tells(has_all=True)
    assert world.look().cause == "PulseSilent", "the end of a transaction never came"
    world.end = POSITION.lane_offset + 1
    world.tells(is_offset_small=False)
    assert world.look().cause is None, "clocks that differ say nothing of a lag"


def test_a_switch_between_two_looks_is_looked_at_again(world: World) -> None:
    world.failures = 3
    assert world.look().state == "live"
    world.failures = 5
    assert world.look().cause == "Unreachable"


def test_a_server_that_is_away_is_said(world: World) -> None:
    world.failures = 100
    found = world.look()
    assert (found.state, found.cause) == ("waiting", "Unreachable")
    assert found.reason == "the standbys' server 127.0.0.1:1 does not answer"
    StopFiles(world.site.state).write(NAME, [stop("land_1")])
    found = world.look()
    assert (found.state, found.cause) == ("stopped", "Gapped")
    assert found.notes[-1] == "the standbys' server 127.0.0.1:1 does not answer"


@pytest.mark.parametrize("position", [None, POSITION])
def test_a_lane_that_cannot_be_read_is_said(world: World, position: StandbyPosition | None) -> None:
    world.end, world.position = None, position
    found = world.look()
    assert found.backlog.envelopes is None
    assert found.notes[0].startswith("the lane cannot be read")
    assert found.cause is None


def test_a_dead_broker_is_named_unless_something_worse_is(world: World) -> None:
    world.end = AWAY
    found = world.look()
    assert (found.state, found.cause, found.remedy) == ("waiting", "EmbassyBrokerDown", "systemctl start kafka")
    assert found.backlog.envelopes is None
    world.stops = [stop("land_1")]
    assert (world.look().state, world.look().cause) == ("stopped", "Gapped")


def test_without_a_position_nothing_is_known_of_lag_and_backlog(world: World) -> None:
    world.position = None
    found = world.look()
    assert (found.lag_seconds, found.is_lag_trusted, found.backlog.envelopes, found.position) == (
        None,
        None,
        None,
        None,
    )


def test_a_pulse_from_the_future_is_no_lag_to_be_trusted(world: World) -> None:
    world.position = replace(POSITION, pulse_at=(AT + 3) * 1_000_000)
    found = world.look()
    assert (found.lag_seconds, found.is_lag_trusted, found.is_objective_met) == (None, False, False)


@pytest.mark.parametrize("offset", [-3600, 3600])
def test_clocks_an_hour_apart_show_the_true_lag_and_that_it_is_not_trusted(world: World, offset: int) -> None:
    world.position = replace(POSITION, pulse_at=(AT - offset - 2) * 1_000_000)
    hops = dict.fromkeys(HOPS, 0.25)
    world.tells(correction_seconds=offset, is_offset_small=False, hops=hops, level_in_seconds=4.0, backlog_bytes=9)
    found = world.look()
    assert (found.lag_seconds, found.is_lag_trusted, found.hops) == (2.0, False, hops)
    assert (found.level_in_seconds, found.backlog.bytes) == (4.0, 9)


def test_a_register_whose_clock_is_ahead_shows_the_true_lag(world: World) -> None:
    world.position = replace(POSITION, pulse_at=(AT + 3598) * 1_000_000)
    world.tells(ahead_seconds=3600.0, is_offset_small=False)
    assert world.look().lag_seconds == 2.0


@pytest.mark.parametrize("ago", [None, 60.0])
def test_a_receiver_that_says_nothing_is_down(world: World, ago: float | None) -> None:
    (world.site.state / "receive" / "told" / f"{NAME}.json").unlink()
    if ago is not None:
        world.tells(ago)
    assert (world.look().state, world.look().cause) == ("down", "ReceiverDown")
    world.stops = [stop("land_1")]
    found = world.look()
    assert (found.state, found.cause, found.reason, found.remedy) == ("stopped", "Gapped", "m", found.remedy)
    assert found.notes == ("no receiver works here: embassy run receive",)
    world.standbys, world.stops = [], []
    assert world.look().state == "empty"


def test_what_is_waited_for_is_told(world: World) -> None:
    world.tells(state="waiting", cause="Unreachable", trouble="the broker is away")
    found = world.look()
    assert (found.state, found.cause, found.reason) == ("waiting", "Unreachable", "the broker is away")
    world.tells(state="waiting")
    assert world.look().cause is None


def test_a_generation_that_loads_beside_the_live_one_is_a_candidate(world: World) -> None:
    world.standbys = [LIVE, LOADING]
    world.tells(candidate={"generation": 2, "attempt": 1, "state": "catching up", "rows": 7})
    found = world.look().candidate
    assert found is not None
    assert (found.name, found.state, found.cause) == ("generation 2.1", "catching up", None)
    assert found.detail == {"generation": 2, "attempt": 1, "database": "land_2", "rows": 7}
    world.tells(candidate={"generation": 1, "attempt": 1, "rows": 7})
    found = world.look().candidate
    assert found is not None
    assert (found.state, "rows" in found.detail) == ("loading", False)
    world.stops = [stop("land_2")]
    found = world.look().candidate
    assert found is not None
    assert (found.state, found.cause, found.since) == ("stopped", "Gapped", "then")


def test_the_first_generation_is_shown_while_it_loads(world: World) -> None:
    world.standbys = [LOADING]
    found = world.look()
    assert found.state == "loading"
    assert found.candidate is not None


@pytest.mark.parametrize(("reason", "told"), [(None, "by an operator"), ("works", "works")])
def test_a_pause_is_shown_with_the_way_back(world: World, reason: str | None, told: str) -> None:
    pause(world.site, NAME, at="then", reason=reason)
    found = world.look()
    assert (found.state, found.paused) == ("paused", told)
    assert found.remedy == f"embassy register resume {NAME}"
    world.stops = [stop("land_1")]
    assert (world.look().state, world.look().cause) == ("paused", "Gapped")


def test_a_broken_contract_is_shown_and_home_has_no_standbys(world: World) -> None:
    world.site = replace(world.site, faults={"other": ContractError("broken", remedy="mend it")})
    assert [one.register for one in status.embassy_status(world.site, clock=lambda: NOW)] == ["other", NAME]
    with pytest.raises(ConfigError, match="holds no standbys"):
        status.embassy_status(replace(world.site, postgres=None), clock=lambda: NOW)
