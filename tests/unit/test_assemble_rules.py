"""Rules of stream-v1 sections 2 and 5, one test each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from consumers import refusals
from consumers.assemble import Assembler
from consumers.group import Group
from consumers.position import StandbyPosition
from consumers.transactions import Limits, RereadNeeded
from data_embassy.envelope import Run
from data_embassy.errors import StreamError
from schemas.records import ORIGIN_SNAPSHOT, RecordKey, encode, snapshot_run
from tests.support.receiver_model import first_position
from tests.support.synthetic_register import PERSON, SyntheticRegister, delete, insert, run_of, update

START = first_position(last_end=1 << 24)


def assembler(start: StandbyPosition = START, **options: Any) -> Assembler:
    return Assembler(start, schemas=(), **options)


def feed(
    target: Assembler, log: list[tuple[bytes, bytes]], *, first: int = 0, lane_offset: int = 0, incarnation: int = 1
) -> None:
    """Feed records one by one, each a run of its own."""
    for at, (key, value) in enumerate(log, first):
        run = Run(*RecordKey.unpack(key), 1)
        target.feed(incarnation=incarnation, lane_offset=lane_offset, first_offset=at, runs=[run], values=[value])


def taken(target: Assembler) -> Group:
    group = target.take()
    assert group is not None
    return group


def lsns(target: Assembler) -> list[int | None]:
    group = target.take()
    return [] if group is None else [frame.commit_lsn for frame in group.frames]


@pytest.fixture
def source() -> SyntheticRegister:
    source = SyntheticRegister()
    source.session()
    return source


def test_transactions_are_whole_and_in_order(source):
    first = source.commit(insert(1, "a"), insert(2, "b"))
    second = source.commit(delete(1))
    target = assembler()
    feed(target, source.log)
    group = taken(target)
    assert [(frame.commit_lsn, frame.first, frame.last) for frame in group.frames] == [(first, 0, 2), (second, 2, 3)]
    assert len(group.values) == 3


def test_position_is_that_of_the_last_end(source):
    source.commit(insert(1, "a"))
    lsn = source.commit(insert(2, "b"))
    target = assembler()
    feed(target, source.log, first=100, lane_offset=7)
    source.begin()
    feed(target, source.log[-1:], first=100 + len(source.log) - 1, lane_offset=8)
    position = taken(target).position(START)
    assert (position.last_end, position.home_offset, position.lane_offset) == (lsn, 100 + len(source.log) - 2, 7)
    assert (position.capture_run, position.capture_n) == (run_of(1), len(source.log) - 1)
    assert (position.transactions, position.changes) == (2, 2)


def test_position_of_a_head_lies_behind_its_last_frame(source):
    first = source.commit(insert(1, "a"))
    source.commit(insert(2, "b"))
    target = assembler()
    feed(target, source.log)
    head = taken(target).head(1)
    assert head.position(START).last_end == first
    assert len(head.values) == 1


def test_empty_transaction_moves_the_position(source):
    lsn = source.commit()
    target = assembler()
    feed(target, source.log)
    assert taken(target).position(START).last_end == lsn


def test_repeated_numbers_are_dropped(source):
    source.commit(insert(1, "a"))
    target = assembler()
    feed(target, source.log)
    feed(target, source.log[-3:], first=50)
    assert len(lsns(target)) == 1
    assert target.counts.repeated == 3


def test_skipped_number_suspends_until_the_next_marker(source):
    first = source.commit(insert(1, "a"))
    del source.log[-2:]
    source.commit(insert(2, "b"))
    second = source.lsn
    source.session(confirmed=START.last_end)
    source.commit(insert(1, "a"), lsn=first)
    source.commit(insert(2, "b"), lsn=second)
    target = assembler()
    feed(target, source.log)
    assert lsns(target) == [first, second]


def test_run_that_was_seen_in_part_is_trimmed_to_its_news(source):
    first = source.commit(insert(1, "a"))
    seen = len(source.log)
    second = source.commit(insert(2, "b"), insert(3, "c"))
    third = source.commit(delete(1))
    target = assembler()
    feed(target, source.log[:seen])
    again = source.log[seen - 2 :]
    run = Run(*RecordKey.unpack(again[0][0]), len(again))
    target.feed(
        incarnation=2, lane_offset=1, first_offset=seen - 2, runs=[run], values=[value for _, value in again]
    )  # fmt: skip
    group = taken(target)
    assert [(frame.commit_lsn, frame.first, frame.last) for frame in group.frames] == [
        (first, 0, 1), (second, 1, 3), (third, 3, 4),
    ]  # fmt: skip
    assert target.counts.repeated == 2
    assert group.position(START).home_offset == len(source.log) - 1


def test_skipped_records_that_come_late_do_not_end_the_suspension(source):
    first = source.commit(insert(1, "a"))
    begin = len(source.log)
    source.commit(insert(2, "b"))
    missing, rest = source.log[begin : begin + 2], source.log[begin + 2 :]
    target = assembler()
    feed(target, [*source.log[:begin], *rest, *missing, *rest])
    assert lsns(target) == [first]
    assert target.counts.suspended == 2 * len(rest) + len(missing)


def test_records_of_an_earlier_session_are_dropped(source):
    source.commit(insert(1, "a"))
    stale = source.log[-3:]
    source.session(confirmed=START.last_end, insert_lsn=source.lsn)
    target = assembler()
    feed(target, source.log + stale)
    assert lsns(target) == [source.lsn]
    assert target.counts.stale == 3


def test_session_without_marker_stops(source):
    target = assembler()
    feed(target, source.log)
    source.session(confirmed=START.last_end)
    with pytest.raises(refusals.RunWithoutMarker):
        feed(target, source.log[-1:])


def test_session_whose_marker_was_lost_with_the_end_of_homes_log_waits_for_the_next(source):
    first = source.commit(insert(1, "a"))
    seen = len(source.log)
    source.session(confirmed=START.last_end)
    second = source.commit(insert(2, "b"))
    begin = len(source.log)
    source.session(confirmed=first)
    source.commit(insert(2, "b"), lsn=second)
    target = assembler()
    feed(target, source.log[:seen])
    feed(target, source.log[seen + 1 : begin], incarnation=2, first=seen)
    assert lsns(target) == [first]
    assert target.counts.suspended == begin - seen - 1
    feed(target, source.log[begin:], incarnation=2, first=begin - 1)
    assert lsns(target) == [second]


def test_first_record_that_is_no_marker_stops():
    target = assembler()
    with pytest.raises(refusals.RunWithoutMarker):
        feed(target, [(RecordKey(1, run_of(1), 1).pack(), encode("Begin", {"transaction": 1}))])


def test_session_marker_discards_the_open_transaction(source):
    source.begin()
    source.changes([insert(1, "never")])
    source.session(confirmed=START.last_end)
    lsn = source.commit(insert(2, "b"))
    target = assembler()
    feed(target, source.log)
    group = taken(target)
    assert [frame.commit_lsn for frame in group.frames] == [lsn]
    assert len(group.values) == 1
    assert target.counts.discarded == 1


def test_transaction_that_was_applied_is_dropped_whole(source):
    first = source.commit(insert(1, "a"))
    source.session(confirmed=START.last_end)
    source.commit(insert(1, "a"), lsn=first)
    second = source.commit(insert(2, "b"))
    target = assembler()
    feed(target, source.log)
    assert lsns(target) == [first, second]


END = {"transaction": 701, "commit_lsn": 1 << 25, "event_count": 0, "committed_at": 1}

BROKEN = {
    "BEGIN inside": lambda s: (s.begin(), s.begin()),
    "END without BEGIN": lambda s: s.end(0),
    "change outside": lambda s: (s.commit(insert(1, "a")), s.changes([insert(2, "b")])),
    "count": lambda s: (s.begin(), s.changes([insert(1, "a")]), s.end(2)),
    "marker within": lambda s: s._capture(s.log[0][1]),
    "marker of another session": lambda s: s.session(confirmed=0, session=run_of(7)),
    "damaged END": lambda s: (s.begin(), s._capture(encode("End", END)[:-1])),
    "END with more behind it": lambda s: (s.begin(), s._capture(encode("End", END) + b"x")),
    "other transaction": lambda s: (s.begin(), s.__dict__.update(transaction=1), s.end(0)),
}


@pytest.mark.parametrize("breakage", BROKEN.values(), ids=BROKEN)
def test_broken_frame_stops_behind_what_was_whole(source, breakage):
    lsn = source.commit(insert(9, "whole"))
    breakage(source)
    target = assembler()
    with pytest.raises(refusals.FrameBroken):
        feed(target, source.log)
    assert lsns(target)[0] == lsn


def test_unknown_schema_stops(source):
    schemas, rest = source.log[1:4], source.log
    source.commit(insert(1, "a"))
    source._n = 1
    source.log = [rest[0]]
    source.commit(insert(1, "a"))
    target = assembler()
    with pytest.raises(refusals.UnknownSchema):
        feed(target, source.log)
    assert schemas


def test_schema_restated_by_an_epoch_is_known(source):
    restated = [value for _, value in source.log[1:4]]
    source.log, source._n = source.log[:1], 1
    lsn = source.commit(insert(1, "a"))
    target = assembler()
    target.learn(restated)
    feed(target, source.log)
    assert lsns(target) == [lsn]


def test_schema_with_a_false_fingerprint_stops():
    source = SyntheticRegister()
    source.session()
    value = encode("Schema", {"fingerprint": b"12345678", "json": PERSON.json})
    with pytest.raises(StreamError, match="another fingerprint"):
        assembler().learn([value])


@pytest.mark.parametrize(
    ("marker", "error"),
    [
        ({"confirmed": (1 << 24) + 8}, refusals.SessionGap),
        ({"confirmed": 0, "insert_lsn": 0}, refusals.RegisterWentBack),
        ({"system_identifier": "1"}, refusals.SystemChanged),
        ({"timeline": 0}, refusals.TimelineForked),
        ({"timeline": 2}, refusals.TimelineForked),
        ({"timeline": 2, "timeline_forks": [{"timeline": 1, "switch_lsn": (1 << 24) - 8}]}, refusals.TimelineForked),
    ],
)
def test_marker_that_leaves_a_gap_stops(marker, error):
    source = SyntheticRegister()
    source.session(**marker)
    with pytest.raises(error):
        feed(assembler(replace(START, capture_run=run_of(0), capture_n=5)), source.log)


def test_a_gap_behind_a_rewritten_home_log_has_a_name_of_its_own():
    source = SyntheticRegister()
    source.session()
    source.commit(insert(1, "a"))
    target = assembler()
    feed(target, source.log)
    source.log.clear()
    source.session(confirmed=source.lsn + 8)
    ((key, value),) = source.log[:1]
    run = Run(*RecordKey.unpack(key), 1)
    with pytest.raises(refusals.HomeLogRewritten, match="lost changes"):
        target.feed(incarnation=9, lane_offset=3, first_offset=0, runs=[run], values=[value])


def test_new_timeline_that_forks_behind_the_position_is_accepted():
    source = SyntheticRegister()
    source.session(timeline=3, timeline_forks=[
        {"timeline": 1, "switch_lsn": 1 << 24}, {"timeline": 2, "switch_lsn": (1 << 24) + 80}])  # fmt: skip
    lsn = source.commit(insert(1, "a"))
    target = assembler()
    feed(target, source.log)
    group = taken(target)
    assert group.position(START).timeline == 3
    assert group.position(START).last_end == lsn


def test_marker_before_the_snapshots_point_may_end_before_it():
    source = SyntheticRegister()
    source.snapshot_begin()
    source.session(confirmed=0, insert_lsn=5)
    feed(assembler(), source.log)


def test_joining_generation_skips_what_precedes_the_first_begin(source):
    source.begin()
    source.changes([insert(1, "older than the snapshot")])
    begin = len(source.log)
    source.end(1, lsn=START.last_end)
    lsn = source.commit(insert(2, "b"))
    target = assembler()
    target.learn([value for _, value in source.log[1:4]])
    feed(target, source.log[begin - 1 :], first=begin - 1)
    assert lsns(target) == [lsn]


def test_snapshot_records_count_for_nothing_within_a_transaction(source):
    source.begin()
    source.changes([insert(1, "a")])
    source.snapshot_begin(2)
    source.changes([insert(2, "b")], first_order=2)
    lsn = source.end(2)
    target = assembler()
    feed(target, source.log)
    assert lsns(target) == [lsn]
    assert [began.run for began in target.take_began()] == [2 << 32 | 1]


def test_unknown_origin_stops():
    with pytest.raises(refusals.UnknownOrigin):
        feed(assembler(), [(RecordKey(3, 1, 1).pack(), b"x")])


def test_run_of_a_snapshot_without_its_begin_stops():
    with pytest.raises(refusals.RunWithoutMarker):
        feed(assembler(), [(RecordKey(ORIGIN_SNAPSHOT, 5 << 32, 1).pack(), b"x" * 10)])


SMALL = Limits(changes=3, bytes=1 << 20, piece_changes=4, piece_bytes=1 << 20)


def test_huge_transaction_goes_in_pieces_that_add_up(source):
    target = assembler(limits=SMALL)
    feed(target, source.log)
    assert target.take() is None
    source.log.clear()
    source.begin()
    source.changes([insert(i, "x") for i in range(11)])
    source.end(11)
    pieces = []
    for at, record in enumerate(source.log):
        feed(target, [record], first=50 + at)
        while (group := target.take()) is not None:
            pieces.append(group)
    assert [piece.first_order for piece in pieces] == [1, 4, 7, 10]
    assert [piece.is_complete for piece in pieces] == [False, False, False, True]
    assert sum(len(piece.values) for piece in pieces) == 11


def test_a_key_change_is_never_cut_in_two(source):
    target = assembler(limits=SMALL)
    source.begin()
    source.changes([insert(1, "x"), insert(2, "x"), delete(1), insert(3, "x"), update(2, "y")])
    feed(target, source.log[:-1])
    assert len(taken(target).values) == 2
    assert target.take() is None


def test_nothing_but_deletes_is_cut_all_the_same(source):
    target = assembler(limits=SMALL)
    source.begin()
    source.changes([delete(i) for i in range(5)])
    feed(target, source.log)
    assert len(taken(target).values) == 4


def test_piece_of_a_discarded_transaction_is_rolled_back(source):
    target = assembler(limits=SMALL)
    source.begin()
    source.changes([insert(i, "x") for i in range(6)])
    feed(target, source.log)
    assert not taken(target).is_complete
    source.log.clear()
    source.session(confirmed=START.last_end)
    feed(target, source.log, first=90)
    group = taken(target)
    assert group.discards_open
    assert not group.frames


def repeated(source: SyntheticRegister, count: int, *, lsn: int) -> int:
    """A huge transaction in a session that may repeat applied ones; returns the home offset of its BEGIN."""
    source.session(confirmed=0)
    source.lsn = lsn - 8 * count
    offset = len(source.log)
    source.begin()
    source.changes([insert(i, "x") for i in range(count)])
    return offset


def feed_and_take(target: Assembler, log: list[tuple[bytes, bytes]], *, first: int = 0) -> list[Group]:
    groups = []
    for at, record in enumerate(log, first):
        feed(target, [record], first=at)
        while (group := target.take()) is not None:
            groups.append(group)
    return groups


def test_huge_repeat_is_counted_and_never_held(source):
    repeated(source, 9, lsn=START.last_end)
    source.end(9, lsn=START.last_end)
    after = source.commit(insert(20, "news"))
    target = assembler(limits=SMALL)
    groups = feed_and_take(target, source.log)
    assert [[frame.commit_lsn for frame in group.frames] for group in groups] == [[after]]
    assert [len(group.values) for group in groups] == [1]


def test_huge_transaction_that_proves_to_be_news_is_read_again(source):
    # Its changes stand before the position, only its END behind it: a transaction that ran beside others.
    begin = repeated(source, 9, lsn=START.last_end)
    lsn = source.end(9, lsn=START.last_end + 8)
    with pytest.raises(RereadNeeded) as again:
        feed_and_take(assembler(limits=SMALL), source.log)
    assert again.value.begin_offset == begin
    groups = feed_and_take(assembler(limits=SMALL, certain=[begin]), source.log)
    assert [group.is_complete for group in groups] == [False, False, True]
    assert groups[-1].frames[-1].commit_lsn == lsn
    assert sum(len(group.values) for group in groups) == 9


def test_huge_transaction_with_a_change_behind_the_position_is_no_repeat(source):
    repeated(source, 6, lsn=START.last_end + 24)
    groups = feed_and_take(assembler(limits=SMALL), source.log)
    assert [group.is_complete for group in groups] == [False]
    assert [len(group.values) for group in groups] == [3]


def test_count_of_a_huge_repeat_is_compared_too(source):
    repeated(source, 9, lsn=START.last_end)
    source.end(8, lsn=START.last_end)
    with pytest.raises(refusals.FrameBroken, match="9 changes"):
        feed_and_take(assembler(limits=SMALL), source.log)


def test_change_too_short_to_tell_its_place_is_no_certainty(source):
    source.session(confirmed=0)
    source.begin()
    source.changes([insert(1, "x")])
    whole = source.log.pop()[1]
    source._n -= 1
    for _ in range(5):
        source._capture(whole[:12])
    target = assembler(limits=SMALL)
    assert feed_and_take(target, source.log) == []
    source.end(5, lsn=START.last_end)
    assert feed_and_take(target, source.log[-1:]) == []


def test_group_is_full_by_bytes_by_changes_and_by_transactions(source):
    setup = len(source.log)
    source.commit(insert(1, "a"))
    sizes = sum(len(value) for _, value in source.log)
    for limits in (Limits(bytes=sizes), Limits(changes=1)):
        target = assembler(limits=limits)
        full = [target.is_full]
        feed(target, source.log[:setup])
        full.append(target.is_full)
        feed(target, source.log[setup:], first=setup)
        full.append(target.is_full)
        taken(target)
        assert [*full, target.is_full] == [False, False, True, False]
    target = assembler(limits=Limits(changes=2))
    source.log = source.log[:setup]
    source._n = setup
    source.commit()
    source.commit()
    feed(target, source.log)
    assert target.is_full


def test_joining_generation_goes_on_in_the_middle_of_a_later_session(source):
    source.begin()
    source.changes([insert(1, "of a session that ended")])
    first = source.log[1:]
    source.session(confirmed=START.last_end)
    schemas = [value for _, value in source.log[-3:]]
    source.commit(insert(1, "older than the snapshot"), lsn=START.last_end)
    begin = len(source.log)
    lsn = source.commit(insert(2, "b"))
    target = assembler()
    target.learn(schemas)
    feed(target, first, first=1)
    feed(target, source.log[begin - 1 :], first=begin - 1)
    assert lsns(target) == [lsn]
    source.session(confirmed=START.last_end)
    with pytest.raises(refusals.RunWithoutMarker, match="begins with record 2"):
        feed(target, source.log[-3:], first=90)


def test_a_generation_that_joined_behind_a_lost_begin_waits_for_the_next_marker(source):
    """Whose END is behind the point began behind it: its BEGIN, and who knows what before it, never came."""
    schemas = [value for _, value in source.log[-3:]]
    source.commit(insert(1, "a"))
    source.commit(insert(2, "b"))
    joined = len(source.log) - 5
    target = assembler()
    target.learn(schemas)
    feed(target, source.log[joined:], first=joined)
    assert target.take() is None
    assert target.counts.suspended == 3
    again = len(source.log)
    source.session(confirmed=START.last_end)
    lsn = source.commit(insert(1, "a"), insert(2, "b"))
    feed(target, source.log[again:], first=again)
    assert lsns(target) == [lsn]


def test_a_generation_that_joined_behind_a_lost_begin_sees_the_gap_in_the_next_marker(source):
    lsn = source.commit(insert(1, "a"))
    target = assembler()
    feed(target, source.log[-1:], first=90)
    source.session(confirmed=lsn)
    with pytest.raises(refusals.SessionGap):
        feed(target, source.log[-4:], first=91)


@pytest.mark.parametrize(("first_n", "count", "is_past"), [(1, 1, False), (2, 1, True), (1, 2, True), (3, 1, False)])
def test_only_the_snapshots_own_point_ends_the_time_before_it(first_n, count, is_past):
    source = SyntheticRegister()
    source.session(confirmed=0, insert_lsn=5)
    target = assembler()
    own = snapshot_run(START.generation, START.attempt)
    target.feed(
        incarnation=1, lane_offset=0, first_offset=0, runs=[Run(ORIGIN_SNAPSHOT, own, first_n, count)],
        values=[b"x"] * count,
    )  # fmt: skip
    if is_past:
        with pytest.raises(refusals.RegisterWentBack):
            feed(target, source.log)
    else:
        feed(target, source.log)


@pytest.mark.parametrize(("incarnation", "is_understood"), [(START.incarnation, False), (START.incarnation + 1, True)])
def test_a_rewritten_log_may_show_a_generation_the_marker_of_before_its_point(incarnation, is_understood):
    source = SyntheticRegister()
    source.session(confirmed=0, insert_lsn=5)
    lsn = source.commit(insert(1, "a"))
    assert lsn > START.last_end
    target = assembler()
    own = snapshot_run(START.generation, START.attempt)
    target.feed(
        incarnation=START.incarnation, lane_offset=0, first_offset=9, runs=[Run(ORIGIN_SNAPSHOT, own, 2, 1)],
        values=[b"x"],
    )  # fmt: skip
    if is_understood:
        feed(target, source.log, incarnation=incarnation)
        assert lsns(target) == [lsn]
    else:
        with pytest.raises(refusals.RegisterWentBack):
            feed(target, source.log, incarnation=incarnation)


def test_many_registers_share_what_a_few_may_hold():
    alone, one_of_twenty = Limits.of_one_of(1), Limits.of_one_of(20)
    assert alone == Limits.of_one_of(3) == Limits()
    assert one_of_twenty.bytes * 20 <= alone.bytes * 3.1
    assert one_of_twenty.piece_changes < alone.piece_changes
    assert Limits.of_one_of(1000).bytes >= 1 << 20
