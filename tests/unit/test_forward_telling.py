"""What the forwarder says of its registers: estimates by what waits and by what the link usually carries."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipelines.outlook import CARRIED_SECONDS_MIN, WINDOW_SECONDS
from pipelines.session import State
from pipelines.telling import Teller, Told, read_told
from pipelines.weighing import Weight

LAND, GAZETTE = "land", "gazette"
LOOK_SECONDS = 2


def session(name: str, tier: int, *, done: int, in_flight: int = 0) -> Any:
    flight = SimpleNamespace(bytes_per_record=100.0, in_flight_bytes=in_flight, is_held=tier > 1, newest_way=None)
    return SimpleNamespace(
        register=SimpleNamespace(name=name, tier=tier), flight=flight, acknowledged_end=done, state=State.OPEN,
        epoch_use=None,
    )  # fmt: skip


def tell(teller: Teller, now: float, *, rate: float | None = 1000.0, **changes: Any) -> Told:
    sessions = {LAND: session(LAND, 1, done=1000), GAZETTE: session(GAZETTE, 3, done=0, in_flight=500)}
    return teller.tell(sessions, {LAND: 1000, GAZETTE: 1000}, rate, now=now, at=now, **changes)


def test_what_waits_is_taken_for_as_large_as_what_was_sealed_last(tmp_path):
    told = tell(Teller(tmp_path), 0, rate=50_000.0)
    assert told.waiting_bytes == {LAND: 0, GAZETTE: 100_000}
    assert told.level_in_seconds == {LAND: 0, GAZETTE: 2}
    assert read_told(tmp_path) == told


def test_what_was_weighed_counts_by_its_weight(tmp_path: Path):
    told = tell(Teller(tmp_path), 0, rate=1e6, weights={GAZETTE: Weight(waiting=2000.0, newest=80.0)})
    assert told.waiting_bytes[GAZETTE] == 2_000_000
    assert told.level_in_seconds[GAZETTE] == 2


def test_a_busy_link_is_taken_for_what_it_usually_carries_and_not_for_its_best_moment(tmp_path: Path):
    teller = Teller(tmp_path)
    for now in range(0, int(WINDOW_SECONDS) + 1, LOOK_SECONDS):
        told = tell(teller, now, carried=500 * now)
        assert (told.level_in_seconds[GAZETTE] is None) == (now < LOOK_SECONDS + CARRIED_SECONDS_MIN)
    assert told.link_bytes_per_second == 1000
    assert told.level_in_seconds[GAZETTE] == pytest.approx(200)


def test_nothing_is_said_behind_a_link_that_carries_nothing(tmp_path: Path):
    teller = Teller(tmp_path)
    for now in range(0, int(WINDOW_SECONDS) + 1, LOOK_SECONDS):
        told = tell(teller, now, carried=7, rate=None)
    assert told.level_in_seconds == {LAND: 0, GAZETTE: None}
