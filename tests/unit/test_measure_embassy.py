"""What the receiver's gauges show: dead threads, idle registers, wrong clocks, backlogs; never a false nought."""

from __future__ import annotations

import datetime as dt
import math
import re
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import generate_latest

from consumers import metering
from consumers.apply.changes import Frame
from consumers.course import WINDOW_SECONDS, Course, Figures, LaneLook
from consumers.figures import Instruments, figures
from consumers.group import Group
from consumers.passage import Arrivals, Way, arrival
from consumers.position import StandbyPosition
from consumers.receipts import Condition
from consumers.worker import StandbyWorker
from data_embassy import metrics
from data_embassy.clock import Comparison
from data_embassy.config import Register
from data_embassy.hops import Measured, Sent
from data_embassy.retention import Retention
from data_embassy.status import HOPS, STATES
from tests.support.promised import OF_REGISTER, missing
from tests.support.receiver_model import first_position
from tests.support.scraped import Scraped

START = 1_700_000_000.0
HOUR = 3600.0


def position(*, pulse_at: float = START, lane_offset: int = 9, transactions: int = 0) -> StandbyPosition:
    return replace(
        first_position(last_end=1), pulse_at=round(pulse_at * 1e6), lane_offset=lane_offset, transactions=transactions
    )


@dataclass
class Receiver:
    """A receiver whose threads may all be dead."""

    last_position: StandbyPosition | None = None
    live: Any = None
    course: Course = field(default_factory=Course)
    condition: tuple[float, Condition] | None = None
    register: Any = field(default_factory=lambda: SimpleNamespace(name="measured"))
    now: float = START
    monotonic: float = 0.0
    up: float | None = None
    down: float | None = None
    look: LaneLook | None = None
    has_eyes: bool = True

    def figures(self) -> Figures:
        comparison = Comparison()
        if self.up is not None:
            comparison.up._smallest.append((0.0, self.up))
        comparison.down = self.down
        instruments = Instruments(
            comparison=comparison,
            now=lambda: self.now,
            monotonic=lambda: self.monotonic,
            look=(lambda _: self.look) if self.has_eyes else None,
        )
        return figures("measured", self, instruments)


def worker(at: StandbyPosition | None, **more: Any) -> Any:
    plain: dict[str, Any] = {
        "beats": SimpleNamespace(newest=Measured(), applied_at=None),
        "envelope_bytes": None,
        "key_envelopes": None,
        "lane_end": None,
        "has_all": False,
        "trouble": None,
    }
    return SimpleNamespace(position=at, **plain | more)


# -- lag --------------------------------------------------------------------------------------------------------------


def test_before_the_first_pulse_nothing_is_known() -> None:
    found = Receiver(last_position=replace(position(), pulse_at=None)).figures()
    assert (found.lag_seconds, found.level_in_seconds, found.hops) == (None, None, {})
    assert Receiver().figures().backlog_envelopes is None


def test_the_lag_of_a_dead_receiver_or_of_a_dead_pulse_grows() -> None:
    """Nobody applies any more, whatever the reason; an idle register's pulse comes every second."""
    receiver = Receiver(last_position=position(), live=worker(position()), look=LaneLook(end=10))
    receiver.now += 600
    assert receiver.figures().lag_seconds == 600
    receiver.live = None
    assert receiver.figures().lag_seconds == 600
    assert receiver.figures().level_in_seconds is None


@pytest.mark.parametrize("offset", [HOUR, -HOUR])
def test_clocks_an_hour_apart_change_no_lag_and_are_said(offset: float) -> None:
    receiver = Receiver(live=worker(position()), now=START + 5 + offset, up=offset + 0.02, down=0.02 - offset)
    found = receiver.figures()
    assert found.lag_seconds == pytest.approx(5.0, abs=0.05)
    assert found.is_lag_trusted is False


def test_an_embassy_that_is_behind_shows_no_nought_before_home_answered() -> None:
    receiver = Receiver(live=worker(position()), now=START + 5 - HOUR)
    assert receiver.figures().lag_seconds is None
    receiver.up = 0.02 - HOUR
    assert receiver.figures().lag_seconds == pytest.approx(5.0, abs=0.05)
    assert receiver.figures().is_lag_trusted is False


def test_a_register_that_is_ahead_shows_no_nought() -> None:
    receiver = Receiver(live=worker(position(pulse_at=START + HOUR)), now=START + 5)
    assert receiver.figures().lag_seconds is None
    receiver.live.beats.newest = Measured(hops=dict.fromkeys(HOPS, 1.0), ahead=HOUR)
    found = receiver.figures()
    assert (found.lag_seconds, found.is_lag_trusted) == (5.0, False)


@pytest.mark.parametrize(
    ("more", "end", "has_all"),
    [
        ({"has_all": True, "lane_end": 12}, 12, True),
        ({"has_all": False, "lane_end": 12}, 12, False),
        ({"has_all": True, "lane_end": 12}, 15, False),
        ({"has_all": True, "lane_end": None}, 12, False),
        ({"has_all": True, "lane_end": 12, "trouble": "away"}, 12, False),
    ],
)
def test_a_worker_has_all_only_as_far_as_the_broker_says_so_too(
    more: dict[str, Any], end: int, *, has_all: bool
) -> None:
    assert Receiver(live=worker(position(), **more), look=LaneLook(end=end)).figures().has_all is has_all
    assert Receiver(live=worker(position(), **more)).figures().has_all is False


# -- what waits -------------------------------------------------------------------------------------------------------


def test_a_worker_that_stands_still_does_not_hide_what_comes() -> None:
    receiver = Receiver(live=worker(position(), lane_end=10, envelope_bytes=100.0), look=LaneLook(end=30))
    found = receiver.figures()
    assert (found.backlog_envelopes, found.backlog_bytes, found.backlog_transactions) == (20, 2000, None)


def test_without_the_broker_nobody_knows_what_waits() -> None:
    receiver = Receiver(live=worker(position(), lane_end=10))
    assert receiver.figures().backlog_envelopes is None
    receiver.has_eyes = False
    assert receiver.figures().backlog_envelopes == 0


def test_a_level_register_has_nothing_to_catch_up_with() -> None:
    receiver = Receiver(live=worker(position()), now=START + 1, look=LaneLook(end=10))
    found = receiver.figures()
    assert (found.level_in_seconds, found.backlog_bytes, found.backlog_transactions) == (0.0, 0, 0)


def catching_up(pace: float, *, seconds: int = 10) -> Receiver:
    """Two hundred envelopes of three transactions each second, and so many seconds of the register's time."""
    receiver = Receiver(look=LaneLook(end=100_000))
    for second in range(seconds + 1):
        at = position(pulse_at=START + pace * second, lane_offset=200 * second, transactions=600 * second)
        receiver.now, receiver.monotonic, receiver.live = START + 1000 + second, second, worker(at)
        receiver.course.see(second, at, 50_000 + 10 * second)
    return receiver


def test_a_catch_up_says_when_it_ends() -> None:
    found = catching_up(11.0).figures()
    assert found.lag_seconds == 1000 + 10 - 110
    assert found.level_in_seconds == pytest.approx(900 / 10)
    assert found.backlog_transactions == 3 * (100_000 - 2000 - 1)


@pytest.mark.parametrize("pace", [0.0, 0.5, 1.0])
def test_a_standby_that_gains_nothing_is_never_said_to_be_level_soon(pace: float) -> None:
    assert catching_up(pace).figures().level_in_seconds is None


def test_a_course_that_was_not_noted_lately_says_nothing() -> None:
    receiver = catching_up(11.0)
    receiver.monotonic += WINDOW_SECONDS
    assert receiver.figures().level_in_seconds is None


def test_another_standby_begins_a_course_of_its_own() -> None:
    receiver = catching_up(11.0)
    receiver.course.see(11, position(pulse_at=START - 99), 5)
    receiver.monotonic = 11
    assert receiver.figures().level_in_seconds is None


def test_an_expiring_lane_says_how_long_is_left() -> None:
    day = Retention(seconds=86_400.0)
    receiver = Receiver(live=worker(position()), now=START + 80_000, look=LaneLook(end=50, retention=day))
    assert receiver.figures().lane_headroom_seconds == 6_400
    receiver.look = LaneLook(end=10, retention=day)
    assert receiver.figures().lane_headroom_seconds == 86_400
    receiver.look = LaneLook(end=50, retention=Retention())
    assert receiver.figures().lane_headroom_seconds == math.inf
    receiver.look = LaneLook(end=50)
    assert receiver.figures().lane_headroom_seconds is None


# -- arrivals ---------------------------------------------------------------------------------------------------------

SENT = Sent(captured_first=1_000_000, captured_last=1_090_000, collected=1_100_000, sealed=1_200_000)


def group(*ends: int) -> Group:
    """Transactions of two changes each that end at these home offsets."""
    frames = [
        Frame(transaction=place, commit_lsn=place + 1, event_count=2, first=2 * place, last=2 * place + 2)
        for place in range(len(ends))
    ]
    return Group(values=[b""] * (2 * len(ends)), frames=frames, ends=[(end, 0) for end in ends], stretches=[])


def test_a_pulse_passed_when_its_own_envelope_did() -> None:
    arrivals = Arrivals()
    arrivals.add(0, 10, 500, arrival(replace(SENT, sealed=1), fetched=9_000_000, empty_at=0, up=0.5))
    arrivals.add(10, 10, 700, arrival(SENT, fetched=9_000_000, empty_at=0, up=0.5))
    passed = arrivals.passed(group(5, 13, 25), 3, decoded=9_500_000)
    assert passed is not None
    assert (passed.captured, passed.collected, passed.sealed) == (1_030_000, 1_100_000, 1_200_000)
    assert (passed.arrived, passed.fetched, passed.decoded) == (1_700_000, 9_000_000, 9_500_000)
    assert 500 < (arrivals.envelope_bytes or 0) < 700
    assert arrivals.key_envelopes is None
    arrivals.add(20, 10, 700, None, counter=6)
    arrivals.add(20, 0, 700, None)  # A repeat says nothing of the key in use.
    assert arrivals.key_envelopes == 6


def test_the_oldest_pulse_of_a_group_is_the_longest_on_its_way() -> None:
    arrivals = Arrivals()
    arrivals.add(0, 10, 500, arrival(replace(SENT, sealed=1_110_000), fetched=9_000_000, empty_at=8_900_000, up=0.5))
    late = Sent(captured_first=7_920_000, captured_last=7_930_000, collected=7_960_000, sealed=8_000_000)
    arrivals.add(10, 10, 700, arrival(late, fetched=9_000_000, empty_at=0, up=0.5))
    oldest, newest = arrivals.ways(group(5, 13, 25), (1, 3), 1_000_000, 7_900_000, decoded=9_500_000)
    assert oldest is not None
    assert newest is not None
    assert (oldest.passed and oldest.passed.sealed, newest.passed and newest.passed.sealed) == (1_110_000, 8_000_000)
    now = dt.datetime.fromtimestamp(9.6, dt.UTC)
    services: Any = SimpleNamespace(comparison=Comparison(), receipts=None, now=lambda: now)
    target: Any = SimpleNamespace(database="a")
    one: Any = StandbyWorker(
        register=Register(name="a", lane="b", tier=1, source=None), target=target, services=services
    )
    one.committed(position(), SimpleNamespace(oldest=oldest, newest=newest), 0)
    slowest = one.beats.take_slowest()
    assert one.beats.newest.seconds < 2
    assert (max(slowest.hops, key=slowest.hops.get), slowest.seconds) == ("link", pytest.approx(8.6))
    assert one.beats.take_slowest() == one.beats.newest


def test_a_link_that_was_cut_is_not_the_receivers_time() -> None:
    """The lane held nothing more a moment before: until then it was the link that waited."""
    assert arrival(SENT, fetched=9_000_000, empty_at=8_900_000, up=0.5).arrived == 8_900_000
    assert arrival(SENT, fetched=9_000_000, empty_at=9_100_000, up=0.5).arrived == 9_000_000
    assert arrival(SENT, fetched=9_000_000, empty_at=0, up=None).arrived == 9_000_000


@pytest.mark.parametrize("place", [None, 5])
def test_a_pulse_whose_envelope_is_not_known_has_no_way(place: int | None) -> None:
    arrivals = Arrivals()
    arrivals.add(0, 10, 500, arrival(SENT, fetched=9, empty_at=0, up=0.5))
    arrivals.add(10, 10, 500, None)
    assert arrivals.passed(group(5, 13, 25), place, decoded=1) is None


# -- gauges -----------------------------------------------------------------------------------------------------------


def test_the_gauges_show_what_is_so_when_they_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("consumers.metering.time.monotonic", lambda: now[0])
    receiver = Receiver(live=worker(position()), now=START + 1, look=LaneLook(end=10))
    metering.watch(receiver)
    states = dict.fromkeys(STATES, 0.0)

    def shown() -> dict[str, float | None]:
        page = Scraped(generate_latest().decode())
        return {state: page.value("embassy_state", register="measured", state=state) for state in STATES}

    def age() -> float | None:
        return Scraped(generate_latest().decode()).value("embassy_pulse_age_seconds", register="measured")

    try:
        assert all(math.isnan(value or 0) for value in shown().values())
        of_contract = {name for name in OF_REGISTER["receive"] if re.search("tier|paused|last", name)}
        assert missing(Scraped(generate_latest().decode()), "receive", "measured") == of_contract
        receiver.condition = 99.0, Condition(state="live")
        assert shown() == states | {"live": 1.0}
        receiver.condition = 50.0, Condition(state="live")  # Its supervisor stands still.
        assert shown() == states | {"down": 1.0}
        receiver.now += 500
        assert age() == 501
        receiver.live.beats.applied_at = 92.0
        assert age() == 8
        page = Scraped(generate_latest().decode())
        assert page.value("embassy_lag_seconds", register="measured") == 501
        assert math.isnan(page.value("embassy_hop_seconds", register="measured", hop="link") or 0)
        receiver.live.beats.newest = Measured(hops=dict.fromkeys(HOPS, 0.5))
        page = Scraped(generate_latest().decode())
        assert page.value("embassy_hop_seconds", register="measured", hop="link") == 0.5
    finally:
        metrics.forget("measured")


def test_a_worker_and_its_gauge_measure_age_by_the_same_clock() -> None:
    services: Any = SimpleNamespace(comparison=Comparison(), now=lambda: dt.datetime.now(dt.UTC), receipts=None)
    target: Any = SimpleNamespace(database="measured_g1")
    one = StandbyWorker(register=Receiver().register, target=target, services=services)
    at = replace(position(), beat=5)
    way = Way(pulse_at=at.pulse_at or 0, passed=None)
    ready: Any = SimpleNamespace(oldest=way, newest=way)
    one.committed(at, ready, 0)
    assert 0 <= metering._pulse_age(Receiver(live=one)) < 60
