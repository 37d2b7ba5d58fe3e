"""What home's gauges show: dead registers, slots that grow, silent embassies; never a number that nobody knows."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from data_embassy import metrics
from data_embassy.config import Register, Site, Terms, open_site, pause, write_atomically
from data_embassy.envelope import EpochUse
from data_embassy.gauges import Kept, Newest
from data_embassy.hops import Sent
from data_embassy.retention import Retention, headroom
from data_embassy.status import HOPS
from pipelines import caretaker
from pipelines.measuring import HomeGauges
from pipelines.pulse.measuring import PulseGauges
from pipelines.pulse.slot import Growth, Slot, read_slot
from pipelines.receipts import Heard
from pipelines.session import State
from pipelines.stops import Stop, StopFiles
from pipelines.telling import Told, read_told
from tests.support.promised import missing
from tests.support.scenario import wait_for
from tests.support.scraped import Scraped
from tests.unit.test_status_home import SITE

BY_RECEIPTS = {"embassy_receipt_lag_seconds", "embassy_receipt_timestamp_seconds"}
"""Set by whoever follows them."""
GROWING = Slot(is_active=True, retained=1000, safe=5000, status="extended")


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def page() -> Scraped:
    from prometheus_client import generate_latest

    return Scraped(generate_latest().decode())


def shown(metric: str, **labels: str) -> float | None:
    return page().value(f"embassy_{metric}", **labels)


def is_unknown(value: float | None) -> bool:
    return value is not None and math.isnan(value)


# -- the register's database and slot -----------------------------------------------------------------------------


def test_a_slot_that_grows_says_when_it_loses_data() -> None:
    growth = Growth()
    for second in range(60):
        growth.see(second, Slot(is_active=False, retained=100 * second, safe=6000 - 100 * second, status="extended"))
    assert growth.lost_in(Slot(is_active=False, retained=5900, safe=100, status="extended")) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("slot", "expected"),
    [
        (Slot(is_active=True, retained=5900, safe=None, status="extended"), math.inf),
        (Slot(is_active=False, retained=0, safe=None, status="lost"), 0.0),
        (Slot(is_active=False, retained=9000, safe=-7, status="unreserved"), 0.0),
    ],
)
def test_a_slot_without_a_limit_is_never_lost_and_a_lost_one_is(slot: Slot, expected: float) -> None:
    growth = Growth()
    growth.see(0, GROWING)
    growth.see(60, slot)
    assert (growth.lost_in(slot), slot.safe_bytes) == (expected, expected)


def test_a_slot_that_is_read_on_does_not_grow() -> None:
    growth = Growth()
    for second in range(60):
        growth.see(second, Slot(is_active=True, retained=second % 5, safe=100, status="reserved"))
    assert growth.lost_in(Slot(is_active=True, retained=4, safe=96, status="reserved")) == math.inf


def test_a_dead_pulse_shows_nothing_of_the_slot(tmp_path: Path) -> None:
    clock = Clock()
    gauges = PulseGauges("measured", tmp_path, clock=clock, monotonic=clock)
    gauges.saw_slot(GROWING)
    gauges.answers(clock_at=clock.now + 3600)
    assert shown("register_database_up", register="measured") == 1
    assert shown("register_clock_offset_seconds", register="measured") == 3600
    assert (shown("slot_retained_bytes", register="measured"), shown("slot_safe_bytes", register="measured")) == (
        1000, 5000,
    )  # fmt: skip
    assert shown("slot_wal_status", register="measured", status="extended") == 1
    assert missing(page(), "pulse", "measured") == {"embassy_pulse_beat_timestamp_seconds"}  # Set by the first beat.
    assert shown("slot_wal_status", register="measured", status="lost") == 0
    told = read_slot(tmp_path, "measured")
    assert told is not None
    assert (told.retained_bytes, told.safe_bytes, told.lost_seconds) == (1000, 5000.0, None)
    clock.now += 60
    for metric in ("register_database_up", "slot_retained_bytes", "slot_safe_bytes", "slot_lost_seconds"):
        assert is_unknown(shown(metric, register="measured"))
    gauges.is_away()
    assert shown("register_database_up", register="measured") == 0
    metrics.forget("measured")
    assert shown("register_database_up", register="measured") is None


# -- the forwarder --------------------------------------------------------------------------------------------------


@pytest.fixture
def site(tmp_path: Path) -> Site:
    write_atomically(tmp_path / "site.toml", SITE)
    register = Register(name="land", lane="5555555555555555", tier=3, source=None, terms=Terms(rpo_seconds=60))
    return replace(open_site(tmp_path), registers={"land": register})


class World:
    """A forwarder's threads, by what they said last."""

    def __init__(self, site: Site, *, now: float) -> None:
        sent = Sent(
            captured_first=round((now - 9) * 1e6),
            captured_last=round((now - 8) * 1e6),
            collected=round((now - 5) * 1e6),
            sealed=round((now - 4.5) * 1e6),
        )
        self.session: Any = SimpleNamespace(
            state=State.OPEN,
            acknowledged_end=40,
            flight=SimpleNamespace(newest_way=(sent, now - 4.25)),
            epoch_use=EpochUse(age_seconds=120.0, envelopes=7, sealed=0.5, left_seconds=280.0),
        )
        self.sessions: dict[str, Any] = {"land": self.session}
        self.heard: dict[str, tuple[Heard, float]] = {}
        self.gauges = HomeGauges(site, sessions=lambda: self.sessions, heard=self.heard.get)

    def hop(self, name: str) -> float:
        return self.gauges.hops_of("land").get(name, math.nan)


NOW = 1_700_000_000.0


@pytest.fixture
def world(site: Site, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr("pipelines.measuring.time.time", lambda: NOW)
    return World(site, now=NOW)


def receipt(*, ago: float, offset: float = 0.0, **more: Any) -> tuple[Heard, float]:
    return Heard(signed_at=round((NOW - ago + offset) * 1e6), **more), offset


def test_an_embassy_that_speaks_tells_state_and_hops(world: World) -> None:
    hops = {hop: 1000 * place for place, hop in enumerate(HOPS)}
    world.heard["land"] = receipt(ago=2, offset=3600, state="loading", hops=hops)
    assert world.gauges.state_of("land") == "loading"
    assert world.hop("apply") == 0.005


def test_a_silent_embassy_is_unknown_and_home_shows_its_own_hops(world: World) -> None:
    world.heard["land"] = receipt(ago=600, state="live", hops=dict.fromkeys(HOPS, 5))
    assert world.gauges.state_of("land") == "unknown"
    assert (world.hop("home_topic"), world.hop("seal"), world.hop("link")) == pytest.approx((3.0, 0.5, 0.25))
    assert math.isnan(world.hop("apply"))


def test_what_stands_still_at_home_comes_first(world: World, site: Site) -> None:
    world.heard["land"] = receipt(ago=1, state="live")
    assert world.gauges.state_of("land") == "live"
    world.session.state = State.OPENING
    assert world.gauges.state_of("land") == "waiting"
    stop = Stop(register="land", cause="HomeGap", message="m", remedy="r", home_offset=1, stopped_at="then")
    StopFiles(site.state, "source").write(stop)
    assert world.gauges.state_of("land") == "stopped"
    pause(site, "land", reason="", at="now")
    assert world.gauges.state_of("land") == "paused"


def test_a_worker_that_stands_by_shows_nothing_of_the_register(world: World, site: Site) -> None:
    world.sessions.clear()
    assert world.gauges.state_of("land") is None
    assert world.gauges.hops_of("land") == {}
    world.gauges.show(site.registers)
    for metric in ("forward_backlog_records", "epoch_age_seconds", "catchup_seconds", "backlog_bytes"):
        assert is_unknown(shown(metric, register="land")), metric
    assert is_unknown(shown("state", register="land", state="live"))
    assert is_unknown(shown("broker_up"))
    metrics.forget("land")


def test_what_is_known_is_shown(world: World, site: Site) -> None:
    gauges = world.gauges
    gauges.ends.say({"land": 45})
    gauges.broker.say(value=True)
    gauges.link.say(value=False)
    gauges.told.say(Told(at=NOW, waiting_bytes={"land": 500}, level_in_seconds={"land": 2.5}))
    gauges.headrooms.say({"land": math.inf})
    gauges.show(site.registers)
    assert is_unknown(shown("backlog_transactions", register="land"))
    world.heard["land"] = receipt(ago=600, backlog_transactions=12)
    assert is_unknown(shown("backlog_transactions", register="land"))
    world.heard["land"] = receipt(ago=2, backlog_transactions=12)
    found = page()
    expected = {
        "backlog_transactions": 12,
        "forward_backlog_records": 5, "backlog_bytes": 500, "catchup_seconds": 2.5, "epoch_age_seconds": 120,
        "epoch_used_ratio": 0.5, "tier": 3, "objective_seconds": 60, "paused": 0,
    }  # fmt: skip
    assert {name: found.value(f"embassy_{name}", register="land") for name in expected} == expected
    assert missing(found, "forward", "land") == BY_RECEIPTS
    assert (found.value("embassy_broker_up"), found.value("embassy_link_up")) == (1, 0)
    assert found.value("embassy_retention_headroom_seconds", register="land", topic="home") == math.inf
    metrics.forget("land")


# -- shared ---------------------------------------------------------------------------------------------------------


def test_an_answer_is_asked_again_when_it_is_old_and_an_outdated_one_is_none() -> None:
    clock, answers = Clock(), iter((1, 2))
    kept = Kept(lambda: next(answers), 10.0, monotonic=clock)
    assert (kept(), kept()) == (1, 1)
    newest: Newest[int] = Newest(10.0, monotonic=clock)
    assert newest.get() is None
    newest.say(7)
    clock.now += 11
    assert kept() == 2
    assert newest.get() is None
    assert math.isnan(newest.number())


SETTINGS = {"cleanup.policy": "delete", "retention.ms": "60000", "retention.bytes": "-1"}


@pytest.mark.parametrize(
    ("settings", "age", "waits", "comes", "expected"),
    [
        (SETTINGS, 0.0, 0.0, 0.0, 60.0),
        (SETTINGS, 45.0, None, None, 15.0),
        (SETTINGS, 90.0, None, None, 0.0),
        (SETTINGS, None, 0.0, 0.0, None),
        (SETTINGS | {"retention.ms": "-1"}, None, None, None, math.inf),
        (SETTINGS | {"cleanup.policy": "compact"}, None, None, None, math.inf),
        (SETTINGS | {"retention.ms": "-1", "retention.bytes": "1000"}, 0.0, 400.0, 60.0, 10.0),
        (SETTINGS | {"retention.ms": "-1", "retention.bytes": "1000"}, 0.0, None, 60.0, None),
        (SETTINGS | {"retention.ms": "-1", "retention.bytes": "1000"}, 0.0, 1000.0, 0.0, 0.0),
    ],
)
def test_how_long_retention_leaves(
    settings: dict[str, str | None], age: float | None, waits: float | None, comes: float | None, expected: float | None
) -> None:
    assert headroom(Retention.of(settings), oldest_age=age, waiting_bytes=waits, coming_bytes=comes) == expected


# -- home's own broker ----------------------------------------------------------------------------------------------


def test_a_dead_broker_at_home_is_shown_and_the_forwarder_goes_on_telling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asking it takes long, and must not make the forwarder look dead."""
    monkeypatch.setattr(caretaker, "WATCH_SECONDS", 0.05)
    monkeypatch.setattr(caretaker, "BROKER_SECONDS", 0.2)
    write_atomically(tmp_path / "site.toml", SITE)
    registers = {name: Register(name=name, lane="5" * 16, tier=1, source=None) for name in ("land", "court")}
    site = replace(open_site(tmp_path), registers=registers)
    monkeypatch.setattr(caretaker, "LiveSite", lambda _: SimpleNamespace(site=site, look=lambda: site))
    forwarder: Any = SimpleNamespace(sessions=dict, readings=dict)
    one = caretaker.Caretaker(site, SimpleNamespace(), forwarder, lambda: False)  # type: ignore[arg-type]
    watch = threading.Thread(target=one._watch)
    watch.start()
    try:
        began = time.time()
        wait_for(lambda: shown("broker_up") == 0, "it is shown", seconds=10)
        wait_for(lambda: (told := read_told(site.state)) is not None and told.at > began + 1, "it tells", seconds=10)
        assert shown("broker_up") == 0
    finally:
        one.stop()
        watch.join(10)
