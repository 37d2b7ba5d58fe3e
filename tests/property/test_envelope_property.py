"""Properties of envelopes: what goes in comes out, and nothing else does."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_embassy.envelope import HomeSealer, LaneOpener, Refused, peek, sign_receipt, verify_receipt
from data_embassy.envelope.body import keys_of, pack_records, split_records
from data_embassy.envelope.codec import decompress
from data_embassy.envelope.header import Kind, decode_header, encode_header
from data_embassy.errors import EnvelopeError
from tests.support.sealing import EPOCH_AT, LANE, flip, key, make_records, make_sealer, make_sites

SITES = make_sites()
SEALER = make_sealer(SITES)
SCHEMAS = [b"\xc3\x01one schema", b"another"]
EPOCH = SEALER.begin_epoch(next_offset=0, schemas=SCHEMAS, generation=4)
SEALER.epoch_acknowledged(EPOCH_AT)
RECORDS = make_records([b"value %d" % i for i in range(5)])
ENVELOPE = SEALER.seal(RECORDS)
RECEIPT = sign_receipt(SITES.embassy, b'{"lane":"x"}')

numbers = st.integers(0, (1 << 64) - 1)
record_keys = st.one_of(
    st.builds(lambda o, r, n: key(n, origin=o, run=r), st.integers(0, 255), numbers, numbers),
    st.builds(key, st.integers(1, 9)),  # close together, so that runs form
)
record_lists = st.lists(st.tuples(record_keys, st.binary(max_size=300)), min_size=1, max_size=40)


def opener(*, with_epoch: bool = True) -> LaneOpener:
    made = LaneOpener(lane=LANE, keys=SITES.embassy)
    if with_epoch:
        made.open_epoch(EPOCH, EPOCH_AT)
    return made


def refused(data: bytes) -> EnvelopeError:
    """The refusal of an altered envelope, whichever call it is given to; anything else fails the test."""
    with pytest.raises(Refused) as refusal:
        opener().open(data)
    with pytest.raises(Refused):
        opener(with_epoch=False).open_epoch(data, EPOCH_AT)
    return refusal.value


@given(records=record_lists, first=st.integers(0, 1 << 60))
def test_what_is_sealed_is_opened(records: list[tuple[bytes, bytes]], first: int):
    sealed = SEALER.seal([(first + i, k, value) for i, (k, value) in enumerate(records)])
    opened = opener().open(sealed)
    assert list(zip(opened.keys, opened.values, strict=True)) == records
    assert (opened.first_offset, peek(sealed).last_offset) == (first, first + len(records) - 1)


@settings(max_examples=25)
@given(schemas=st.lists(st.binary(max_size=500), max_size=20), generation=st.none() | st.integers(0, 1 << 31))
def test_schemas_are_restated_exactly(schemas: list[bytes], generation: int | None):
    sealer = make_sealer(SITES, name="schemas")
    epoch = sealer.begin_epoch(next_offset=9, schemas=schemas, generation=generation)
    opened = opener(with_epoch=False).open_epoch(epoch, 3)
    assert (opened.schemas, opened.header.generation, opened.header.first_offset) == (schemas, generation, 9)


@given(records=record_lists, split=st.data())
def test_the_digest_belongs_to_exactly_these_records(records: list[tuple[bytes, bytes]], split: st.DataObject):
    listed = [(i, k, value) for i, (k, value) in enumerate(records)]
    digest = peek(SEALER.seal(listed)).digest
    assert SEALER.digest(listed) == digest
    at = split.draw(st.integers(0, len(listed) - 1))
    offset, k, value = listed[at]
    changed = [*listed[:at], (offset, k, value + b"\0"), *listed[at + 1 :]]
    assert SEALER.digest(changed) != digest
    assert SEALER.digest([(i + 1, k, value) for i, k, value in listed]) != digest


@given(at=st.integers(0, len(ENVELOPE) - 1), bit=st.integers(0, 7))
def test_any_flipped_bit_of_a_records_envelope_is_refused(at: int, bit: int):
    refused(flip(ENVELOPE, at, 1 << bit))


@given(at=st.integers(0, len(EPOCH) - 1), bit=st.integers(0, 7))
def test_any_flipped_bit_of_an_epoch_envelope_is_refused(at: int, bit: int):
    refused(flip(EPOCH, at, 1 << bit))


def test_a_records_envelope_cut_anywhere_is_truncated():
    for length in range(len(ENVELOPE)):
        assert refused(ENVELOPE[:length]).cause_class == "Truncated"


@given(length=st.integers(0, len(EPOCH) - 1))
def test_an_epoch_envelope_cut_anywhere_is_truncated(length: int):
    assert refused(EPOCH[:length]).cause_class == "Truncated"


@given(tail=st.binary(min_size=1, max_size=100))
def test_nothing_may_follow_an_envelope(tail: bytes):
    assert refused(ENVELOPE + tail).cause_class == "TrailingBytes"


@given(data=st.binary(max_size=400), keep=st.integers(0, 18))
def test_rubbish_is_refused_and_nothing_else_happens(data: bytes, keep: int):
    refused(ENVELOPE[:keep] + data)


@given(at=st.integers(0, len(RECEIPT) - 1), bit=st.integers(0, 7), length=st.integers(0, len(RECEIPT) - 1))
def test_any_altered_receipt_is_refused(at: int, bit: int, length: int):
    for altered in (flip(RECEIPT, at, 1 << bit), RECEIPT[:length], RECEIPT + b"\0"):
        with pytest.raises(Refused):
            verify_receipt(SITES.home, altered)


@given(body=st.binary(max_size=300), count=st.integers(0, 50))
def test_a_body_splits_into_what_packs_to_it_or_not_at_all(body: bytes, count: int):
    try:
        runs, values = split_records(body, count)
    except Refused:
        return
    assert pack_records(keys_of(runs), values) == body


@given(records=record_lists, data=st.data())
def test_an_altered_body_splits_into_what_packs_to_it_or_not_at_all(
    records: list[tuple[bytes, bytes]], data: st.DataObject
):
    body = pack_records([k for k, _ in records], [value for _, value in records])
    altered = flip(body, data.draw(st.integers(0, len(body) - 1)), 1 << data.draw(st.integers(0, 7)))
    try:
        runs, values = split_records(altered, len(records))
    except Refused:
        return
    assert pack_records(keys_of(runs), values) == altered


@settings(max_examples=500)
@given(kind=st.sampled_from(Kind), at=st.integers(0, 400), inserted=st.binary(max_size=12), dropped=st.integers(0, 12))
def test_any_other_bytes_of_a_header_are_refused_and_nothing_else_happens(
    kind: Kind, at: int, inserted: bytes, dropped: int
):
    data = encode_header(peek(EPOCH if kind is Kind.EPOCH else ENVELOPE))
    altered = data[:at] + inserted + data[at + dropped :]
    try:
        header = decode_header(kind, altered, body_bytes=1 << 20)
    except Refused:
        return
    assert encode_header(header) == altered


@given(frame=st.binary(max_size=200), size=st.integers(0, 1 << 20), has_magic=st.booleans())
def test_rubbish_is_no_frame(frame: bytes, size: int, *, has_magic: bool):
    with pytest.raises(Refused):
        decompress((b"\x04\x22\x4d\x18" if has_magic else b"") + frame, size)


@given(lanes=st.lists(st.binary(min_size=8, max_size=8).map(bytes.hex), min_size=2, max_size=2, unique=True))
def test_an_envelope_of_one_lane_is_refused_on_another(lanes: list[str]):
    sealer = HomeSealer(lane=lanes[0], keys=SITES.home, incarnation=1)
    epoch = sealer.begin_epoch(next_offset=0, schemas=[], generation=None)
    with pytest.raises(Refused) as refusal:
        LaneOpener(lane=lanes[1], keys=SITES.embassy).open_epoch(epoch, 0)
    assert refusal.value.reason == "wrong_lane"
