"""Watchdog, trimming, receipts and the connector's restart: the rules beside the way of a change."""

from collections.abc import Iterator

import pytest

from data_embassy.config import Connect, Register
from data_embassy.envelope import encode_payload, sign_receipt
from data_embassy.envelope.errors import ReceiptMalformed
from data_embassy.errors import TransportError
from pipelines.connect import restart_connector
from pipelines.receipts import Receipt, ReceiptFollower
from pipelines.tail import Bounds
from pipelines.trim import trim_before
from pipelines.watchdog import Reading, Watchdog
from tests.support.sealing import LANE, make_sites

SITES = make_sites()
REGISTER = Register(name="population", lane=LANE, tier=1, source=None)
FIELDS = {
    "generation": 1,
    "incarnation": 1,
    "commit_lsn": 99,
    "home_offset": 10,
    "lane_offset": 3,
    "source_committed_at": 1,
    "applied_at": 5_000_000,
    "pulse_at": 3_500_000,
}


def judged(watchdog: Watchdog, now: float, *, at: int | None, end: int, wants: bool = True) -> list[str]:
    return watchdog.stalled(now, {"r": Reading(wants=wants, next_offset=at)}, {"r": end})


def test_a_worker_that_reads_nothing_for_ten_seconds_is_stalled():
    watchdog = Watchdog()
    assert [judged(watchdog, now, at=5, end=9) for now in (0.0, 9.9, 10.0)] == [[], [], ["r"]]


def test_a_worker_that_reads_is_not_stalled():
    watchdog = Watchdog()
    assert [judged(watchdog, now, at=int(now), end=99) for now in (0.0, 9.0, 18.0, 27.0)] == [[]] * 4


@pytest.mark.parametrize("pause", [{"at": 5, "end": 5}, {"at": 5, "end": 9, "wants": False}, {"at": None, "end": 9}])
def test_waiting_begins_anew_after_there_was_nothing_to_read(pause):
    watchdog = Watchdog()
    judged(watchdog, 0.0, at=5, end=9)
    judged(watchdog, 9.0, **pause)
    assert judged(watchdog, 11.0, at=5, end=9) == []


def test_nothing_is_judged_while_the_end_is_unknown():
    watchdog = Watchdog()
    judged(watchdog, 0.0, at=5, end=9)
    assert watchdog.stalled(100.0, {"r": Reading(wants=True, next_offset=5)}, {}) == []
    assert judged(watchdog, 101.0, at=5, end=9) == []


@pytest.mark.parametrize(
    ("low", "received", "kept_from", "expected"),
    [
        (0, 99, 500, 100),
        (0, 499, 300, 300),
        (100, 99, 500, None),
        (0, None, 500, None),
        (0, 99, None, None),
    ],
)
def test_home_keeps_what_is_not_received_and_what_is_compared_again(low, received, kept_from, expected):
    assert trim_before(low=low, received=received, kept_from=kept_from) == expected


class MemoryReceipts:
    def __init__(self, *receipts: bytes) -> None:
        self.receipts = list(receipts)

    def bounds(self) -> Bounds:
        return Bounds(low=0, end=len(self.receipts))

    def end_at(self, seconds: float) -> int:
        return int(seconds)

    def read(self, first: int, last: int) -> Iterator[tuple[int, bytes | None, bytes | None]]:
        for offset in range(first, last + 1):
            yield offset, None, self.receipts[offset]


def receipt(**changes: int | None) -> bytes:
    return sign_receipt(SITES.embassy, encode_payload(LANE, FIELDS | changes))


def follower(*receipts: bytes) -> ReceiptFollower:
    return ReceiptFollower(REGISTER, SITES.home, MemoryReceipts(*receipts))


def test_the_newest_receipt_is_followed():
    topic = MemoryReceipts(receipt(), receipt(home_offset=20))
    followed = ReceiptFollower(REGISTER, SITES.home, topic)
    newest = followed.follow()
    assert newest is not None
    assert followed.heard is not None
    assert (newest.home_offset, followed.heard.lag_seconds(newest)) == (20, 1.5)
    topic.receipts.append(receipt(home_offset=30))
    newest = followed.follow()
    assert newest is not None
    assert newest.home_offset == 30


def test_without_receipts_nothing_is_known():
    assert follower().follow() is None
    assert follower(receipt()).received_at(0) is None


def test_the_receipt_of_some_time_ago_is_found():
    found = follower(receipt(), receipt(home_offset=20), receipt(home_offset=30)).received_at(2)
    assert found is not None
    assert found.home_offset == 20


def test_a_forged_receipt_changes_nothing():
    forged = sign_receipt(make_sites("others").embassy, encode_payload(LANE, FIELDS))
    assert follower(forged).follow() is None
    assert follower(receipt()[:-1]).follow() is None


def test_a_receipt_of_another_lane_changes_nothing():
    assert follower(sign_receipt(SITES.embassy, encode_payload("0" * 16, FIELDS))).follow() is None


@pytest.mark.parametrize("changes", [{"home_offset": None}, {"home_offset": "10"}, {"pulse_at": True}])
def test_a_malformed_receipt_is_refused(changes):
    with pytest.raises(ReceiptMalformed):
        Receipt.parse(FIELDS | changes)


def test_a_receipt_that_states_less_goes_back():
    earlier, later = Receipt.parse(FIELDS), Receipt.parse(FIELDS | {"home_offset": 9})
    assert later.goes_back_from(earlier)
    assert not earlier.goes_back_from(later)
    assert not Receipt.parse(FIELDS | {"home_offset": 9, "generation": 2}).goes_back_from(earlier)


def test_an_unreachable_connect_is_said():
    with pytest.raises(TransportError):
        restart_connector(Connect(url="http://127.0.0.1:1"), "capture.population")
