"""The keys as sealing and opening use them: frozen sets, assembled from a folder by `data_embassy.keys.store`.

Nothing here reads files. Their repr shows ids only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey, MLDSA65PublicKey
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey, MLKEM768X25519PublicKey

from data_embassy.keys.kinds import KeyId

T = TypeVar("T")


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Keyed(Generic[T]):
    """A key with its id; the repr shows nothing else."""

    id: KeyId
    key: T

    def __repr__(self) -> str:
        return f"<key {self.id.hex()}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Somebody for whom data keys are wrapped."""

    site: str
    is_recovery: bool
    public: Keyed[MLKEM768X25519PublicKey]


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeSigners:
    """Public signing keys of home, all that were ever valid: old envelopes must stay readable."""

    ed25519: Mapping[KeyId, Ed25519PublicKey]
    ml_dsa: Mapping[KeyId, MLDSA65PublicKey]


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeKeys:
    """What home needs to seal lanes, recognise its own envelopes and check receipts."""

    site: str
    signer: Keyed[Ed25519PrivateKey]
    signer_pq: Keyed[MLDSA65PrivateKey]
    digest_key: Keyed[bytes]
    signers: HomeSigners
    recipients: tuple[Recipient, ...]
    receipt_signers: Mapping[KeyId, Ed25519PublicKey]


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbassyKeys:
    """What the embassy needs to open lanes and sign receipts."""

    site: str
    recipients: Mapping[KeyId, Keyed[MLKEM768X25519PrivateKey]]
    signers: HomeSigners
    receipt_signer: Keyed[Ed25519PrivateKey]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryKeys:
    """What a recovery recipient needs to open lanes."""

    site: str
    recipients: Mapping[KeyId, Keyed[MLKEM768X25519PrivateKey]]
    signers: HomeSigners
