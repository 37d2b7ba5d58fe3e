"""Kinds of keys, their sizes and ids, and the types that hold them (envelope-v1 section 8).

Every private key is a seed of fixed length. The types that hold one show only its kind and id.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NewType

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey, MLKEM768X25519PublicKey

from data_embassy.keys.tagged import tagged

KeyId = NewType("KeyId", bytes)
"""16 bytes that name a public key, or a secret one without revealing it."""
KEY_ID_BYTES: Final = 16
Random = Callable[[int], bytes]
"""A source of that many random bytes."""

_ID_LABEL: Final = b"data-embassy/v1/key-id"
_MLKEM_SEED_BYTES: Final = 64
_MLKEM_PUBLIC_BYTES: Final = 1184


class Role(StrEnum):
    """What a folder of keys is for."""

    HOME = "home"
    EMBASSY = "embassy"
    RECOVERY = "recovery"


class KeyKind(StrEnum):
    """What a key is for, and with which algorithm."""

    SIGN = "sign-ed25519"
    SIGN_PQ = "sign-ml-dsa-65"
    DIGEST = "digest-hmac-sha-256"
    RECIPIENT = "recipient-mlkem768-x25519"
    RECEIPT = "receipt-ed25519"


KINDS_OF_ROLE: Final = {
    Role.HOME: (KeyKind.SIGN, KeyKind.SIGN_PQ, KeyKind.DIGEST),
    Role.EMBASSY: (KeyKind.RECIPIENT, KeyKind.RECEIPT),
    Role.RECOVERY: (KeyKind.RECIPIENT,),
}
SEED_BYTES: Final = {
    KeyKind.SIGN: 32,
    KeyKind.SIGN_PQ: 32,
    KeyKind.DIGEST: 32,
    KeyKind.RECIPIENT: _MLKEM_SEED_BYTES + 32,
    KeyKind.RECEIPT: 32,
}
PUBLIC_BYTES: Final = {
    KeyKind.SIGN: 32,
    KeyKind.SIGN_PQ: 1952,
    KeyKind.RECIPIENT: _MLKEM_PUBLIC_BYTES + 32,
    KeyKind.RECEIPT: 32,
}
SIGNING_KINDS: Final = (KeyKind.SIGN, KeyKind.SIGN_PQ, KeyKind.RECEIPT)
"""A new key of these kinds is used only after `keys activate`: the other site must know it first."""


def key_id(kind: KeyKind, public: bytes) -> KeyId:
    """First 16 bytes of SHA-256 over the kind and the public bytes."""
    return KeyId(hashlib.sha256(tagged(_ID_LABEL, kind.encode(), public)).digest()[:KEY_ID_BYTES])


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """A public key as it stands in a bundle. Later keys of a kind have higher serials."""

    kind: KeyKind
    serial: int
    public: bytes

    @property
    def id(self) -> KeyId:
        """The key's id."""
        return key_id(self.kind, self.public)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False, eq=False)
class SecretKey:
    """A private or symmetric key as it stands in this site's folder."""

    kind: KeyKind
    serial: int
    is_active: bool
    seed: bytes

    @property
    def public(self) -> bytes:
        """Public bytes; for a symmetric key a value that only names it."""
        match self.kind:
            case KeyKind.SIGN | KeyKind.RECEIPT:
                return Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()
            case KeyKind.SIGN_PQ:
                return MLDSA65PrivateKey.from_seed_bytes(self.seed).public_key().public_bytes_raw()
            case KeyKind.RECIPIENT:
                mlkem, x25519 = _split_recipient(self.seed)
                return mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()
            case _:  # the digest key
                return hmac.digest(self.seed, _ID_LABEL, "sha256")

    @property
    def id(self) -> KeyId:
        """The key's id."""
        return key_id(self.kind, self.public)

    def __repr__(self) -> str:
        return f"<secret {self.kind} {self.id.hex()}>"


def generate(kind: KeyKind, *, serial: int, is_active: bool, random: Random) -> SecretKey:
    """A new key from a random seed."""
    return SecretKey(kind=kind, serial=serial, is_active=is_active, seed=random(SEED_BYTES[kind]))


def recipient_private(seed: bytes) -> MLKEM768X25519PrivateKey:
    """The X-Wing private key of a seed: 64 bytes for ML-KEM-768, 32 for X25519."""
    return MLKEM768X25519PrivateKey(*_split_recipient(seed))


def recipient_public(public: bytes) -> MLKEM768X25519PublicKey:
    """The X-Wing public key of its bytes; raises ValueError when they are no key."""
    return MLKEM768X25519PublicKey(
        MLKEM768PublicKey.from_public_bytes(public[:_MLKEM_PUBLIC_BYTES]),
        X25519PublicKey.from_public_bytes(public[_MLKEM_PUBLIC_BYTES:]),
    )


def _split_recipient(seed: bytes) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
    return (
        MLKEM768PrivateKey.from_seed_bytes(seed[:_MLKEM_SEED_BYTES]),
        X25519PrivateKey.from_private_bytes(seed[_MLKEM_SEED_BYTES:]),
    )
