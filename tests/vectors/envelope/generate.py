"""Makes the vectors of envelope-v1: `python -m tests.vectors.envelope.generate`, run from the project's folder.

Keys, data keys and contents are fixed. HPKE encapsulation and ML-DSA signing are randomised, and nothing makes the
library repeat them: a second run gives other bytes that mean the same. So generation is a one-off for each envelope
version, and what the vectors freeze is verification and opening: every later release must judge the files so.
Run it again only for new cases: files that exist stay, unless --all is given, which belongs to a new envelope version.

A file is `key: value` lines, an empty line, then the raw bytes:

    case       its name
    as         epoch, records, or receipt: which call it is given to
    expect     ok, or the `reason` of the refusal
    keys       whose keys judge it: embassy, recovery, or stranger (another embassy that trusts the same home)
    epoch      case of the epoch envelope that is opened first, as if it stood at lane offset 7
    content    when ok: SHA-256 over the tagged schemas, or keys and values, or the payload
    about      what was done to it
"""

from __future__ import annotations

import dataclasses
import hashlib
import struct
import sys
from collections.abc import Iterator

import lz4.frame

from data_embassy.envelope import cipher, encode_payload, limits, sign_receipt
from data_embassy.envelope.codec import compress
from data_embassy.envelope.layout import PREFIX_BYTES
from data_embassy.keys.tagged import tagged
from tests.support.sealing import EPOCH_AT, FIRST, LANE, assemble, flip, key, make_records, make_sealer
from tests.vectors.envelope.cases import FOLDER, Case, encode_case, write_keys
from tests.vectors.envelope.scene import (
    OTHER_LANE,
    SCHEMAS,
    VALUES,
    Scene,
    key_id,
    lying_frame,
    shortened,
    two_keys,
    with_lengths,
    without_pq,
)


def content(*parts: bytes) -> str:
    return hashlib.sha256(tagged(b"content", *parts)).hexdigest()


def content_of(records: list[tuple[int, bytes, bytes]]) -> str:
    return content(*(part for _, k, value in records for part in (k, value)))


def good(scene: Scene) -> Iterator[Case]:
    schemas, records = content(*SCHEMAS), content_of(scene.records)
    yield Case("epoch-ok", "epoch", "ok", scene.epoch, "as home seals it", content=schemas)
    yield Case(
        "epoch-ok-recovery", "epoch", "ok", scene.epoch, "for the recovery recipient", keys="recovery", content=schemas
    )
    sealer = make_sealer(scene.sites["home"], name="vectors/2")
    empty = sealer.begin_epoch(next_offset=FIRST, schemas=[], generation=3)
    sealer.epoch_acknowledged(EPOCH_AT)
    yield Case("epoch-ok-generation", "epoch", "ok", empty, "begins generation 3, restates nothing", content=content())
    yield Case("records-ok", "records", "ok", scene.envelope, "three records, one run", content=records)
    yield Case(
        "records-ok-recovery", "records", "ok", scene.envelope, "the same, by the recovery recipient", keys="recovery",
        content=records,
    )  # fmt: skip
    mixed = [
        (FIRST + i, k, b"value %d" % i)
        for i, k in enumerate([key(9), key(10), key(1, origin=2, run=1 << 32), key(11), key((1 << 64) - 1, run=6)])
    ]
    yield Case(
        "records-ok-runs", "records", "ok", sealer.seal(mixed), "five records, four runs",
        epoch="epoch-ok-generation", content=content_of(mixed),
    )  # fmt: skip
    one = make_records([b""])
    yield Case(
        "records-ok-empty-value", "records", "ok", sealer.seal(one), "one record without bytes",
        epoch="epoch-ok-generation", content=content_of(one),
    )  # fmt: skip


def bad_bytes(scene: Scene) -> Iterator[Case]:
    def case(name: str, expect: str, data: bytes, about: str, kind: str = "records") -> Case:
        return Case(name, kind, expect, data, about)

    envelope, epoch = scene.envelope, scene.epoch
    yield case("magic", "bad_magic", flip(envelope, 1), "a bit of the magic")
    yield case("magic-short", "bad_magic", b"\x89E!", "three bytes, the last wrong")
    yield case("version-0", "bad_version", envelope[:4] + b"\0" + envelope[5:], "version 0")
    yield case("version-2", "bad_version", envelope[:4] + b"\2" + envelope[5:], "version 2")
    yield case("kind-0", "bad_kind", envelope[:5] + b"\0" + envelope[6:], "kind 0")
    yield case("kind-3", "bad_kind", envelope[:5] + b"\3" + envelope[6:], "kind 3")
    yield case("kind-epoch", "signature_missing", envelope[:5] + b"\1" + envelope[6:], "records called an epoch")
    yield case(
        "header-length", "header_malformed", with_lengths(envelope, header=1, body=-1), "a byte moved to the header"
    )
    yield case("header-length-huge", "oversized", with_lengths(envelope, header=1 << 17), "128 KiB of header stated")
    yield case(
        "body-length-huge", "oversized", with_lengths(envelope, body=limits.ENVELOPE_BYTES_MAX), "80 MiB of body stated"
    )
    edge = with_lengths(envelope, body=limits.ENVELOPE_BYTES_MAX - len(envelope) + 1)
    yield case("body-length-edge", "oversized", edge, "one byte too many in sum")
    yield case("trailing", "trailing_bytes", envelope + b"\0", "one byte follows")
    yield case("doubled", "trailing_bytes", envelope + envelope, "the envelope twice")
    for at in (
        0,
        1,
        4,
        5,
        6,
        PREFIX_BYTES - 1,
        PREFIX_BYTES,
        60,
        len(envelope) // 2,
        len(envelope) - 64,
        len(envelope) - 1,
    ):
        yield case(f"truncated-{at}", "truncated", envelope[:at], f"{at} of {len(envelope)} bytes")
    for at in (PREFIX_BYTES, len(epoch) - 3309, len(epoch) - 1):
        yield case(f"epoch-truncated-{at}", "truncated", epoch[:at], f"{at} of {len(epoch)} bytes", "epoch")
    yield case("header-lane", "wrong_lane", flip(envelope, PREFIX_BYTES), "a bit of the lane")
    digest_at = envelope.index(scene.header.digest)
    yield case("header-digest", "bad_signature", flip(envelope, digest_at), "a bit of the digest")
    yield case("body-bit", "bad_signature", flip(envelope, -64 - 16 - 20), "a bit of the ciphertext")
    yield case("tag-bit", "bad_signature", flip(envelope, -65), "a bit of the tag")
    yield case("signature-r", "bad_signature", flip(envelope, -64), "a bit of the signature's first half")
    yield case("signature-s", "bad_signature", flip(envelope, -1), "a bit of the signature's second half")
    yield case("signature-zero", "bad_signature", envelope[:-64] + bytes(64), "no signature but zeros")
    signer_at = envelope.index(scene.header.signer)
    yield case("signer-id", "unknown_signer", flip(envelope, signer_at), "a bit of the signer's id")
    stripped = epoch[:16] + b"\0\0" + epoch[18:-3309]
    yield case("epoch-ml-dsa-stripped", "signature_missing", stripped, "ML-DSA-65 signature taken away", "epoch")
    resigned = without_pq(scene)
    yield case("epoch-ml-dsa-stripped-signed", "signature_missing", resigned, "the same, Ed25519 signed anew", "epoch")
    yield case("epoch-ml-dsa-bit", "bad_signature", flip(epoch, -1), "a bit of the ML-DSA-65 signature", "epoch")
    yield case("epoch-ed25519-bit", "bad_signature", flip(epoch, -3310), "a bit of the Ed25519 signature", "epoch")
    pq_at = epoch.index(bytes(scene.epoch_header.signer_pq or b""))
    yield case("epoch-signer-pq", "bad_signature", flip(epoch, pq_at), "a bit of the ML-DSA-65 key's id", "epoch")


def bad_headers(scene: Scene) -> Iterator[Case]:
    def case(name: str, expect: str, data: bytes, about: str) -> Case:
        return Case(name, "records", expect, data, f"{about}; encrypted and signed by home")

    malformed = "header_malformed"
    yield case("header-truncated", malformed, scene.with_encoded(lambda h: h[:-1]), "the header lacks its last byte")
    yield case("header-trailing", malformed, scene.with_encoded(lambda h: h + b"\0"), "a byte follows in the header")
    padded = scene.with_encoded(lambda h: h[:8] + bytes([h[8] | 0x80, 0]) + h[9:])
    yield case("header-not-canonical", malformed, padded, "a number takes two bytes instead of one")
    yield case("count-zero", malformed, scene.with_header(count=0, last_offset=FIRST - 1), "no records")
    yield case("count-offsets", malformed, scene.with_header(last_offset=FIRST + 3), "offsets for four, count of three")
    yield case("counter-zero", malformed, scene.with_header(counter=0), "the epoch envelope's own counter")
    yield case("counter-beyond", malformed, scene.with_header(counter=limits.COUNTER_MAX + 1), "beyond the limit")
    yield case("incarnation-negative", malformed, scene.with_header(incarnation=-1), "incarnation -1")
    yield case("lane-offset-negative", malformed, scene.with_header(epoch_lane_offset=-1), "epoch at lane offset -1")
    yield case("size-negative", malformed, scene.with_header(plain_size=-1), "size -1")
    yield case("codec-0", "bad_codec", scene.with_header(codec=0), "codec 0")
    yield case("codec-2", "bad_codec", scene.with_header(codec=2), "codec 2")
    yield case(
        "size-beyond", "oversized", scene.with_header(plain_size=limits.PLAIN_BYTES_MAX + 1), "80 MiB and a byte"
    )
    many = limits.RECORDS_MAX + 1
    yield case(
        "count-beyond", "oversized", scene.with_header(count=many, last_offset=FIRST + many - 1), "too many records"
    )
    yield case("lane-foreign", "wrong_lane", scene.with_header(lane=OTHER_LANE), "another lane")
    yield case("epoch-unknown", "unknown_epoch", scene.with_header(epoch=bytes(16)), "an epoch that never was")
    yield case(
        "epoch-offset", "unknown_epoch", scene.with_header(epoch_lane_offset=EPOCH_AT + 1), "another lane offset"
    )
    yield case(
        "epoch-incarnation", "epoch_mismatch", scene.with_header(incarnation=2), "another incarnation than its epoch"
    )
    yield case("commitment", "bad_commitment", scene.with_header(commitment=bytes(32)), "another commitment")
    header = dataclasses.replace(scene.header, counter=2)
    moved = assemble(scene.home, scene.key, header, compress(scene.plain), counter=1)
    yield case("counter-moved", "bad_tag", moved, "counter 2 stated, sealed with counter 1")
    foreign = dataclasses.replace(scene.header, signer=scene.sites["foreign"].home.signer.id)
    unknown = assemble(scene.sites["foreign"].home, scene.key, foreign, compress(scene.plain))
    yield Case(
        "signer-foreign", "records", "unknown_signer", unknown, "well made, but signed by a home nobody imported"
    )
    claimed = assemble(scene.sites["foreign"].home, scene.key, scene.header, compress(scene.plain))
    yield Case(
        "signer-claimed", "records", "bad_signature", claimed, "signed by a foreign key that calls itself home's"
    )


def bad_bodies(scene: Scene) -> Iterator[Case]:
    def case(name: str, expect: str, data: bytes, about: str) -> Case:
        return Case(name, "records", expect, data, f"{about}; encrypted and signed by home")

    yield Case("body-bit-signed", "records", "bad_tag", scene.resigned(lambda b: flip(b, 20)),
               "a bit of the ciphertext, signed anew")  # fmt: skip
    yield Case(
        "tag-bit-signed", "records", "bad_tag", scene.resigned(lambda b: flip(b, -1)), "a bit of the tag, signed anew"
    )
    yield Case("tag-short-signed", "records", "bad_tag", shortened(scene), "the last byte of the tag gone, signed anew")
    yield case(
        "two-keys", "bad_commitment", two_keys(scene), "opens under the epoch's key and under another, commits to that"
    )
    zeros = bytes(1 << 20)
    yield case("bomb-stated", "bomb", scene.with_body(scene.plain, frame=compress(zeros)), "a frame that states 1 MiB")
    unstated = lz4.frame.compress(zeros, store_size=False)
    yield case(
        "bomb-unstated", "bomb", scene.with_body(scene.plain, frame=unstated), "1 MiB in a frame that states nothing"
    )
    yield case("bomb-lying", "bomb", scene.with_body(scene.plain, frame=lying_frame(zeros, len(scene.plain))),
               "1 MiB in a frame that states the header's size")  # fmt: skip
    yield case(
        "bomb-ratio", "bomb", scene.with_header(plain_size=limits.PLAIN_BYTES_MAX), "80 MiB stated for a few bytes"
    )
    short = lying_frame(scene.plain, len(scene.plain) + 1)
    less = scene.with_body(scene.plain, frame=short, plain_size=len(scene.plain) + 1)
    yield case("frame-short", "body_malformed", less, "a byte less than stated")
    yield case("frame-none", "body_malformed", scene.with_body(scene.plain, frame=b"no frame" * 20), "no lz4 at all")
    yield case("frame-empty", "bomb", scene.with_body(scene.plain, frame=b""), "nothing to decompress")
    yield case(
        "frame-cut", "body_malformed", scene.with_body(scene.plain, frame=compress(scene.plain)[:-4]), "no end mark"
    )
    yield case(
        "frame-two", "body_malformed", scene.with_body(scene.plain, frame=compress(scene.plain) * 2), "two frames"
    )
    count = struct.Struct(">I").pack
    run = struct.Struct(">BQQI").pack
    lengths, values = struct.pack(">3I", *map(len, VALUES)), b"".join(VALUES)

    def body(*runs: bytes, number: int | None = None) -> bytes:
        return scene.with_body(count(len(runs) if number is None else number) + b"".join(runs) + lengths + values)

    malformed = "body_malformed"
    yield case(
        "count-other", malformed, scene.with_header(count=2, last_offset=FIRST + 1), "count of two for three records"
    )
    yield case("body-none", malformed, scene.with_body(b""), "no body")
    yield case("runs-short", malformed, body(run(1, 5, 1, 3), number=99), "99 runs stated")
    yield case("runs-empty-run", malformed, body(run(1, 5, 1, 3), run(1, 6, 1, 0)), "a run of no records")
    yield case("runs-divided", malformed, body(run(1, 5, 1, 1), run(1, 5, 2, 2)), "two runs that should be one")
    yield case("runs-overflow", malformed, body(run(1, 5, (1 << 64) - 2, 3)), "a number beyond 64 bits")
    yield case("runs-many", malformed, body(run(1, 5, 1, 4)), "a run of four for three records")
    yield case(
        "lengths-short", malformed, scene.with_body(count(1) + run(1, 5, 1, 3) + lengths[:8]), "a length is missing"
    )
    yield case("lengths-sum", malformed, scene.with_body(scene.plain + b"\0"), "a byte follows the values")


def bad_epochs(scene: Scene) -> Iterator[Case]:
    def case(name: str, expect: str, data: bytes, about: str, keys: str = "embassy") -> Case:
        return Case(name, "epoch", expect, data, about, keys=keys)

    yield case("epoch-stranger", "not_a_recipient", scene.epoch, "an embassy for which nothing was wrapped", "stranger")
    yield case("epoch-is-records", "wrong_kind", scene.envelope, "records where an epoch envelope should stand")
    yield Case("records-is-epoch", "records", "wrong_kind", scene.epoch, "an epoch envelope where records should stand")
    (embassy, wrapped), (recovery, other) = scene.epoch_header.recipients
    tampered = scene.with_epoch_header(recipients=((embassy, flip(wrapped, -1)), (recovery, other)))
    yield case("epoch-wrap-bit", "bad_key_wrap", tampered, "a bit of the wrapped key; signed by home")
    swapped = scene.with_epoch_header(recipients=((embassy, other), (recovery, wrapped)))
    yield case("epoch-wrap-swapped", "bad_key_wrap", swapped, "the recipients' wrapped keys exchanged; signed by home")
    moved = scene.with_epoch_header(epoch=bytes(16))
    yield case("epoch-wrap-moved", "bad_key_wrap", moved, "the wrapped key of another epoch; signed by home")
    public = scene.home.recipients[0].public
    foreign = cipher.wrap(scene.data_key, public.id, public.key, lane=OTHER_LANE, epoch=scene.header.epoch)
    yield case("epoch-wrap-lane", "bad_key_wrap",
               scene.with_epoch_header(recipients=((embassy, foreign), (recovery, other))),
               "a key wrapped for another lane; signed by home")  # fmt: skip
    padded = cipher.wrap(bytes(32), public.id, public.key, lane=LANE, epoch=scene.header.epoch)
    yield case("epoch-wrap-key", "bad_commitment",
               scene.with_epoch_header(recipients=((embassy, padded), (recovery, other))),
               "another key wrapped than the one committed to; signed by home")  # fmt: skip
    yield case("epoch-commitment", "bad_commitment", scene.with_epoch_header(commitment=bytes(32)),
               "another commitment; signed by home")  # fmt: skip
    yield case(
        "epoch-recipients-none",
        "header_malformed",
        scene.with_epoch_header(recipients=()),
        "no recipients; signed by home",
    )
    twice = scene.with_epoch_header(recipients=((embassy, wrapped), (embassy, wrapped)))
    yield case("epoch-recipients-twice", "header_malformed", twice, "a recipient twice; signed by home")
    crowd = tuple((key_id(i), wrapped) for i in range(limits.RECIPIENTS_MAX + 1))
    yield case(
        "epoch-recipients-many", "oversized", scene.with_epoch_header(recipients=crowd), "33 recipients; signed by home"
    )
    yield case(
        "epoch-generation-negative",
        "header_malformed",
        scene.with_epoch_header(generation=-1),
        "generation -1; signed by home",
    )
    yield case(
        "epoch-schemas-count",
        "body_malformed",
        scene.with_epoch_header(schemas=3),
        "three schemas stated; signed by home",
    )
    yield case("epoch-lane", "wrong_lane", scene.with_epoch_header(lane=OTHER_LANE), "another lane; signed by home")


def receipts(scene: Scene) -> Iterator[Case]:
    def case(name: str, expect: str, data: bytes, about: str) -> Case:
        return Case(name, "receipt", expect, data, about, keys="home", epoch="")

    payload = encode_payload(LANE, {"home_offset": 1002, "lane_offset": 9})
    data = sign_receipt(scene.sites["home"].embassy, payload)
    yield dataclasses.replace(case("receipt-ok", "ok", data, "as the embassy signs it"), content=content(payload))
    yield case("receipt-payload", "bad_signature", flip(data, 30), "a bit of the payload")
    yield case("receipt-signature", "bad_signature", flip(data, -1), "a bit of the signature")
    yield case("receipt-signer", "unknown_signer", flip(data, 5), "a bit of the key's id")
    foreign = sign_receipt(scene.sites["foreign"].embassy, payload)
    yield case("receipt-foreign", "unknown_signer", foreign, "signed by an embassy that home did not import")
    yield case("receipt-magic", "bad_magic", flip(data, 0), "a bit of the magic")
    yield case("receipt-version", "bad_version", flip(data, 4, 2), "version 3")
    yield case("receipt-length", "oversized", flip(data, 21, 0x80), "2 GiB of payload stated")
    yield case("receipt-truncated-24", "truncated", data[:24], "24 bytes")
    yield case("receipt-truncated", "truncated", data[:-1], "the last byte is missing")
    yield case("receipt-trailing", "trailing_bytes", data + b"\0", "one byte follows")
    yield case("receipt-envelope", "bad_magic", scene.envelope, "an envelope")


def main() -> None:
    write_keys()
    scene = Scene()
    sources = (good, bad_bytes, bad_headers, bad_bodies, bad_epochs, receipts)
    cases = [case for source in sources for case in source(scene)]
    assert len({case.name for case in cases}) == len(cases)
    is_new_version = "--all" in sys.argv
    # A case added later is judged with the epoch envelope on disk: its data key, id and offset follow from fixed names.
    for case in cases:
        path = FOLDER / f"{case.name}.vector"
        if is_new_version or not path.exists():
            path.write_bytes(encode_case(case))
            sys.stdout.write(f"{case.name} {case.expect} {len(case.data)}\n")


if __name__ == "__main__":
    main()
