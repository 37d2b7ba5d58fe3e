"""What sealing does beside the vectors: epochs, limits, what the clear part shows."""

import dataclasses
import hmac
import json
import struct
from typing import cast

import fastavro
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from data_embassy.envelope import (
    EpochExhausted,
    EpochLimits,
    EpochUse,
    HomeSealer,
    HomeVerifier,
    Kind,
    LaneOpener,
    limits,
    peek,
)
from data_embassy.envelope import open as open_module
from data_embassy.envelope.errors import Oversized, UnknownEpoch, UnknownSigner, Unsealable, WrongLane
from tests.support.sealing import EPOCH_AT, LANE, Stream, key, make_records, make_sealer, make_sites

SITES = make_sites()


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def limited(**bounds: float) -> tuple[HomeSealer, Clock]:
    clock = Clock()
    epoch_limits = dataclasses.replace(EpochLimits(), **bounds)  # type: ignore[arg-type]
    sealer = HomeSealer(lane=LANE, keys=SITES.home, incarnation=1, epoch_limits=epoch_limits, clock=clock)
    begin(sealer)
    return sealer, clock


def begin(sealer: HomeSealer, *, at: int = EPOCH_AT) -> bytes:
    epoch = sealer.begin_epoch(next_offset=0, schemas=[], generation=None)
    sealer.epoch_acknowledged(at)
    return epoch


def test_the_first_epoch_must_be_begun():
    sealer = make_sealer(SITES)
    assert sealer.must_begin_epoch()
    with pytest.raises(EpochExhausted):
        sealer.seal(make_records([b"x"]))


@pytest.mark.parametrize(("bounds", "count"), [({"envelopes": 2}, 2), ({"plain_bytes": 60}, 2)])
def test_an_epoch_ends_at_its_limits(bounds: dict[str, float], count: int):
    sealer, _ = limited(**bounds)
    for _ in range(count):
        assert not sealer.must_begin_epoch()
        sealer.seal(make_records([b"twenty bytes exactly"]))
    with pytest.raises(EpochExhausted):
        sealer.seal(make_records([b"x"]))


def test_an_epoch_ends_with_age():
    sealer, clock = limited(age_seconds=60)
    sealer.seal(make_records([b"x"]))
    clock.now += 60
    assert sealer.must_begin_epoch()
    begin(sealer)
    assert not sealer.must_begin_epoch()


def test_what_an_epoch_used_of_its_limits_is_known():
    assert make_sealer(SITES).epoch_use is None
    sealer, clock = limited(age_seconds=60, envelopes=8)
    for _ in range(2):
        sealer.seal(make_records([b"x"]))
    clock.now += 6
    use = sealer.epoch_use
    assert use == EpochUse(age_seconds=6.0, envelopes=2, sealed=0.25, left_seconds=54.0)
    assert use.ratio == 0.25
    clock.now += 60
    use = sealer.epoch_use
    assert use is not None
    assert (use.left_seconds, use.ratio) == (-6.0, 1.1)
    begin(sealer)
    assert sealer.epoch_use == EpochUse(age_seconds=0.0, envelopes=0, sealed=0.0, left_seconds=60.0)


@pytest.mark.parametrize("bounds", [{"envelopes": 0}, {"envelopes": 1 << 31}, {"plain_bytes": 0}, {"age_seconds": 0}])
def test_limits_without_sense_are_a_programmers_mistake(bounds: dict[str, int]):
    with pytest.raises(ValueError, match="epoch limits"):
        EpochLimits(**bounds)


def test_records_wait_for_the_acknowledged_epoch():
    sealer = make_sealer(SITES)
    with pytest.raises(RuntimeError, match="no epoch"):
        sealer.epoch_acknowledged(1)
    sealer.begin_epoch(next_offset=0, schemas=[], generation=None)
    with pytest.raises(RuntimeError, match="not acknowledged"):
        sealer.seal(make_records([b"x"]))


def test_every_epoch_has_a_key_of_its_own():
    sealer = HomeSealer(lane=LANE, keys=SITES.home, incarnation=1)
    one, two = peek(begin(sealer)), peek(begin(sealer))
    assert one.epoch != two.epoch
    assert one.commitment != two.commitment


def test_no_nonce_repeats_within_an_epoch(monkeypatch: pytest.MonkeyPatch):
    nonces: list[bytes] = []

    class Watched:
        def __init__(self, key: bytes) -> None:
            self._aead = AESGCM(key)

        def encrypt(self, nonce: bytes, data: bytes, associated: bytes) -> bytes:
            nonces.append(nonce)
            return self._aead.encrypt(nonce, data, associated)

    monkeypatch.setattr("data_embassy.envelope.cipher.AESGCM", Watched)
    sealer = make_sealer(SITES)
    begin(sealer)
    for _ in range(50):
        sealer.seal(make_records([b"same"]))
    assert len(set(nonces)) == len(nonces) == 51


def test_nothing_of_the_records_stands_in_the_clear():
    sealer = make_sealer(SITES)
    epoch = sealer.begin_epoch(next_offset=0, schemas=[b"relation_name: person" * 9], generation=None)
    sealer.epoch_acknowledged(EPOCH_AT)
    envelope = sealer.seal(make_records([b"incompressible-name"]))
    assert b"person" not in epoch
    assert b"incompressible-name" not in envelope
    assert key(1) not in envelope


def test_a_recovery_recipient_is_mandatory():
    only_embassy = [recipient for recipient in SITES.home.recipients if not recipient.is_recovery]
    with pytest.raises(ValueError, match="recovery"):
        HomeSealer(lane=LANE, keys=SITES.home, incarnation=1, recipients=only_embassy)


def test_the_data_key_is_wrapped_for_every_recipient():
    header = peek(begin(make_sealer(SITES)))
    assert [who for who, _ in header.recipients] == [r.public.id for r in SITES.home.recipients]
    assert len(header.recipients) == 2


@pytest.mark.parametrize(
    "records",
    [
        [(1, key(1), b""), (3, key(2), b"")],
        [(1, key(1), b""), (1, key(2), b"")],
        [(1, key(1)[:-1], b"")],
        [(1, key(1), b""), (2, b"", b"")],
        [(1, key(1), None)],
        [(1, None, b"")],
    ],
    ids=["gap", "repeat", "short key", "empty key", "no value", "no key"],
)
def test_records_that_are_none_of_the_stream_are_not_sealed(records: list[tuple[int, bytes, bytes]]):
    sealer = make_sealer(SITES)
    begin(sealer)
    with pytest.raises(Unsealable):
        sealer.seal(records)


def test_nothing_to_seal_is_a_programmers_mistake():
    with pytest.raises(RuntimeError, match="nothing"):
        make_sealer(SITES).digest([])


def test_more_than_an_envelope_holds_is_refused(monkeypatch: pytest.MonkeyPatch):
    sealer = make_sealer(SITES)
    begin(sealer)
    monkeypatch.setattr(limits, "PLAIN_BYTES_MAX", 100)
    with pytest.raises(Oversized):
        sealer.seal(make_records([bytes(100)]))
    monkeypatch.setattr(limits, "PLAIN_BYTES_MAX", 1 << 20)
    monkeypatch.setattr(limits, "ENVELOPE_BYTES_MAX", 1000)
    with pytest.raises(Oversized):
        sealer.seal(make_records([Stream("incompressible")(2000)]))


def test_one_record_of_the_largest_size_is_sealed_and_opened():
    sealer = make_sealer(SITES)
    epoch = begin(sealer)
    value = Stream("large")(64 << 20)
    opener = LaneOpener(lane=LANE, keys=SITES.embassy)
    opener.open_epoch(epoch, EPOCH_AT)
    assert opener.open(sealer.seal([(5, key(1), value)])).values == [value]


def test_home_recognises_its_own_tail_and_no_others():
    sealer = make_sealer(SITES)
    epoch, envelope = begin(sealer), sealer.seal(make_records([b"x"]))
    verifier = HomeVerifier(lane=LANE, keys=SITES.home)
    assert verifier.verify(epoch).kind is Kind.EPOCH
    assert verifier.verify(envelope).count == 1
    with pytest.raises(WrongLane):
        HomeVerifier(lane="00" * 8, keys=SITES.home).verify(envelope)
    with pytest.raises(UnknownSigner):
        HomeVerifier(lane=LANE, keys=make_sites("others").home).verify(envelope)


def test_the_opener_says_which_epoch_it_needs():
    sealer = make_sealer(SITES)
    epoch, envelope = begin(sealer), sealer.seal(make_records([b"x"]))
    opener = LaneOpener(lane=LANE, keys=SITES.recovery)
    header = opener.verify(envelope)
    assert opener.needs_epoch(header) == EPOCH_AT
    assert opener.needs_epoch(opener.verify(epoch)) is None
    opener.open_epoch(epoch, EPOCH_AT)
    assert opener.needs_epoch(header) is None
    assert opener.open(envelope).values == [b"x"]


def test_a_copy_of_an_epoch_elsewhere_changes_nothing():
    sealer = make_sealer(SITES)
    epoch, envelope = begin(sealer), sealer.seal(make_records([b"x"]))
    opener = LaneOpener(lane=LANE, keys=SITES.embassy)
    opener.open_epoch(epoch, EPOCH_AT)
    opener.open_epoch(epoch, EPOCH_AT + 5)
    assert opener.open(envelope).values == [b"x"]


def test_the_oldest_epochs_are_forgotten_and_can_be_opened_again(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(open_module, "EPOCHS_REMEMBERED", 2)
    sealer = make_sealer(SITES)
    epoch, envelope = begin(sealer), sealer.seal(make_records([b"x"]))
    opener = LaneOpener(lane=LANE, keys=SITES.embassy)
    opener.open_epoch(epoch, EPOCH_AT)
    for at in (20, 21):
        opener.open_epoch(begin(sealer, at=at), at)
    with pytest.raises(UnknownEpoch):
        opener.open(envelope)
    opener.open_epoch(epoch, EPOCH_AT)
    assert opener.open(envelope).values == [b"x"]


def test_a_verified_envelope_is_verified_once_but_a_copy_again(monkeypatch: pytest.MonkeyPatch):
    sealer = make_sealer(SITES)
    epoch, envelope = begin(sealer), sealer.seal(make_records([b"x"]))
    opener = LaneOpener(lane=LANE, keys=SITES.embassy)
    opener.open_epoch(epoch, EPOCH_AT)
    opener.verify(envelope)
    calls = []
    monkeypatch.setattr(open_module, "verify", lambda *_, **__: calls.append(1))
    opener.open(envelope)
    assert calls == []
    opener.open(bytes(bytearray(envelope)))
    assert calls == [1]
    changeable = cast("bytes", bytearray(envelope))
    opener.open(changeable)
    opener.open(changeable)
    assert calls == [1, 1, 1]


def test_digests_of_two_lanes_are_unrelated():
    records = make_records([b"same"])
    assert make_sealer(SITES).digest(records) != make_sealer(SITES, lane="00" * 8).digest(records)


def test_the_digest_is_keyed():
    records = make_records([b"same"])
    assert make_sealer(SITES).digest(records) != make_sealer(make_sites("others")).digest(records)
    assert isinstance(SITES.home.digest_key.key, bytes)
    assert not hmac.compare_digest(make_sealer(SITES).digest(records), bytes(32))


def test_the_frozen_header_schemas_have_not_changed():
    # Changing one needs a new envelope version, new vectors, and a reader for both.
    from importlib.resources import files

    def fingerprint(name: str) -> str:
        schema = json.loads(files("data_embassy.envelope").joinpath(name).read_text(encoding="utf-8"))
        canonical = fastavro.schema.to_parsing_canonical_form(schema)
        return fastavro.schema.fingerprint(canonical, "CRC-64-AVRO")

    assert fingerprint("epoch_header.avsc") == "b9ccb785149ce980"
    assert fingerprint("records_header.avsc") == "dd0d12b2a53553b9"


def test_the_prefix_is_where_the_document_says():
    envelope = begin(make_sealer(SITES))
    assert envelope[:6] == b"\x89EMB\x01\x01"
    header_bytes, body_bytes, ed25519, ml_dsa = struct.unpack_from(">IIHH", envelope, 6)
    assert (ed25519, ml_dsa) == (64, 3309)
    assert len(envelope) == 18 + header_bytes + body_bytes + ed25519 + ml_dsa
