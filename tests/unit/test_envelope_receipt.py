"""Receipts' payloads; their bytes are covered by vectors and properties."""

import pytest

from data_embassy.envelope import decode_payload, encode_payload, sign_receipt, verify_receipt
from data_embassy.envelope.errors import Oversized, ReceiptMalformed, WrongLane
from tests.support.sealing import LANE, make_sites

SITES = make_sites()


def test_a_payload_comes_back_with_its_lane():
    payload = encode_payload(LANE, {"home_offset": 5, "nested": {"b": 1, "a": None}})
    received = verify_receipt(SITES.home, sign_receipt(SITES.embassy, payload))
    assert decode_payload(received, lane=LANE) == {"home_offset": 5, "nested": {"b": 1, "a": None}, "lane": LANE}


def test_a_payload_has_one_form():
    assert encode_payload(LANE, {"b": 1, "a": 2}) == encode_payload(LANE, {"a": 2, "b": 1})


def test_a_receipt_of_another_lane_is_refused():
    with pytest.raises(WrongLane):
        decode_payload(encode_payload("00" * 8, {}), lane=LANE)


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"[" * 100_000, b"\xff"])
def test_what_is_no_payload_is_refused(payload: bytes):
    with pytest.raises(ReceiptMalformed):
        decode_payload(payload, lane=LANE)


def test_a_payload_has_a_limit():
    with pytest.raises(Oversized):
        sign_receipt(SITES.embassy, bytes((1 << 20) + 1))
