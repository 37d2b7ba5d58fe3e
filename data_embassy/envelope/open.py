"""Opening at the embassy, or with a recovery recipient's keys (envelope-v1 section 6).

Pure. Left to the caller: repeated, gapped and reordered ranges, which offsets and incarnations decide; the rules of the
records themselves (stream-v1).
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from data_embassy.envelope import cipher
from data_embassy.envelope.body import Run, keys_of, split_records, split_schemas
from data_embassy.envelope.codec import decompress
from data_embassy.envelope.errors import EpochMismatch, NotARecipient, UnknownEpoch, WrongKind
from data_embassy.envelope.header import Header, Kind
from data_embassy.envelope.layout import Parts, parse
from data_embassy.envelope.signing import verify
from data_embassy.keys.kinds import KeyId
from data_embassy.keys.sets import EmbassyKeys, RecoveryKeys

EPOCHS_REMEMBERED: Final = 64
"""Keys of so many epochs are kept; an older one is opened again from its envelope."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class EpochOpened:
    """Content of an epoch envelope: Schema record values known so far, oldest first."""

    header: Header
    schemas: list[bytes]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class OpenedRecords:
    """Content of a records envelope; `values[i]` stood at home offset `first_offset + i`; the runs say their keys."""

    header: Header
    first_offset: int
    runs: list[Run]
    values: list[bytes]

    @property
    def keys(self) -> list[bytes]:
        """The key of each value. The runs cost less."""
        return keys_of(self.runs)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _Epoch:
    key: cipher.EpochKey
    incarnation: int
    signer: KeyId


class LaneOpener:
    """Opens one lane; remembers the keys of its latest epochs. Not for several threads at once."""

    def __init__(self, *, lane: str, keys: EmbassyKeys | RecoveryKeys) -> None:
        self._lane = lane
        self._keys = keys
        self._epochs: OrderedDict[tuple[bytes, int], _Epoch] = OrderedDict()
        self._verified: tuple[bytes, Parts] | None = None

    def verify(self, envelope: bytes) -> Header:
        """Steps (1) to (8) of section 6.1: sizes, header, lane, signatures. Raises a subclass of Refused."""
        return self._verified_parts(envelope).header

    def needs_epoch(self, header: Header) -> int | None:
        """Lane offset of the epoch envelope to fetch and open before this envelope, or None."""
        if header.epoch_lane_offset is None or (header.epoch, header.epoch_lane_offset) in self._epochs:
            return None
        return header.epoch_lane_offset

    def open_epoch(self, envelope: bytes, lane_offset: int) -> EpochOpened:
        """Section 6.2 on the envelope that stands at this lane offset; its key is remembered.

        A copy of an epoch envelope at another offset is harmless: records name the offset they mean.
        """
        parts = self._verified_parts(envelope)
        header = parts.header
        if header.kind is not Kind.EPOCH:
            raise WrongKind(f"no epoch envelope at lane offset {lane_offset}")
        # (9) the data key was wrapped for a key of this site, and opens for this lane and epoch
        data_key = self._unwrap(header)
        # (10) the header commits to this very key: before anything is decrypted with it
        key = cipher.derive(data_key, lane=self._lane, epoch=header.epoch)
        key.check_commitment(header.commitment)
        # (11) to (13) the body authenticates, decompresses to the stated size, and splits exactly
        schemas = split_schemas(_open_body(key, parts), header.schemas)
        epoch = _Epoch(key=key, incarnation=header.incarnation, signer=header.signer)
        self._remember((header.epoch, lane_offset), epoch)
        return EpochOpened(header=header, schemas=schemas)

    def open(self, envelope: bytes) -> OpenedRecords:
        """Section 6.2 on a records envelope whose epoch was opened; raises a subclass of Refused."""
        parts = self._verified_parts(envelope)
        header = parts.header
        if header.kind is not Kind.RECORDS or header.epoch_lane_offset is None:
            raise WrongKind("an epoch envelope holds no records")
        # (9) the epoch is open, and this envelope continues what its epoch envelope began
        at = (header.epoch, header.epoch_lane_offset)
        epoch = self._epochs.get(at)
        if epoch is None:
            raise UnknownEpoch(f"epoch at lane offset {header.epoch_lane_offset}")
        self._epochs.move_to_end(at)
        if (header.incarnation, header.signer) != (epoch.incarnation, epoch.signer):
            raise EpochMismatch("another incarnation or signer")
        # (10) the header commits to the epoch's key
        epoch.key.check_commitment(header.commitment)
        # (11) to (13)
        runs, values = split_records(_open_body(epoch.key, parts), header.count)
        return OpenedRecords(header=header, first_offset=header.first_offset, runs=runs, values=values)

    def _verified_parts(self, envelope: bytes) -> Parts:
        # `verify` followed by `open` is the common way: the same immutable bytes object is verified once.
        if self._verified is not None and self._verified[0] is envelope:
            return self._verified[1]
        parts = parse(envelope)
        verify(parts, self._keys.signers, lane=self._lane)
        if type(envelope) is bytes:
            self._verified = (envelope, parts)
        return parts

    def _unwrap(self, header: Header) -> bytes:
        for recipient, wrapped in header.recipients:
            own = self._keys.recipients.get(recipient)
            if own is not None:
                return cipher.unwrap(wrapped, recipient, own.key, lane=self._lane, epoch=header.epoch)
        raise NotARecipient(f"{len(header.recipients)} recipients")

    def _remember(self, at: tuple[bytes, int], epoch: _Epoch) -> None:
        self._epochs[at] = epoch
        self._epochs.move_to_end(at)
        while len(self._epochs) > EPOCHS_REMEMBERED:
            self._epochs.popitem(last=False)


def _open_body(key: cipher.EpochKey, parts: Parts) -> bytes:
    """Steps (11) and (12): authenticate and decrypt, then decompress to exactly the stated size."""
    header = parts.header
    frame = key.open(header.kind, header.counter, parts.body, parts.associated)
    return decompress(frame, header.plain_size)
