"""Receipts as heartbeat: when one is sent, what it says, and what home makes of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from consumers.course import Figures
from consumers.receipts import HEARTBEAT_SECONDS, Condition, ReceiptWriter
from data_embassy.config import Register
from data_embassy.envelope import decode_payload, encode_payload, sign_receipt, verify_receipt
from data_embassy.envelope.errors import ReceiptMalformed
from data_embassy.status import HOPS
from pipelines.memory import Memory, Remembered
from pipelines.receipts import Heard, Receipt, ReceiptFollower
from tests.support.receiver_model import first_position
from tests.support.sealing import LANE, make_sites
from tests.unit.test_forward_beside import FIELDS, MemoryReceipts, receipt

SITES = make_sites()
REGISTER = Register(name="population", lane=LANE, tier=1, source=None)
NOW = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
LIVE, STOPPED = Condition(state="live"), Condition(state="stopped", cause="Gapped")


class Writer:
    """A receipt writer, what it sent, and a log that is on disk or not."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.flushed = 1
        self.writer = ReceiptWriter(
            lane=LANE, keys=SITES.embassy, send=self.sent.append, transit=lambda: 0.25, clock=lambda: 7.0
        )

    def step(self, now: float) -> None:
        self.writer.step(now, log_end=lambda: 1, log_flushed=lambda: self.flushed)

    def apply(self, home_offset: int) -> None:
        self.writer.applied(replace(first_position(last_end=1), home_offset=home_offset), NOW)

    @property
    def said(self) -> list[dict[str, Any]]:
        return [decode_payload(verify_receipt(SITES.home, one), lane=LANE) for one in self.sent]


def test_without_a_position_the_state_alone_is_said():
    writer = Writer()
    writer.writer.tell(Condition(state="loading", candidate={"generation": 1, "state": "loading", "rows": 5}))
    writer.writer.beat(0.0)
    (said,) = writer.said
    assert (said["kind"], said["state"], said["signed_at"], said["transit"]) == ("state", "loading", 7_000_000, 250_000)
    assert "home_offset" not in said
    heard = Heard.parse(said)
    assert heard is not None
    assert (heard.position, heard.candidate["rows"]) == (None, 5)


def test_a_still_register_states_its_durable_position_again_within_five_seconds():
    writer = Writer()
    writer.writer.tell(LIVE)
    writer.apply(5)
    writer.step(0.0)
    writer.apply(6)
    writer.flushed = 0
    for tenth in range(1, 100):
        writer.step(tenth / 10)
        writer.writer.beat(tenth / 10)
    assert [said["home_offset"] for said in writer.said] == [5, 5, 5]
    assert HEARTBEAT_SECONDS < 5


def test_news_do_not_wait():
    writer = Writer()
    writer.writer.tell(LIVE)
    writer.writer.beat(0.0)
    writer.writer.tell(STOPPED)
    writer.writer.beat(0.1)
    writer.writer.beat(0.3)
    writer.writer.beat(0.6)
    assert [said["state"] for said in writer.said] == ["live", "stopped"]


def test_hops_come_home_as_the_embassy_measured_them():
    writer = Writer()
    hops = {hop: float(place) for place, hop in enumerate(HOPS)}
    writer.writer.tell(replace(LIVE, figures=Figures(hops=hops, ahead_seconds=0.5, backlog_transactions=7)))
    writer.apply(5)
    writer.step(0.0)
    heard = Heard.parse(writer.said[0])
    assert heard is not None
    assert list(heard.hops.items()) == [(hop, place * 1_000_000) for place, hop in enumerate(HOPS)]
    assert (heard.ahead, heard.backlog_transactions) == (500_000, 7)


def test_a_receipt_of_an_embassy_whose_clock_is_behind_shows_no_lag_of_nought():
    heard = Heard.parse(FIELDS | {"kind": "position", "state": "live", "signed_at": FIELDS["pulse_at"] - 3_595_000_000})
    assert heard is not None
    assert heard.lag_seconds(heard.position) is None
    assert heard.lag_seconds(heard.position, correction=-3600.0) == 5


def test_a_position_found_at_the_start_does_not_replace_one_that_was_applied():
    writer = Writer()
    writer.apply(9)
    writer.writer.found(replace(first_position(last_end=1), home_offset=1), NOW)
    writer.step(0.0)
    assert writer.said[0]["home_offset"] == 9


def heartbeat(**fields: Any) -> bytes:
    content = {"kind": "state", "state": "paused", "signed_at": 9_000_000} | fields
    return sign_receipt(SITES.embassy, encode_payload(LANE, content))


def followed(*receipts: bytes, highest: Receipt | None = None) -> ReceiptFollower:
    follower = ReceiptFollower(REGISTER, SITES.home, MemoryReceipts(*receipts), highest=highest)
    follower.follow()
    return follower


@pytest.mark.parametrize("count", [0, 1, 15, 16, 200, 1500])
def test_home_walks_back_over_other_kinds_to_the_newest_position(count):
    answer = heartbeat(kind="answer", sealed="AAAA")
    follower = followed(receipt(home_offset=5), receipt(home_offset=7), *[heartbeat()] * count, answer)
    assert follower.newest is not None
    assert follower.newest.home_offset == 7
    assert follower.heard is not None
    assert follower.heard.state == ("paused" if count else "live")
    found = follower.received_at(count + 3)
    assert found is not None
    assert found.home_offset == 7


MALFORMED: list[Callable[[], dict[str, Any]]] = [
    lambda: {"state": "a" * 65},
    lambda: {"state": 5},
    lambda: {"state": "Tuulikki <b>"},
    lambda: {"cause": ""},
    lambda: {"cause": ["Gapped"]},
    lambda: {"signed_at": None},
    lambda: {"signed_at": 1.5},
    lambda: {"transit": "3"},
    lambda: {"backlog_envelopes": True},
    lambda: {"backlog_transactions": "many"},
    lambda: {"ahead": 0.5},
    lambda: {"hops": []},
    lambda: {"hops": {"capture": 1}},
    lambda: {"hops": dict.fromkeys(HOPS, 1) | {"apply": -1}},
    lambda: {"hops": dict.fromkeys(HOPS, 1) | {"apply": True}},
    lambda: {"hops": dict.fromkeys(HOPS, 1) | {"Tuulikki": 1}},
    lambda: {"candidate": "x"},
    lambda: {"candidate": {"state": None}},
    lambda: {"candidate": {"state": "loading", "rows": "many"}},
    lambda: {"candidate": {"state": "stopped", "cause": 7}},
]


@pytest.mark.parametrize("wrong", MALFORMED)
def test_a_malformed_heartbeat_is_refused(wrong):
    with pytest.raises(ReceiptMalformed):
        Heard.parse({"kind": "state", "state": "paused", "signed_at": 1} | wrong())


def test_a_position_that_lacks_a_field_is_refused_whatever_its_state():
    with pytest.raises(ReceiptMalformed):
        Heard.parse({"kind": "position", "state": "live", "signed_at": 1})


def test_a_copy_that_went_back_is_noticed_also_by_a_process_that_starts_later(tmp_path):
    first = followed(receipt(home_offset=50))
    memory = Memory(tmp_path)
    memory.write("population", Remembered(at=1.0, heard=first.heard, position=first.newest, highest=first.highest))
    remembered = memory.read("population")
    assert remembered is not None
    assert (remembered.heard, remembered.highest) == (first.heard, first.highest)
    later = followed(receipt(home_offset=50), receipt(home_offset=10), highest=remembered.highest)
    assert later.has_gone_back
    assert later.highest == first.highest
    assert not followed(receipt(home_offset=10), receipt(home_offset=51), highest=remembered.highest).has_gone_back


def test_a_topic_that_was_cut_is_noticed_and_read_again():
    topic = MemoryReceipts(receipt(), receipt(home_offset=20))
    follower = ReceiptFollower(REGISTER, SITES.home, topic)
    follower.follow()
    topic.receipts[1:] = []
    follower.follow()
    assert follower.has_lost_receipts
    assert follower.has_gone_back


def test_the_lag_grows_while_the_same_position_is_stated():
    heard = Heard.parse(FIELDS | {"kind": "position", "state": "stopped", "cause": "Gapped", "signed_at": 63_500_000})
    assert heard is not None
    assert heard.position is not None
    assert heard.lag_seconds(heard.position) == 60


@pytest.mark.parametrize("text", ["", "{", "[]", '{"at": 1, "colour": "red"}'])
def test_a_damaged_memory_is_none(tmp_path, text):
    (tmp_path / "receipts").mkdir()
    (tmp_path / "receipts" / "land.json").write_text(text)
    assert Memory(tmp_path).read("land") is None
