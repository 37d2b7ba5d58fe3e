"""Envelopes that stop a register at the embassy, one for each refusal: what is appended, and what it needs to clear."""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Callable
from typing import Any, Final

import lz4.frame
import pytest

from data_embassy.envelope import Header, header, peek
from data_embassy.envelope import open as opening
from data_embassy.envelope.header import encode_header
from data_embassy.envelope.layout import TAG_BYTES, parse, prefix
from tests.support.memory_lane import MemoryLink
from tests.support.sealing import assemble, flip, make_sites, signed
from tests.support.synthetic_register import insert, seal_epoch

Mend = Callable[[], None]
"""What whoever removes the cause does before the command."""
_VERSION_AT, _KIND_AT = 4, 5


def nothing() -> None:
    """The command alone clears it."""


def next_envelope(link: MemoryLink) -> bytes:
    """A genuine envelope that continues the lane, not appended."""
    first = len(link.source.log)
    link.source.commit(insert(first, "never seen"))
    return link.sealer.seal([(at, *link.source.log[at]) for at in range(first, len(link.source.log))])


def bytewise(change: Callable[[bytes], bytes]) -> Callable[[MemoryLink], Mend]:
    """The next envelope, altered by somebody without keys."""

    def harm(link: MemoryLink) -> Mend:
        link.append(change(next_envelope(link)))
        return nothing

    return harm


def stated(**fields: Any) -> Callable[[MemoryLink], Mend]:
    """The next envelope with another header, sealed and signed by home."""

    def harm(link: MemoryLink) -> Mend:
        envelope = next_envelope(link)
        link.append(forged(link, dataclasses.replace(peek(envelope), **fields), frame_of(link, envelope)))
        return nothing

    return harm


def forged(link: MemoryLink, said: Header, frame: bytes, *, counter: int = -1) -> bytes:
    """An envelope of home with this header and body."""
    return assemble(link.embassy.sites.home, epoch_key(link), said, frame, counter=counter)


def epoch_key(link: MemoryLink) -> Any:
    """The key of the epoch in use."""
    assert link.sealer._epoch is not None
    return link.sealer._epoch.key


def frame_of(link: MemoryLink, envelope: bytes) -> bytes:
    """What an envelope of the epoch in use holds, compressed."""
    parts = parse(envelope)
    frame: bytes = epoch_key(link).open(parts.header.kind, parts.header.counter, parts.body, parts.associated)
    return frame


def no_epoch_there(link: MemoryLink) -> Mend:
    """It names an envelope of records as the one that began its epoch."""
    return stated(epoch_lane_offset=link.lane_end - 1)(link)


def other_nonce(link: MemoryLink) -> Mend:
    envelope = next_envelope(link)
    said = peek(envelope)
    link.append(forged(link, said, frame_of(link, envelope), counter=said.counter + 1))
    return nothing


def bomb(link: MemoryLink) -> Mend:
    """It states little and expands to more."""
    said = dataclasses.replace(peek(next_envelope(link)), plain_size=1 << 10)
    link.append(forged(link, said, lz4.frame.compress(bytes(1 << 20))))
    return nothing


def no_runs(link: MemoryLink) -> Mend:
    said = dataclasses.replace(peek(next_envelope(link)), plain_size=3)
    link.append(forged(link, said, lz4.frame.compress(b"abc", store_size=True)))
    return nothing


def wrapped_otherwise(link: MemoryLink) -> Mend:
    """An epoch whose data key is wrapped wrongly for the embassy."""
    parts = parse(seal_epoch(link.new_sealer(), len(link.source.log), link.lane_end))
    recipients = tuple((key, flip(wrapped, -1)) for key, wrapped in parts.header.recipients)
    said = dataclasses.replace(parts.header, recipients=recipients)
    encoded = encode_header(said)
    associated = prefix(said.kind, header_bytes=len(encoded), body_bytes=len(parts.body)) + encoded
    link.append(signed(link.embassy.sites.home, said, associated, bytes(parts.body)))
    return nothing


def foreign_lane(link: MemoryLink) -> Mend:
    link.append(seal_epoch(link.new_sealer(lane="0" * 16), len(link.source.log), link.lane_end))
    return nothing


def other_recipient(link: MemoryLink) -> Mend:
    """Home seals for an embassy with other keys; once it imported the present ones, it seals for them."""
    stranger, sites = make_sites("stranger"), link.embassy.sites
    home = dataclasses.replace(sites.home, recipients=stranger.home.recipients)
    link.append(seal_epoch(link.new_sealer(sites=dataclasses.replace(sites, home=home)), link.sent, link.lane_end))
    return nothing


def gapped(link: MemoryLink) -> Mend:
    next_envelope(link)
    link.append(next_envelope(link))
    return nothing


def reordered(link: MemoryLink) -> Mend:
    first, second = next_envelope(link), next_envelope(link)
    link.append(second, first)
    return nothing


class Upgrade:
    """A later version of this program: what it knows besides, from the moment it is installed."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.known: set[str] = set()
        self._check = header._check
        patch.setattr(opening, "parse", self._parse)
        patch.setattr(header, "_check", self._checked)

    def _parse(self, envelope: bytes) -> Any:
        plain = bytearray(envelope)
        if plain[_VERSION_AT] == 2 and "BadVersion" in self.known:
            plain[_VERSION_AT] = 1
        if plain[_KIND_AT] == 3 and "BadKind" in self.known:
            plain[_KIND_AT] = 2
        parts = parse(bytes(plain))
        # What is signed and sealed is what stands on the lane.
        return dataclasses.replace(parts, associated=envelope[: len(parts.associated)])

    def _checked(self, said: Header, body_bytes: int) -> None:
        if said.codec == 2 and "BadCodec" in self.known:
            said = dataclasses.replace(said, codec=1)
        self._check(said, body_bytes)

    def of_later(self, cause: str, **changes: int) -> Callable[[MemoryLink], Mend]:
        """The next envelope in a form that only the later version knows; the mend is the upgrade."""

        def harm(link: MemoryLink) -> Mend:
            envelope = next_envelope(link)
            link.append(later(link, envelope, **changes))
            link.sent = len(link.source.log)
            return lambda: self.known.add(cause)

        return harm


def later(link: MemoryLink, envelope: bytes, *, version: int = 1, kind: int = 2, codec: int = 1) -> bytes:
    """The same records, as a later version would seal them."""
    frame, said = frame_of(link, envelope), dataclasses.replace(peek(envelope), codec=codec)
    encoded = encode_header(said)
    start = bytearray(prefix(said.kind, header_bytes=len(encoded), body_bytes=len(frame) + TAG_BYTES) + encoded)
    start[_VERSION_AT], start[_KIND_AT] = version, kind
    body = epoch_key(link).seal(said.kind, said.counter, frame, bytes(start))
    return signed(link.embassy.sites.home, said, bytes(start), body)


def _short_signature(envelope: bytes) -> bytes:
    return envelope[:14] + struct.pack(">H", 0) + envelope[16:]


ENVELOPES: Final[dict[str, Callable[[MemoryLink], Mend]]] = {
    "BadMagic": bytewise(lambda envelope: b"none" + envelope[4:]),
    "Truncated": bytewise(lambda envelope: envelope[:-10]),
    "TrailingBytes": bytewise(lambda envelope: envelope + b"x"),
    "SignatureMissing": bytewise(_short_signature),
    "BadSignature": bytewise(lambda envelope: flip(envelope, -200)),
    "Oversized": stated(plain_size=1 << 40),
    "HeaderMalformed": stated(counter=0),
    "UnknownEpoch": stated(epoch=bytes(16)),
    "EpochMismatch": stated(incarnation=2),
    "BadCommitment": stated(commitment=bytes(32)),
    "WrongKind": no_epoch_there,
    "BadTag": other_nonce,
    "Bomb": bomb,
    "BodyMalformed": no_runs,
    "BadKeyWrap": wrapped_otherwise,
    "WrongLane": foreign_lane,
    "NotARecipient": other_recipient,
    "Gapped": gapped,
    "Reordered": reordered,
}
"""Cleared by a new generation."""
