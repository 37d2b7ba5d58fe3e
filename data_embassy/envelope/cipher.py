"""The cryptographic calls on bodies and data keys, each with why it is safe (envelope-v1 section 2). No parsing.

data key (32 random bytes, one per epoch) -> HKDF-SHA-512 -> body key (AES-256-GCM), commitment
data key -> HPKE MLKEM768-X25519, HKDF-SHA-256, AES-256-GCM -> wrapped for each recipient
"""

from __future__ import annotations

import hmac
import struct
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from data_embassy.envelope.errors import BadCommitment, BadKeyWrap, BadTag
from data_embassy.envelope.header import Kind
from data_embassy.keys.kinds import KeyId
from data_embassy.keys.tagged import tagged

DATA_KEY_BYTES: Final = 32
_SUITE: Final = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_NONCE: Final = struct.Struct(">IQ")
_DERIVE_LABEL: Final = b"data-embassy/v1/envelope/data-key"
_WRAP_LABEL: Final = b"data-embassy/v1/envelope/wrap"
_DIGEST_LABEL: Final = b"data-embassy/v1/envelope/digest"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False, eq=False)
class EpochKey:
    """What is derived from an epoch's data key."""

    epoch: bytes
    commitment: bytes
    _aead: AESGCM

    def seal(self, kind: Kind, counter: int, plain: bytes, associated: bytes) -> bytes:
        """Encrypt a body. The caller never uses a counter of a kind twice with one epoch."""
        return self._aead.encrypt(_nonce(kind, counter), plain, associated)

    def open(self, kind: Kind, counter: int, body: memoryview, associated: bytes) -> bytes:
        """Decrypt a body; raises BadTag. The caller has compared the commitment."""
        try:
            return self._aead.decrypt(_nonce(kind, counter), body, associated)
        except InvalidTag as error:
            raise BadTag from error

    def check_commitment(self, commitment: bytes) -> None:
        """Raise BadCommitment unless the header commits to this very key, compared in constant time.

        AES-GCM alone does not commit: one body can open under two keys, to two different contents.
        """
        if not hmac.compare_digest(commitment, self.commitment):
            raise BadCommitment


def derive(data_key: bytes, *, lane: str, epoch: bytes) -> EpochKey:
    """Body key and commitment of an epoch. HKDF-SHA-512, salt: the epoch's id, info: label and lane.

    Both come from one expansion: who finds two data keys with equal commitments has found a collision of 256 bits.
    """
    info = tagged(_DERIVE_LABEL, lane.encode())
    material = HKDF(algorithm=SHA512(), length=64, salt=epoch, info=info).derive(data_key)
    return EpochKey(epoch=epoch, commitment=material[32:], _aead=AESGCM(material[:32]))


def wrap(data_key: bytes, recipient: KeyId, public: MLKEM768X25519PublicKey, *, lane: str, epoch: bytes) -> bytes:
    """Wrap a data key for a recipient. HPKE base mode does not name the sender: the envelope's signatures do.

    Every call encapsulates afresh, so HPKE's own key and nonce are used once.
    """
    return _SUITE.encrypt(data_key, public, info=_wrap_info(recipient, lane, epoch))


def unwrap(wrapped: bytes, recipient: KeyId, private: MLKEM768X25519PrivateKey, *, lane: str, epoch: bytes) -> bytes:
    """Unwrap a data key; raises BadKeyWrap. The header's fixed size leaves room for exactly 32 bytes of it."""
    try:
        return _SUITE.decrypt(wrapped, private, info=_wrap_info(recipient, lane, epoch))
    except (InvalidTag, ValueError) as error:
        raise BadKeyWrap from error


def digest(digest_key: bytes, *, lane: str, first_offset: int, body: bytes) -> bytes:
    """Keyed digest of a range of records: HMAC-SHA-256 under home's digest key (ADR 3).

    Not a plain hash: who guesses a row could confirm the guess. The lane and the offset stand in it, so that
    equal records of two lanes or places have unrelated digests.
    """
    code = hmac.new(digest_key, tagged(_DIGEST_LABEL, lane.encode(), first_offset.to_bytes(8, "big")), "sha256")
    # The body is last and has no length of its own: all before it has, and so megabytes are not copied.
    code.update(body)
    return code.digest()


def _wrap_info(recipient: KeyId, lane: str, epoch: bytes) -> bytes:
    return tagged(_WRAP_LABEL, recipient, lane.encode(), epoch)


def _nonce(kind: Kind, counter: int) -> bytes:
    """Kind u32, counter u64.

    Unique: the key is derived from a data key drawn fresh for this epoch by one sealer in one process, which counts
    up in memory, uses 0 for the epoch envelope, and never continues an epoch of an earlier run. Nothing has to be
    stored, so a restored machine cannot repeat a nonce.
    """
    return _NONCE.pack(kind, counter)
