"""What waits is weighed by a few records of it."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from random import Random

import pytest

from data_embassy.errors import TransportError
from pipelines.weighing import EVERY_SECONDS, RECORDS_MIN, STRETCH_RECORDS, STRETCHES, Weigher

SMALL, LARGE = 100, 2000
LOOK_SECONDS = 2


class Topics:
    """Home topics whose records are large in a range; remembers what was read."""

    def __init__(self, large: range = range(0), *, away: str = "") -> None:
        self.large, self.away = large, away
        self.looks: list[str] = []
        self.records_read = 0

    def open(self, name: str) -> AbstractContextManager["Topics"]:
        self.looks.append(name)
        if name == self.away:
            raise TransportError("away", remedy="wait")
        return nullcontext(self)

    def read(self, first: int, last: int) -> Iterator[tuple[int, bytes | None, bytes | None]]:
        for offset in range(first, last + 1):
            self.records_read += 1
            yield offset, None, Random(offset).randbytes(LARGE if offset in self.large else SMALL)


@pytest.mark.parametrize("large", [range(700), range(150, 850), range(100, 450), range(300, 999_000)])
def test_what_waits_is_large_in_part_and_what_comes_is_small(large):
    end = large.stop + 150
    weigher = Weigher(Topics(large).open)
    weigher.look(0, {"land": range(end)})
    found = weigher.weights["land"]
    assert SMALL <= found.newest < 2 * SMALL
    assert found.waiting == pytest.approx((len(large) * LARGE + (end - len(large)) * SMALL) / end, rel=0.25)


def test_values_that_compress_weigh_less():
    class Same(Topics):
        def read(self, first: int, last: int) -> Iterator[tuple[int, bytes | None, bytes | None]]:
            yield from ((offset, None, b"x" * LARGE) for offset in range(first, last + 1))

    weigher = Weigher(Same().open)
    weigher.look(0, {"land": range(1000)})
    assert weigher.weights["land"].waiting < LARGE / 10


def test_few_records_are_read_however_many_wait():
    topics = Topics()
    Weigher(topics.open).look(0, {"land": range(10**9)})
    assert topics.records_read == (STRETCHES + 1) * STRETCH_RECORDS


def test_one_register_is_weighed_at_a_time_and_each_again_after_a_while():
    topics = Topics()
    weigher = Weigher(topics.open)
    waiting = {"land": range(1000), "court": range(5000), "few": range(RECORDS_MIN - 1)}
    for look in range(4):
        weigher.look(look * LOOK_SECONDS, waiting)
    assert topics.looks == ["land", "court"]
    weigher.look(EVERY_SECONDS, waiting)
    assert topics.looks == ["land", "court", "land"]
    assert weigher.weights.keys() == {"land", "court"}


def test_a_register_that_cannot_be_read_delays_no_other():
    topics = Topics(away="court")
    weigher = Weigher(topics.open)
    waiting = {"court": range(1000), "land": range(1000)}
    with pytest.raises(TransportError):
        weigher.look(0, waiting)
    weigher.look(LOOK_SECONDS, waiting)
    assert weigher.weights.keys() == {"land"}


def test_what_is_through_is_forgotten():
    weigher = Weigher(Topics().open)
    weigher.look(0, {"land": range(1000)})
    weigher.look(LOOK_SECONDS, {"land": range(990, 1000)})
    assert weigher.weights == {}


def test_a_huge_record_is_read_alone():
    class Huge(Topics):
        def read(self, first: int, last: int) -> Iterator[tuple[int, bytes | None, bytes | None]]:
            for offset in range(first, last + 1):
                self.records_read += 1
                yield offset, None, bytes(5 << 20)

    topics = Huge()
    Weigher(topics.open).look(0, {"court": range(300)})
    assert topics.records_read == STRETCHES + 1
