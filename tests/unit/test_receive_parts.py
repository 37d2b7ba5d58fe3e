"""The small parts of the receiver: places on the lane, beats, numbers, receipts, stops, choices."""

from __future__ import annotations

import datetime as dt
import io
from dataclasses import dataclass, replace

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.beginnings import GenerationBegan
from consumers.checks import Pulse, follow
from consumers.control import Standby, State
from consumers.generations import Found, newest
from consumers.load import Base
from consumers.reader import trim
from consumers.receipts import INTERVAL_SECONDS, ReceiptWriter
from consumers.refusals import BeatSkipped, Gapped, RegisterWentBack
from consumers.sequence import Sequence
from consumers.stops import Stop, StopFiles
from consumers.switching import sort_candidates
from consumers.varint import read_long, read_longs
from data_embassy.envelope import Run, decode_payload, verify_receipt
from data_embassy.types import Lsn
from tests.support.receiver_model import first_position
from tests.support.sealing import LANE, make_sites


@dataclass
class Range:
    incarnation: int
    first_offset: int
    last_offset: int


@pytest.mark.parametrize(
    ("found", "unseen"),
    [
        (Range(2, 10, 14), 0),
        (Range(2, 8, 12), 2),
        (Range(2, 5, 9), None),
        (Range(1, 10, 14), None),
        (Range(3, 4, 6), 0),
        (Range(3, 10, 11), 0),
    ],
)
def test_place_of_an_envelope(found, unseen):
    assert Sequence(2, 10).unseen(found) == unseen


@pytest.mark.parametrize("found", [Range(2, 11, 12), Range(3, 11, 12)])
def test_jump_is_a_gap(found):
    with pytest.raises(Gapped, match="from home offset 10 to 11"):
        Sequence(2, 10).unseen(found)


def test_first_envelope_may_stand_anywhere():
    assert Sequence().unseen(Range(7, 1000, 1001)) == 0


def test_accepted_envelope_moves_on():
    sequence = Sequence(2, 10)
    sequence.accept(Range(3, 4, 6))
    assert (sequence.incarnation, sequence.next_offset) == (3, 7)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=6), st.data())
def test_trimming_keeps_runs_and_values_together(lengths, data):
    runs = [Run(1, at, 10, length) for at, length in enumerate(lengths)]
    values = [f"{run.run}.{run.first_n + i}".encode() for run in runs for i in range(run.length)]
    seen = data.draw(st.integers(0, len(values)))
    rest, kept = trim(runs, values, seen)
    assert [f"{run.run}.{run.first_n + i}".encode() for run in rest for i in range(run.length)] == values[seen:]
    assert kept == values[seen:]


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=5))
def test_longs_are_read_as_the_library_writes_them(numbers):
    out = io.BytesIO()
    for number in numbers:
        fastavro.schemaless_writer(out, "long", number)
    assert read_longs(out.getvalue(), 0, len(numbers)) == numbers


@pytest.mark.parametrize("damaged", [b"", b"\x80", b"\x02\x02", b"\x80" * 11 + b"\x01"])
def test_damaged_longs_are_refused(damaged):
    with pytest.raises(IndexError):
        read_longs(damaged, 0, 1)


def test_long_says_where_it_ends():
    assert read_long(b"\xff\x04\x03", 0) == (-320, 2)


def beat(number: int, at: str = "2024-05-06 07:08:09.1+00") -> dict[str, str | None]:
    return {"beat": str(number), "at": at}


def test_beats_are_followed():
    pulse = follow(Pulse(4, None), [beat(5), beat(6)])
    assert pulse == Pulse(6, int(dt.datetime(2024, 5, 6, 7, 8, 9, 100_000, dt.UTC).timestamp() * 1_000_000))


@pytest.mark.parametrize(("number", "cause"), [(6, BeatSkipped), (4, RegisterWentBack), (3, RegisterWentBack)])
def test_beat_that_is_not_the_next_one_stops(number, cause):
    with pytest.raises(cause):
        follow(Pulse(4, None), [beat(number)])


@pytest.mark.parametrize("row", [{}, {"beat": None, "at": None}, {"beat": "x", "at": ""}, {"beat": "1", "at": "x"}])
def test_pulse_that_cannot_be_read_stops(row):
    with pytest.raises(BeatSkipped):
        follow(Pulse(None, None), [row])


def test_receipt_waits_until_its_commit_is_on_disk():
    sites, sent = make_sites(), list[bytes]()
    writer = ReceiptWriter(lane=LANE, keys=sites.embassy, send=sent.append)
    position = replace(first_position(last_end=0x16B3748), home_offset=77, lane_offset=5)
    writer.applied(position, dt.datetime(2024, 1, 1, tzinfo=dt.UTC))
    writer.step(0.0, log_end=lambda: 100, log_flushed=lambda: 99)
    assert sent == []
    assert writer.waits
    writer.step(0.1, log_end=lambda: 200, log_flushed=lambda: 100)
    payload = decode_payload(verify_receipt(sites.home, sent[0]), lane=LANE)
    assert payload["commit_lsn"] == "0/16B3748"
    assert payload["home_offset"] == 77
    assert not writer.waits


def test_receipts_keep_their_distance_and_state_the_newest():
    sites, sent = make_sites(), list[bytes]()
    writer = ReceiptWriter(lane=LANE, keys=sites.embassy, send=sent.append)
    now = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    for tenth in range(10):
        writer.applied(replace(first_position(last_end=1), home_offset=tenth), now)
        writer.step(tenth * INTERVAL_SECONDS / 5, log_end=lambda: 1, log_flushed=lambda: 1)
    assert [decode_payload(verify_receipt(sites.home, one), lane=LANE)["home_offset"] for one in sent] == [0, 5]


def test_stops_are_stored_whole_and_cleared(tmp_path):
    files = StopFiles(tmp_path)
    stop = Stop(register="land", database="land", cause="Gapped", message="m", remedy="r", position="p", stopped_at="t")
    assert files.read("land") == []
    files.write("land", [stop])
    assert files.read("land") == [stop]
    assert files.exists("land")
    files.clear("land")
    assert not files.exists("land")
    files.write("land", [stop])
    files.write("land", [])
    assert not files.exists("land")


def standby(generation: int, attempt: int = 1, state: State = "loading") -> Standby:
    return Standby(
        register="r", database=f"r_g{generation}", generation=generation, attempt=attempt, state=state, incarnation=1,
        begin_home_offset=0, begin_lane_offset=0, begin_record=b"",
    )  # fmt: skip


def test_newest_generation_works_beside_the_live_one():
    live, second, third = standby(1, state="live"), standby(2), standby(3)
    assert sort_candidates(live, [second, third]) == ([third], [second])


def test_oldest_generation_goes_on_while_nothing_is_live():
    first, second, third = standby(1), standby(2), standby(3)
    assert sort_candidates(None, [first, second, third]) == ([first, third], [second])
    assert sort_candidates(None, [first]) == ([first], [])


def test_generation_older_than_the_live_one_is_dropped():
    live = standby(3, state="live")
    assert sort_candidates(live, [standby(2)]) == ([], [standby(2)])


def test_rebuilt_standby_of_the_live_generation_is_kept():
    live, rebuilt = standby(3, state="live"), standby(3, state="replayed")
    assert sort_candidates(live, [rebuilt]) == ([rebuilt], [])


def found(run: int, point: int | None, *, is_complete: bool) -> Found:
    began = GenerationBegan(run=run, incarnation=1, home_offset=0, lane_offset=0, value=b"")
    return Found(began=began, consistent_point=None if point is None else Lsn(point), is_complete=is_complete)


def test_choice_is_the_newest_complete_snapshot_before_the_goal():
    first, second = found(1, 100, is_complete=True), found(2, 200, is_complete=True)
    third = found(3, 300, is_complete=False)
    assert newest([first, second, third]) is second
    assert newest([first, second, third], until=150) is first
    assert newest([first, second, third], until=50) is None


def test_a_generation_that_rests_on_a_base_counts_only_with_it():
    def resting(run: int, on: int) -> Found:
        one = found(run, run, is_complete=True)
        one.base = Base(generation=0, attempt=on, commit_lsn=1)
        return one

    full, second, third = found(1, 1, is_complete=True), resting(2, on=1), resting(3, on=2)
    assert newest([full, second, third]) is third
    assert newest([second, third]) is None
    assert newest([full, third]) is full
    assert newest([found(1, 1, is_complete=False), second]) is None
    assert newest([resting(5, on=5), resting(6, on=7), resting(7, on=6)]) is None
