"""Batch rules of the forwarder."""

import pytest

from pipelines.batches import LIMITS as FULL_LIMITS
from pipelines.batches import Collector, InFlight, Limits, Record, limits_of_one_of
from schemas.records import KEY_SIZE, ChangeSchema, RecordKey, encode, snapshot_run

IDLE = InFlight(envelopes=0, size=0)
BUSY = InFlight(envelopes=5, size=1000)
LIMITS = Limits(records_max=10, bytes_max=1000, waiting_bytes_max=2000, waiting_records_max=30)


def records(count: int, *, size: int = 10, first: int = 0) -> list[Record]:
    return [(first + i, RecordKey(1, 5, first + i + 1).pack(), bytes(size)) for i in range(count)]


def collector(waiting: list[Record]) -> Collector:
    made = Collector(LIMITS)
    made.add(waiting)
    return made


def test_one_change_of_an_idle_register_leaves_at_once():
    batch = collector(records(1)).take(IDLE)
    assert batch is not None
    assert (batch.first_offset, batch.last_offset) == (0, 0)


def test_a_batch_knows_when_its_records_were_captured_and_collected():
    taken = Collector(LIMITS, clock=lambda: 7.5)
    taken.add(records(4), (1_000, 4_000))
    taken.add(records(4, first=4), (10_000, 40_000))
    taken.add(records(7, first=8))
    first, second = taken.take(IDLE), taken.take(IDLE)
    assert first is not None
    assert second is not None
    assert (first.captured, first.collected) == (None, 7_500_000)  # Its last two were read without times.
    assert second.captured is None
    taken.clear()
    taken.add(records(4), (1_000, 4_000))
    taken.add(records(9, first=4), (10_000, 90_000))
    found = taken.take(IDLE), taken.take(IDLE)
    assert [one and one.captured for one in found] == [(1_000, 60_000), (70_000, 90_000)]


def test_nothing_waits_for_nothing():
    assert Collector(LIMITS).take(IDLE) is None


def test_with_five_in_flight_a_small_batch_waits():
    assert collector(records(9)).take(BUSY) is None


@pytest.mark.parametrize("waiting", [records(10), records(6, size=200)])
def test_with_five_in_flight_a_full_batch_leaves(waiting):
    assert collector(waiting).take(BUSY) is not None


def test_with_four_in_flight_a_small_batch_leaves():
    assert collector(records(1)).take(InFlight(envelopes=4, size=1)) is not None


@pytest.mark.parametrize(
    "in_flight",
    [
        InFlight(envelopes=LIMITS.in_flight_max, size=1),
        InFlight(envelopes=1, size=LIMITS.in_flight_bytes_max),
    ],
)
def test_nothing_leaves_at_the_bound_of_memory(in_flight):
    assert collector(records(10)).take(in_flight) is None


def test_a_batch_ends_at_the_number_of_records():
    taken = collector(records(25))
    assert [len(batch.records) for batch in iter(lambda: taken.take(IDLE), None)] == [10, 10, 5]


def test_a_batch_ends_at_the_number_of_bytes():
    taken = collector(records(6, size=400))
    batch = taken.take(IDLE)
    assert batch is not None
    assert batch.plain_size == 2 * (400 + KEY_SIZE)


def test_a_record_beyond_the_limit_travels_alone():
    taken = collector([*records(1), *records(1, size=5000, first=1), *records(1, first=2)])
    assert [len(batch.records) for batch in iter(lambda: taken.take(IDLE), None)] == [1, 1, 1]


def test_a_snapshot_begin_is_the_first_of_its_batch():
    begin = (3, RecordKey(2, snapshot_run(7, 2), 1).pack(), b"v" * 20)
    chunk = (4, RecordKey(2, snapshot_run(7, 2), 2).pack(), b"v" * 20)
    taken = collector([*records(3), begin, chunk])
    before, behind = taken.take(IDLE), taken.take(IDLE)
    assert before is not None
    assert behind is not None
    assert (before.generation, before.last_offset) == (None, 2)
    assert (behind.generation, behind.first_offset, behind.last_offset) == (7, 3, 4)


def test_a_batch_names_its_schema_records():
    schema = ChangeSchema.build("public", "t", ("a",))
    value = encode("Schema", {"fingerprint": schema.fingerprint, "json": schema.json})
    batch = collector([*records(1), (1, RecordKey(1, 5, 2).pack(), value)]).take(IDLE)
    assert batch is not None
    assert batch.schemas == (value,)


def test_the_reader_pauses_at_the_bound_and_goes_on_below_it():
    taken = collector(records(30))
    assert not taken.has_room
    taken.take(IDLE)
    assert taken.has_room


def test_clearing_forgets_sizes_too():
    taken = collector(records(30, size=100))
    taken.clear()
    assert taken.has_room
    assert taken.take(IDLE) is None


def test_many_registers_together_hold_little_more_than_two():
    def held(registers: int) -> int:
        one = limits_of_one_of(registers)
        envelopes = min(one.in_flight_bytes_max, one.in_flight_max * one.bytes_max)
        return registers * (envelopes + one.waiting_bytes_max)

    assert limits_of_one_of(1) == limits_of_one_of(2) == FULL_LIMITS
    assert max(held(count) for count in range(1, 21)) <= 2.5 * held(2)
