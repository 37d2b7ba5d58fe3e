"""Whatever crashes, repeats, overlaps or is cut anywhere: the same standby, and always a prefix of the register."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from consumers.transactions import Limits
from tests.support.receiver_model import Envelope, Home, Receiver, Store, first_position, forward

LIMITS = [
    Limits(),
    Limits(changes=5, bytes=1 << 20, piece_changes=4, piece_bytes=1 << 20),
    Limits(changes=1, bytes=1, piece_changes=2, piece_bytes=1 << 20),
]


def expected(home: Home, count: int) -> list[tuple[int, int]]:
    return [(lsn, len(changes)) for lsn, changes in home.history[:count]]


def shape(applied: list[tuple[int, list[bytes]]]) -> list[tuple[int, int]]:
    return [(lsn, len(values)) for lsn, values in applied]


def run_to_end(lane: list[Envelope], store: Store, limits: Limits, random: Random, home: Home) -> None:
    """Live, crash, live again, until the lane's end was read."""
    certain: set[int] = set()
    crashes = random.randint(0, 6)
    while True:
        until = len(lane) if crashes == 0 else random.randint(store.position.lane_offset, len(lane))
        crashes = max(0, crashes - 1)
        must_reread = Receiver(lane, store, limits, random, certain).live(until=until)
        assert shape(store.applied) == expected(home, len(store.applied))
        if until == len(lane) and not must_reread:
            return


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(LIMITS))
def test_any_split_any_crash_any_repetition_gives_the_same_standby(seed, limits):
    random = Random(seed)
    home = Home(random)
    lane: list[Envelope] = []
    delivered = 0
    store = Store(first_position(last_end=home.source_start))
    incarnation = 1
    for _ in range(random.randint(1, 5)):
        still_there = delivered
        if home.source.log and random.random() < 0.3:
            still_there = home.lose_tail()
            incarnation += 1
        start = len(home.source.log)
        home.transact(random.randint(0, 6))
        delivered = max(delivered, home.capture(delivered=still_there))
        home.stale_records()
        start = random.randint(max(0, start - 20), start)
        forward(random, home.source.log, lane, incarnation=incarnation, start=start)
        if random.random() < 0.5:
            run_to_end(lane, store, limits, random, home)
    run_to_end(lane, store, limits, random, home)
    assert shape(store.applied) == expected(home, delivered)
    assert store.position.last_end == (home.history[delivered - 1][0] if delivered else home.source_start)
    assert store.position.transactions == delivered
