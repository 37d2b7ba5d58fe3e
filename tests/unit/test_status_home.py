"""Home's status without services: each station of the way by what can be asked, remembered, or not found out."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from connectors.client import ConnectorStatus
from connectors.watch import Health, health_folder
from data_embassy.config import (
    PasswordFile,
    Postgres,
    Register,
    Site,
    Source,
    Terms,
    open_site,
    pause,
    write_atomically,
)
from data_embassy.errors import ContractError, TransportError
from data_embassy.status import HOPS, DataKey, RegisterStatus
from operations.status import home
from operations.status.ears import Word
from pipelines.memory import Memory, Remembered
from pipelines.pulse.slot import Slot, tell_slot
from pipelines.receipts import Heard, Receipt
from pipelines.stops import Stop, StopFiles

SITE = """
[site]
role = "home"
[kafka]
bootstrap = "127.0.0.1:1"
[connect]
url = "http://127.0.0.1:1"
[link]
bootstrap = "127.0.0.1:3"
"""
NAME = "land"
NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
SECOND = 1_000_000
AT = int(NOW.timestamp()) * SECOND
POSITION = Receipt(
    generation=1, incarnation=1, commit_lsn=0x16B3748, home_offset=40, lane_offset=9, source_committed_at=AT - SECOND,
    applied_at=AT, pulse_at=AT - 5 * SECOND // 2, attempt=1,
)  # fmt: skip
HEARD = Heard(signed_at=AT - 2 * SECOND, position=POSITION, backlog_envelopes=3)
AWAY = TransportError("away", remedy="wait")


@dataclass
class World:
    """What is asked, and what answers; an error stands for no answer."""

    site: Site
    receipts: Heard | TransportError | None = HEARD
    has_gone_back: bool = False
    home_end: int | TransportError | None = 45
    slot: tuple[bool, int] | TransportError | None = (True, 4096)
    connector: ConnectorStatus | TransportError = field(default_factory=lambda: ConnectorStatus(state="RUNNING"))

    def look(self) -> RegisterStatus:
        """The one register's status."""
        (found,) = home.home_status(self.site, clock=lambda: NOW, ears=FakeEars(self))
        return found

    def part(self, name: str) -> Any:
        """One station of it."""
        return next(part for part in self.look().parts if part.name == name)

    def tells(self, at: float = 0.0, **more: Any) -> None:
        """The forwarder's last words."""
        write_atomically(self.site.state / "told" / "forward.json", json.dumps({"at": NOW.timestamp() + at, **more}))

    def remembers(self, **more: Any) -> None:
        """The forwarder's memory of receipts."""
        Memory(self.site.state).write(NAME, Remembered(at=NOW.timestamp(), **more))


def answer(value: Any) -> Any:
    """What was asked for, or its absence."""
    if isinstance(value, TransportError):
        raise value
    return value


@dataclass
class FakeEars:
    """Both brokers."""

    world: World

    def words(self, *_: object) -> dict[str, Word | None]:
        found: Heard | None = answer(self.world.receipts)
        if found is None:
            return {}
        return {NAME: Word(heard=found, position=found.position, has_gone_back=self.world.has_gone_back)}

    def ends(self, *_: object) -> dict[str, int]:
        found = answer(self.world.home_end)
        return {} if found is None else {NAME: found}


def session(world: World) -> Callable[..., Any]:
    class Session:
        def execute(self, *_: object) -> Session:
            return self

        def fetchone(self) -> Any:
            return answer(world.slot)

    @contextmanager
    def connect(*_: object, **__: object) -> Iterator[Session]:
        yield Session()

    return connect


def connect_client(world: World) -> Callable[..., Any]:
    class Client:
        @contextmanager
        def opened(self) -> Iterator[Client]:
            yield self

        def status(self, _name: str) -> ConnectorStatus:
            found = answer(world.connector)
            assert isinstance(found, ConnectorStatus)
            return found

    return lambda *_, **__: Client().opened()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    write_atomically(tmp_path / "site.toml", SITE)
    server = Postgres(host="x", port=1, database="land", user="u", password=PasswordFile(path=tmp_path / "none"))
    source = Source(capture=server, pulse=server, slot="s", publication="p")
    register = Register(name=NAME, lane="5" * 16, tier=1, source=source, terms=Terms(rpo_seconds=10))
    one = World(replace(open_site(tmp_path), registers={NAME: register}))
    monkeypatch.setattr(home, "load_home_keys", lambda *_, **__: None)
    for name, value in {
        "connect": session(one), "ConnectClient": connect_client(one),
    }.items():  # fmt: skip
        monkeypatch.setattr(home, name, value)
    one.tells(acknowledged={NAME: 41}, states={NAME: "streaming"})
    return one


def test_everything_answers(world: World) -> None:
    found = world.look()
    assert (found.state, found.cause, found.notes) == ("live", None, ())
    assert [part.state for part in found.parts] == ["live", "live", "live", "live"]
    assert (found.lag_seconds, found.age_seconds, found.is_objective_met) == (0.5, 2.0, True)
    assert (found.backlog.records, found.backlog.envelopes, found.backlog.slot_bytes) == (4, 3, 4096)
    assert found.position is not None
    assert (found.position.commit_lsn, found.position.home_offset) == ("0/16B3748", 40)
    assert found.as_json()["register"] == NAME


def test_what_cannot_be_reached_is_said_and_the_rest_is_shown(world: World) -> None:
    world.receipts = world.home_end = world.slot = world.connector = AWAY
    found = world.look()
    assert len(found.notes) == 4
    assert found.backlog.records is None
    assert [(part.state, part.cause) for part in found.parts] == [
        ("waiting", "RegisterUnreachable"), ("waiting", "HomeBrokerDown"), ("live", None), ("unknown", "LinkDown"),
    ]  # fmt: skip
    assert (found.state, found.cause) == ("waiting", "RegisterUnreachable")
    assert found.parts[-1].reason == "the embassy's broker does not answer through the link, and nothing was ever heard"


def test_a_topic_that_is_not_there_yet_is_no_broker_that_is_away(world: World) -> None:
    world.home_end = None
    found = world.look()
    assert (found.state, found.cause, found.backlog.records, found.notes) == ("live", None, None, ())


@pytest.mark.parametrize(
    ("connector", "cause", "state", "remedy"),
    [
        (AWAY, "ConnectDown", "waiting", "systemctl start kafka-connect"),
        (ConnectorStatus(state="STOPPED"), "CaptureStopped", "stopped", "embassy connector apply land"),
        (ConnectorStatus(state="PAUSED"), "CaptureStopped", "stopped", "embassy connector apply land"),
        (ConnectorStatus(state="ABSENT"), None, "live", None),
        (ConnectorStatus(state="UNASSIGNED"), None, "live", None),
    ],
)
def test_capture_that_is_away_is_said_with_its_remedy(
    world: World, connector: Any, cause: str | None, state: str, remedy: str | None
) -> None:
    world.connector = connector
    found = world.look()
    assert (found.cause, found.state, found.remedy) == (cause, state, remedy)


@pytest.mark.parametrize(
    ("was_there", "since", "cause"),
    [(True, 31.0, "CaptureMissing"), (True, 29.0, None), (False, 3600.0, None)],
)
def test_a_connector_that_was_there_is_missed(world: World, was_there: bool, since: float, cause: str | None) -> None:
    world.connector = ConnectorStatus(state="ABSENT")
    health = Health(state="ABSENT", was_there=was_there, changed_at=NOW.timestamp() - since)
    write_atomically(health_folder(world.site) / f"{NAME}.json", json.dumps(asdict(health)))
    found = world.look()
    assert found.cause == cause
    assert cause is None or (found.state, found.remedy) == ("stopped", "embassy connector apply land")


def test_a_first_snapshot_has_no_connector_yet(world: World) -> None:
    world.connector, world.receipts = ConnectorStatus(state="ABSENT"), replace(HEARD, state="loading")
    found = world.look()
    assert (found.state, found.cause) == ("loading", None)


@pytest.mark.parametrize(("slot", "cause"), [((False, 4096), "PulseDown"), (None, None), (AWAY, "RegisterUnreachable")])
def test_a_pulse_that_nobody_writes_is_said_unless_the_register_has_no_slot_or_no_server(
    world: World, slot: Any, cause: str | None
) -> None:
    world.slot = slot
    told = Slot(is_active=False, retained=4096, safe=10_000, status="extended")
    tell_slot(world.site.state, NAME, told, lost_in=600.0, at=NOW.timestamp() - 60)
    assert world.part("source").cause == cause


def test_a_link_that_is_away_is_told_from_an_embassy_that_is_silent(world: World) -> None:
    world.receipts = AWAY
    world.remembers(heard=replace(HEARD, signed_at=AT - 60 * SECOND))
    found = world.look()
    assert (found.state, found.cause) == ("unknown", "LinkDown")
    assert str(found.reason).startswith("the embassy's broker does not answer through the link; the embassy last said")


def test_what_was_heard_last_stands_in_while_the_link_is_away(world: World) -> None:
    world.receipts = AWAY
    world.remembers(heard=HEARD, position=POSITION, offset_seconds=-1.0, uncertainty_seconds=0.1, is_offset_small=False)
    found = world.look()
    assert (found.age_seconds, found.is_lag_trusted) == (1.0, False)
    assert found.parts[-1].state == "live"
    assert found.position is not None


def test_a_register_of_another_sites_capture_has_no_slot_here(world: World) -> None:
    bare = replace(world.site.registers[NAME], source=None)
    world.site = replace(world.site, registers={NAME: bare}, connect=None)
    found = world.look()
    assert (found.parts[0].state, found.parts[1].detail) == ("unknown", {"connector": "UNKNOWN"})


def test_an_embassy_that_said_nothing_yet_is_unknown(world: World) -> None:
    world.receipts = None
    found = world.look()
    assert (found.state, found.cause, found.lag_seconds, found.age_seconds) == ("unknown", None, None, None)
    assert found.parts[-1].reason == "the embassy has not said anything of it yet"


def test_a_silent_embassy_is_told_and_its_age_counts(world: World) -> None:
    world.receipts = replace(HEARD, signed_at=AT - 60 * SECOND)
    found = world.look()
    assert (found.cause, found.is_objective_met) == ("EmbassySilent", False)
    assert "60 s ago: it was live then" in str(found.reason)


@pytest.mark.parametrize("where", ["topic", "memory"])
def test_a_copy_that_went_back_stops(world: World, where: str) -> None:
    world.has_gone_back = where == "topic"
    if where == "memory":
        world.remembers(has_lost_receipts=True)
    found = world.look()
    assert (found.state, found.cause) == ("stopped", "ReceiptWentBack")


def test_what_stands_still_at_the_embassy_is_told_with_its_candidate(world: World) -> None:
    candidate = {"generation": 2, "attempt": 1, "state": "stopped", "cause": "Gapped", "rows": 7}
    world.receipts = replace(HEARD, state="stopped", cause="Gapped", candidate=candidate)
    found = world.look()
    assert (found.state, found.cause) == ("stopped", "Gapped")
    assert found.candidate is not None
    assert (found.candidate.name, found.candidate.cause) == ("generation 2.1", "Gapped")
    assert found.candidate.detail == {"generation": 2, "attempt": 1, "rows": 7}
    world.receipts = replace(HEARD, candidate={"generation": 2, "attempt": 1, "state": "loading"})
    loading = world.look().candidate
    assert loading is not None
    assert (loading.state, loading.reason, loading.remedy) == ("loading", None, None)


@pytest.mark.parametrize("part", ["source", "forward"])
def test_a_stored_stop_is_told_with_its_remedy(world: World, part: Any) -> None:
    stop = Stop(register=NAME, cause="Odd", message="m", remedy="r", home_offset=None, stopped_at="then")
    StopFiles(world.site.state, part).write(stop)
    found = world.part(part)
    assert (found.state, found.cause, found.reason, found.remedy, found.since) == ("stopped", "Odd", "m", "r", "then")
    assert world.look().cause == "Odd"


def test_a_failed_connector_is_a_stop_with_its_own_cause_if_it_has_one(world: World) -> None:
    world.connector = ConnectorStatus(state="FAILED")
    assert world.part("capture").cause == "CaptureFailed"
    health = Health(state="FAILED", cause_class="SlotMissing", reason="gone", remedy="r")
    write_atomically(health_folder(world.site) / f"{NAME}.json", json.dumps(asdict(health)))
    found = world.part("capture")
    assert (found.cause, found.reason) == ("SlotMissing", "gone")


@pytest.mark.parametrize("at", [None, -60.0])
def test_a_forwarder_that_says_nothing_is_down(world: World, at: float | None) -> None:
    (world.site.state / "told" / "forward.json").unlink()
    if at is not None:
        world.tells(at)
    found = world.look()
    assert (found.state, found.cause) == ("down", "ForwarderDown")
    assert found.is_held is None


def test_what_waits_and_what_runs_out_is_said_while_it_is_of_the_present(world: World) -> None:
    hops = {hop: 1000 * place for place, hop in enumerate(HOPS)}
    world.receipts = replace(HEARD, hops=hops, backlog_transactions=12)
    slot = Slot(is_active=False, retained=4096, safe=10_000, status="extended")
    tell_slot(world.site.state, NAME, slot, lost_in=600.0, at=NOW.timestamp())
    words: dict[str, Any] = {
        "waiting_bytes": {NAME: 900},
        "home_headroom_seconds": {NAME: 7200.0},
        "level_in_seconds": {NAME: 3.0},
        "data_keys": {NAME: {"age_seconds": 9000.0, "envelopes": 12, "sealed": 0.12, "left_seconds": 77_400.0}},
    }
    world.tells(**words)
    found = world.look()
    assert found.data_key == DataKey(age_seconds=9000.0, envelopes=12, used=0.12, left_seconds=77_400.0)
    assert list(found.hops.items()) == [(hop, place / 1000) for place, hop in enumerate(HOPS)]
    assert (found.backlog.bytes, found.backlog.transactions, found.level_in_seconds) == (900, 12, 3.0)
    assert found.runs_out_seconds == {"slot": 600.0, "home": 7200.0}
    world.tells(-60.0, **words)
    tell_slot(world.site.state, NAME, slot, lost_in=600.0, at=NOW.timestamp() - 60)
    found = world.look()
    assert (found.backlog.bytes, found.level_in_seconds, found.runs_out_seconds) == (None, None, {})
    assert found.data_key is None
    world.tells(**words | {"data_keys": {NAME: {"age": "of another version"}}})
    assert world.part("forward").cause == "ForwarderDown"


@pytest.mark.parametrize("offset", [-3600, 3600])
def test_clocks_an_hour_apart_show_the_true_lag_at_home(world: World, offset: int) -> None:
    world.receipts = replace(HEARD, signed_at=HEARD.signed_at + offset * SECOND)
    assert world.look().lag_seconds != 0.5
    world.remembers(correction_seconds=float(offset), offset_seconds=float(offset), is_offset_small=False)
    found = world.look()
    assert (found.lag_seconds, found.age_seconds, found.is_lag_trusted) == (0.5, 2.0, False)


def test_a_register_whose_clock_is_ahead_is_not_trusted_at_home(world: World) -> None:
    ahead = 3600 * SECOND
    world.receipts = replace(HEARD, position=replace(POSITION, pulse_at=(POSITION.pulse_at or 0) + ahead), ahead=ahead)
    found = world.look()
    assert (found.lag_seconds, found.is_lag_trusted) == (0.5, False)


@pytest.mark.parametrize(("reason", "told"), [(None, "by an operator"), ("works", "works")])
def test_a_pause_is_shown_unless_something_stopped(world: World, reason: str | None, told: str) -> None:
    pause(world.site, NAME, at="then", reason=reason)
    found = world.look()
    assert (found.state, found.paused, found.parts[2].state) == ("paused", told, "paused")
    assert str(found.reason).startswith("paused by an operator since then")
    world.has_gone_back = True
    assert world.look().state == "stopped"


def test_a_pause_at_the_embassy_names_the_command_there(world: World) -> None:
    world.receipts = replace(HEARD, state="paused")
    found = world.look()
    assert (found.state, found.paused) == ("paused", None)
    assert found.remedy == f"at the embassy: embassy register resume {NAME}"


def test_a_broken_contract_is_shown_beside_the_others(world: World) -> None:
    world.site = replace(world.site, faults={"other": ContractError("broken", remedy="mend it")})
    assert [one.register for one in home.home_status(world.site, clock=lambda: NOW, ears=FakeEars(world))] == [
        "other",
        NAME,
    ]
