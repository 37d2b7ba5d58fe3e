"""Sealing at home: epochs and records envelopes of one lane (envelope-v1 sections 4 to 6.3).

Pure: randomness and time are passed in. Left to the caller: sending in order, awaiting acknowledgements, and telling
`epoch_acknowledged` where the epoch envelope stands before the first records are sealed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from data_embassy.envelope import cipher, limits
from data_embassy.envelope.body import pack_records, pack_schemas
from data_embassy.envelope.codec import compress
from data_embassy.envelope.errors import EpochExhausted, Oversized, Unsealable
from data_embassy.envelope.header import CODEC_LZ4_FRAME, EPOCH_ID_BYTES, Header, Kind, encode_header
from data_embassy.envelope.layout import TAG_BYTES, parse, prefix
from data_embassy.envelope.limits import EpochLimits
from data_embassy.envelope.signing import sign, sign_pq, signed_bytes, verify
from data_embassy.keys.keyfile import random_bytes
from data_embassy.keys.kinds import Random
from data_embassy.keys.sets import HomeKeys, Recipient

_DEFAULT_LIMITS: Final = EpochLimits()
Records = Sequence[tuple[int, bytes, bytes]]
"""Contiguous (home offset, key, value)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochUse:
    """How much of its limits the epoch in use has used."""

    age_seconds: float
    envelopes: int
    """Sealed with its data key so far."""
    sealed: float
    """The larger part that is used of the envelopes, or of the bytes, that one data key may seal."""
    left_seconds: float
    """Until it is too old; below 0 the next envelope begins another one."""

    @property
    def ratio(self) -> float:
        """The largest part that is used of any limit."""
        return max(self.sealed, self.age_seconds / max(self.age_seconds + self.left_seconds, 1e-9))


@dataclass(slots=True, kw_only=True)
class _Epoch:
    """The epoch in use: what counts up while it lasts."""

    key: cipher.EpochKey
    begun_at: float
    lane_offset: int | None = None
    counter: int = 0
    plain_bytes: int = 0


class HomeSealer:
    """Seals one lane, from one forwarder start to the next. Not for several threads at once."""

    def __init__(
        self,
        *,
        lane: str,
        keys: HomeKeys,
        incarnation: int,
        recipients: Sequence[Recipient] | None = None,
        epoch_limits: EpochLimits = _DEFAULT_LIMITS,
        random: Random = random_bytes,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lane = lane
        self._keys = keys
        self._incarnation = incarnation
        self._recipients = keys.recipients if recipients is None else tuple(recipients)
        if not any(recipient.is_recovery for recipient in self._recipients):
            raise ValueError("a lane is sealed for a recovery recipient too")
        self._limits = epoch_limits
        self._random = random
        self._clock = clock
        self._epoch: _Epoch | None = None

    def begin_epoch(self, *, next_offset: int, schemas: Sequence[bytes], generation: int | None) -> bytes:
        """Draw a fresh data key and return the epoch envelope that hands it to every recipient.

        The caller produces it, awaits the acknowledgement and calls `epoch_acknowledged`. Raises Oversized.
        """
        data_key = self._random(cipher.DATA_KEY_BYTES)
        epoch = self._random(EPOCH_ID_BYTES)
        key = cipher.derive(data_key, lane=self._lane, epoch=epoch)
        wrapped = tuple(
            (r.public.id, cipher.wrap(data_key, r.public.id, r.public.key, lane=self._lane, epoch=epoch))
            for r in self._recipients
        )
        self._epoch = _Epoch(key=key, begun_at=self._clock())
        plain = pack_schemas(schemas)
        header = Header(
            kind=Kind.EPOCH,
            lane=self._lane,
            incarnation=self._incarnation,
            epoch=epoch,
            epoch_lane_offset=None,
            counter=0,
            first_offset=next_offset,
            last_offset=next_offset - 1,
            count=0,
            digest=b"",
            commitment=key.commitment,
            codec=CODEC_LZ4_FRAME,
            plain_size=len(plain),
            signer=self._keys.signer.id,
            signer_pq=self._keys.signer_pq.id,
            generation=generation,
            schemas=len(schemas),
            recipients=wrapped,
        )
        return self._assemble(key, header, plain)

    def epoch_acknowledged(self, lane_offset: int) -> None:
        """State where the epoch envelope stands on the lane; every records envelope of the epoch repeats it."""
        if self._epoch is None:
            raise RuntimeError("no epoch was begun")
        self._epoch.lane_offset = lane_offset

    @property
    def epoch_use(self) -> EpochUse | None:
        """Of the epoch in use; None before the first. Any thread may ask."""
        epoch, limits = self._epoch, self._limits
        if epoch is None:
            return None
        age = self._clock() - epoch.begun_at
        return EpochUse(
            age_seconds=age,
            envelopes=epoch.counter,
            sealed=max(epoch.counter / limits.envelopes, epoch.plain_bytes / limits.plain_bytes),
            left_seconds=limits.age_seconds - age,
        )

    def must_begin_epoch(self) -> bool:
        """Whether the next `seal` would raise EpochExhausted."""
        return self._exhausted() is not None

    def seal(self, records: Records) -> bytes:
        """One envelope with these records.

        Raises EpochExhausted when a new epoch must be begun first, Unsealable for records that are not contiguous or
        not of the stream's form, Oversized for more than one envelope holds.
        """
        why = self._exhausted()
        if why is not None:
            raise EpochExhausted(why)
        epoch = self._epoch
        if epoch is None or epoch.lane_offset is None:
            raise RuntimeError("the epoch envelope is not acknowledged")
        first_offset, plain = _body_of(records)
        epoch.counter += 1
        epoch.plain_bytes += len(plain)
        header = Header(
            kind=Kind.RECORDS,
            lane=self._lane,
            incarnation=self._incarnation,
            epoch=epoch.key.epoch,
            epoch_lane_offset=epoch.lane_offset,
            counter=epoch.counter,
            first_offset=first_offset,
            last_offset=first_offset + len(records) - 1,
            count=len(records),
            digest=self._digest(first_offset, plain),
            commitment=epoch.key.commitment,
            codec=CODEC_LZ4_FRAME,
            plain_size=len(plain),
            signer=self._keys.signer.id,
            signer_pq=None,
            generation=None,
            schemas=0,
            recipients=(),
        )
        return self._assemble(epoch.key, header, plain)

    def digest(self, records: Records) -> bytes:
        """Keyed digest of these records, as it stands in the header of the envelope that holds exactly them."""
        return self._digest(*_body_of(records))

    def _digest(self, first_offset: int, plain: bytes) -> bytes:
        return cipher.digest(self._keys.digest_key.key, lane=self._lane, first_offset=first_offset, body=plain)

    def _exhausted(self) -> str | None:
        epoch = self._epoch
        if epoch is None:
            return "none was begun"
        if epoch.counter >= self._limits.envelopes:
            return "envelopes"
        if epoch.plain_bytes >= self._limits.plain_bytes:
            return "bytes"
        return "age" if self._clock() - epoch.begun_at >= self._limits.age_seconds else None

    def _assemble(self, key: cipher.EpochKey, header: Header, plain: bytes) -> bytes:
        """Section 6.3: compress, then encrypt under prefix and header, then sign all of it."""
        if len(plain) > limits.PLAIN_BYTES_MAX or max(header.count, header.schemas) > limits.RECORDS_MAX:
            raise Oversized(f"{len(plain)} bytes to seal in one envelope", remedy="seal fewer records at once")
        frame = compress(plain)
        encoded = encode_header(header)
        opening = prefix(header.kind, header_bytes=len(encoded), body_bytes=len(frame) + TAG_BYTES)
        associated = opening + encoded
        body = key.seal(header.kind, header.counter, frame, associated)
        message = signed_bytes(associated, body)
        signatures = [sign(self._keys.signer.key, message)]
        if header.kind is Kind.EPOCH:
            signatures.append(sign_pq(self._keys.signer_pq.key, message))
        envelope = b"".join((associated, body, *signatures))
        if len(envelope) > limits.ENVELOPE_BYTES_MAX:
            raise Oversized(f"{len(envelope)} bytes sealed", remedy="seal fewer records at once")
        return envelope


class HomeVerifier:
    """Home reads back its own lane's tail: signatures are checked, nothing is opened."""

    def __init__(self, *, lane: str, keys: HomeKeys) -> None:
        self._lane = lane
        self._signers = keys.signers

    def verify(self, envelope: bytes) -> Header:
        """Steps (1) to (8) of section 6.1; raises a subclass of Refused."""
        return verify(parse(envelope), self._signers, lane=self._lane)


def _body_of(records: Records) -> tuple[int, bytes]:
    """First offset and body of contiguous records."""
    if not records:
        raise RuntimeError("nothing to seal")
    offsets, keys, values = zip(*records, strict=True)
    if offsets != tuple(range(offsets[0], offsets[0] + len(offsets))):
        raise Unsealable("home offsets are not contiguous")
    try:
        return offsets[0], pack_records(keys, values)
    except TypeError as error:
        raise Unsealable("a record has no key or no value") from error
