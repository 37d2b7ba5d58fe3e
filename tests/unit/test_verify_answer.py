"""Answers travel sealed: nothing readable in a receipt, nothing accepted that was not sealed for this verification."""

from __future__ import annotations

import base64
import itertools
import json
import random
import zlib
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from data_embassy.envelope import answer
from data_embassy.envelope.answer import PIECE_BYTES, AnswerReader, Place, seal_answer
from data_embassy.envelope.errors import BadTag, ReceiptMalformed

KEY, LANE, ID = bytes(range(32)), "0123456789abcdef", "00000000-0000-4000-8000-000000000001"
PLACE = Place(verification=ID, attempt=1, part=2, message=3)


def nonces() -> Iterator[bytes]:
    return (number.to_bytes(12, "big") for number in itertools.count())


def reader(key: bytes = KEY, lane: str = LANE, verification: str = ID) -> AnswerReader:
    return AnswerReader(key=key, lane=lane, verification=verification)


def test_an_answer_of_many_pieces_comes_back_in_any_order():
    content = {"lines": random.Random(1).randbytes(1_500_000).hex()}
    pieces = list(seal_answer(KEY, LANE, PLACE, content, nonces=nonces()))
    assert len(pieces) > 1
    assert all(len(json.dumps(piece)) < 1_000_000 for piece in pieces)
    taken = reader()
    assert [taken.take(piece) for piece in reversed(pieces[1:])] == [None] * (len(pieces) - 1)
    assert taken.take(pieces[0]) == (PLACE, content)
    assert PIECE_BYTES * 4 / 3 < 1_000_000


def test_nothing_stands_in_clear():
    (fields,) = seal_answer(KEY, LANE, PLACE, {"tables": [["public", "secret_table", 7, "digest"]]}, nonces=nonces())
    text = json.dumps(fields)
    assert "secret_table" not in text
    assert "public" not in text
    assert set(fields) == {"kind", "verification", "attempt", "part", "message", "piece", "pieces", "sealed"}


@pytest.mark.parametrize("change", [{"attempt": 2}, {"part": 3}, {"message": 4}, {"pieces": 2}])
def test_a_piece_cannot_be_moved(change):
    (fields,) = seal_answer(KEY, LANE, PLACE, {}, nonces=nonces())
    with pytest.raises(BadTag):
        reader().take(fields | change)


def test_another_key_or_lane_opens_nothing():
    (fields,) = seal_answer(KEY, LANE, PLACE, {}, nonces=nonces())
    for other in (reader(key=bytes(32)), reader(lane="f" * 16)):
        with pytest.raises(BadTag):
            other.take(fields)


def test_other_receipts_are_not_looked_at():
    (fields,) = seal_answer(KEY, LANE, PLACE, {}, nonces=nonces())
    assert reader(verification="other").take(fields) is None
    assert reader().take({"kind": "position"}) is None


@pytest.mark.parametrize("change", [{"sealed": "!"}, {"piece": -1}, {"piece": 1}, {"pieces": 100_000}, {"part": "2"}])
def test_a_malformed_answer_is_refused(change):
    (fields,) = seal_answer(KEY, LANE, PLACE, {}, nonces=nonces())
    with pytest.raises(ReceiptMalformed):
        reader().take(fields | change)


def test_an_answer_without_its_sealed_part_is_refused():
    (fields,) = seal_answer(KEY, LANE, PLACE, {}, nonces=nonces())
    del fields["sealed"]
    with pytest.raises(ReceiptMalformed):
        reader().take(fields)


@pytest.mark.parametrize(
    "plain",
    [
        b"no zlib",
        zlib.compress(b"{}")[:-1],
        zlib.compress(b"{}") + b"x",
        zlib.compress(b"[]"),
        zlib.compress(b"{"),
        zlib.compress(b"[" * 100_000),
    ],
)
def test_an_answer_that_opens_to_something_else_is_refused(plain):
    nonce = bytes(12)
    (fields,) = seal_answer(KEY, LANE, PLACE, {}, nonces=nonces())
    sealed = AESGCM(KEY).encrypt(nonce, plain, answer._associated(LANE, PLACE, 0, 1))
    with pytest.raises(ReceiptMalformed):
        reader().take(fields | {"sealed": base64.b64encode(nonce + sealed).decode()})


def test_an_answer_is_not_read_beyond_its_largest_size(monkeypatch):
    (fields,) = seal_answer(KEY, LANE, PLACE, {"a": "b" * 100}, nonces=nonces())
    monkeypatch.setattr(answer, "PLAIN_BYTES_MAX", 108)
    assert reader().take(fields) == (PLACE, {"a": "b" * 100})
    monkeypatch.setattr(answer, "PLAIN_BYTES_MAX", 107)
    with pytest.raises(ReceiptMalformed):
        reader().take(fields)


def test_too_large_an_answer_is_not_sealed(monkeypatch):
    monkeypatch.setattr(answer, "PIECES_MAX", 1)
    assert len(list(seal_answer(KEY, LANE, PLACE, {"a": "b"}, nonces=nonces()))) == 1
    with pytest.raises(ValueError, match="too large"):
        list(seal_answer(KEY, LANE, PLACE, {"a": random.Random(1).randbytes(PIECE_BYTES).hex()}, nonces=nonces()))
