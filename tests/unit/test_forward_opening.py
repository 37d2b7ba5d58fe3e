"""Where a forwarder goes on: the lane's tail against the home topic, on logs in memory."""

from collections.abc import Iterator

import pytest

from data_embassy.envelope import HomeVerifier
from data_embassy.envelope.errors import Unsealable
from pipelines.batches import Record
from pipelines.numbering import HomeGap
from pipelines.opening import LaneUnreadable, Opening, Recognition
from pipelines.tail import Bounds, Start, last_agreeing
from schemas.records import RecordKey, snapshot_run
from tests.support.sealing import LANE, make_sealer, make_sites

SITES = make_sites()


class MemoryLog:
    """A topic as a list; offsets below `low` were trimmed."""

    def __init__(self, messages: list[tuple[bytes, bytes]], low: int = 0) -> None:
        self.messages, self.low = messages, low
        self.reads = 0

    def bounds(self) -> Bounds:
        return Bounds(low=self.low, end=len(self.messages))

    def read(self, first: int, last: int) -> Iterator[tuple[int, bytes | None, bytes | None]]:
        for offset in range(first, last + 1):
            self.reads += 1
            yield (offset, *self.messages[offset])


def change(run: int, n: int, text: bytes = b"") -> tuple[bytes, bytes]:
    return RecordKey(1, run, n).pack(), b"\xc3\x01" + bytes(8) + b"value %d.%d" % (run, n) + text


def session(run: int, count: int, text: bytes = b"") -> list[tuple[bytes, bytes]]:
    return [change(run, n, text) for n in range(1, count + 1)]


def ranged(home: list[tuple[bytes, bytes]], first: int, end: int) -> list[Record]:
    return [(offset, *home[offset]) for offset in range(first, end)]


def lane_of(home: list[tuple[bytes, bytes]], *ranges: tuple[int, int], incarnation: int = 1) -> list[bytes]:
    sealer = make_sealer(SITES, incarnation=incarnation)
    envelopes = [sealer.begin_epoch(next_offset=ranges[0][0], schemas=[], generation=None)]
    sealer.epoch_acknowledged(0)
    return [*envelopes, *(sealer.seal(ranged(home, first, end)) for first, end in ranges)]


def find(
    lane: list[bytes],
    home: list[tuple[bytes, bytes]],
    *,
    low: int = 0,
    below: int | None = None,
    refused: int | None = None,
) -> Start:
    opening = Opening(
        lane=MemoryLog([(b"", envelope) for envelope in lane]),
        home=MemoryLog(home, low),
        recognition=Recognition(
            verify=HomeVerifier(lane=LANE, keys=SITES.home).verify,
            digest=make_sealer(SITES, incarnation=0).digest,
        ),
        new_incarnation=lambda former: former + 1,
    )
    return opening.find(below=below, refused=refused)


HOME = session(5, 30)


def test_an_empty_lane_begins_where_the_home_topic_begins():
    assert find([], HOME, low=4).next_offset == 4
    assert find([], HOME).incarnation == 1


def test_an_agreeing_tail_is_continued():
    start = find(lane_of(HOME, (0, 10), (10, 20)), HOME)
    assert (start.next_offset, start.incarnation, start.is_rewritten, start.restarts_connector) == (20, 1, False, False)


def test_a_refused_record_is_passed_by_only_with_a_generation_behind_it():
    foreign = [*HOME[:20], (b"short", b"x"), (b"", b"x"), *HOME[22:]]
    lane = lane_of(HOME, (0, 10), (10, 20))
    with pytest.raises(Unsealable, match="home offset 20"):
        find(lane, foreign, refused=20)
    begun = [*foreign, (RecordKey(2, snapshot_run(2, 1), 1).pack(), b"begin")]
    start = find(lane, begun, refused=20)
    assert (start.next_offset, start.incarnation) == (30, 2)
    assert find(lane, HOME, refused=19).next_offset == 20, "it was sealed, or the topic is another one"


def test_the_tail_is_the_highest_offset_not_the_last_envelope():
    assert find(lane_of(HOME, (0, 10), (10, 20), (0, 10), (5, 12)), HOME).next_offset == 20


def test_the_tail_is_found_behind_many_old_ranges():
    assert find(lane_of(HOME, (0, 20), *[(0, 1)] * 7), HOME).next_offset == 20


def test_only_epochs_on_a_lane_hold_no_place():
    sealer = make_sealer(SITES)
    epochs = [sealer.begin_epoch(next_offset=0, schemas=[], generation=None) for _ in range(12)]
    assert find(epochs, HOME).next_offset == 0


def test_epochs_behind_the_tail_are_passed_over():
    epochs = lane_of(HOME, (0, 20))[:1] * 20
    assert find([*lane_of(HOME, (0, 20)), *epochs], HOME).next_offset == 20


def test_a_home_topic_that_ends_below_the_tail_was_rewritten():
    start = find(lane_of(HOME, (0, 10), (10, 20)), HOME[:15])
    assert (start.next_offset, start.incarnation, start.is_rewritten) == (10, 2, True)


def test_the_next_number_behind_the_agreeing_envelope_needs_no_restart():
    assert not find(lane_of(HOME, (0, 10), (10, 20)), HOME[:15]).restarts_connector


def test_a_new_session_behind_the_agreeing_envelope_needs_no_restart():
    rewritten = [*HOME[:10], *session(6, 30)]
    start = find(lane_of(HOME, (0, 10), (10, 20)), rewritten)
    assert (start.next_offset, start.is_rewritten, start.restarts_connector) == (10, True, False)


@pytest.mark.parametrize("rest", [[], [change(5, 25), change(5, 26)], [change(4, 1)]])
def test_numbers_that_do_not_continue_restart_the_connector(rest):
    start = find(lane_of(HOME, (0, 10), (10, 20)), [*HOME[:10], *rest])
    assert (start.next_offset, start.restarts_connector) == (10, True)


def test_a_topic_made_anew_begins_a_new_incarnation_at_its_beginning():
    start = find(lane_of(HOME, (0, 10), (10, 20)), session(6, 40, b" other"))
    assert (start.next_offset, start.incarnation, start.restarts_connector) == (0, 2, True)


def test_the_newest_incarnation_is_the_tail_even_at_a_lower_offset():
    rewritten = [*HOME[:10], *session(6, 5)]
    lane = [*lane_of(HOME, (0, 10), (10, 20)), *lane_of(rewritten, (10, 15), incarnation=2)]
    start = find(lane, rewritten)
    assert (start.next_offset, start.incarnation, start.is_rewritten) == (15, 2, False)


def test_the_agreeing_envelope_is_found_far_back_without_reading_the_lane():
    home = session(5, 400)
    lane = lane_of(home, *[(i, i + 1) for i in range(400)])
    log = MemoryLog([(b"", envelope) for envelope in lane])
    opening = Opening(
        lane=log,
        home=MemoryLog([*home[:37], *session(6, 500)]),
        recognition=Recognition(
            verify=HomeVerifier(lane=LANE, keys=SITES.home).verify, digest=make_sealer(SITES, incarnation=0).digest
        ),
        new_incarnation=lambda former: former + 1,
    )
    assert opening.find().next_offset == 37
    assert log.reads < 40


@pytest.mark.parametrize("low", [11, 20, 25])
def test_records_trimmed_before_they_were_compared_are_a_gap(low):
    with pytest.raises(HomeGap):
        find(lane_of(HOME, (0, 10), (10, 20)), HOME, low=low)


@pytest.mark.parametrize(("low", "begin"), [(11, 24), (25, 27)])
def test_a_snapshot_behind_the_gap_begins_a_new_incarnation(low, begin):
    snapshot = (RecordKey(2, snapshot_run(2, 1), 1).pack(), b"\xc3\x01" + bytes(8))
    start = find(lane_of(HOME, (0, 10), (10, 20)), [*HOME[:begin], snapshot, *HOME[begin:]], low=low)
    assert (start.next_offset, start.incarnation, start.restarts_connector) == (begin, 2, False)


def test_a_snapshot_that_was_sealed_already_mends_no_gap():
    snapshot = (RecordKey(2, snapshot_run(2, 1), 1).pack(), b"\xc3\x01" + bytes(8))
    home = [*HOME[:15], snapshot, *HOME[15:]]
    with pytest.raises(HomeGap):
        find(lane_of(home, (0, 10), (10, 20)), home, low=11)


def test_records_trimmed_up_to_the_tail_are_no_gap():
    assert find(lane_of(HOME, (0, 10), (10, 20)), HOME, low=10).next_offset == 20


def test_foreign_envelopes_are_passed_over():
    foreign = make_sealer(make_sites("others"))
    garbage = [foreign.begin_epoch(next_offset=0, schemas=[], generation=None), b"", b"garbage"]
    assert find([*lane_of(HOME, (0, 20)), *garbage], HOME).next_offset == 20


def test_a_lane_of_only_foreign_envelopes_stops():
    with pytest.raises(LaneUnreadable):
        find([b"garbage"] * 20, HOME)


def test_a_lane_that_was_rewound_counts_below_the_rewinding():
    assert find(lane_of(HOME, (0, 10), (20, 25)), HOME, below=2).next_offset == 10


@pytest.mark.parametrize("agreeing", range(8))
def test_bisection_finds_the_last_that_agrees(agreeing):
    assert last_agreeing(3, 10, lambda at: at < 3 + agreeing) == (3 + agreeing - 1 if agreeing else None)
