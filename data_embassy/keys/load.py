"""From a folder of keys to the frozen sets that sealing and opening use (envelope-v1 section 8)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey, MLDSA65PublicKey
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey

from data_embassy.keys.documents import Bundle
from data_embassy.keys.errors import PeerMissing, RecoveryMissing
from data_embassy.keys.kinds import KeyId, KeyKind, Role, SecretKey, recipient_private, recipient_public
from data_embassy.keys.sets import EmbassyKeys, HomeKeys, HomeSigners, Keyed, Recipient, RecoveryKeys
from data_embassy.keys.store import Keyring, load_keyring


def load_home_keys(folder: Path, *, site: str | None = None) -> HomeKeys:
    """Home's keys and whom it seals for; raises a KeyringError subclass for whatever is wrong.

    No recovery recipient and no embassy are refusals: what is sealed must be readable by both.
    """
    return home_keys(load_keyring(folder, role=Role.HOME, site=site))


def load_embassy_keys(folder: Path, *, site: str | None = None) -> EmbassyKeys:
    """The embassy's keys and home's public ones; raises a KeyringError subclass for whatever is wrong."""
    return embassy_keys(load_keyring(folder, role=Role.EMBASSY, site=site))


def load_recovery_keys(folder: Path, *, site: str | None = None) -> RecoveryKeys:
    """A recovery recipient's keys and home's public ones."""
    return recovery_keys(load_keyring(folder, role=Role.RECOVERY, site=site))


def home_keys(ring: Keyring) -> HomeKeys:
    """Home's set of a checked folder."""
    recoveries = [bundle for bundle in ring.peers if bundle.role is Role.RECOVERY]
    if not recoveries:
        raise RecoveryMissing(f"home {ring.site}")
    embassies = _peers(ring, Role.EMBASSY)
    return HomeKeys(
        site=ring.site,
        signer=_ed25519(ring.current(KeyKind.SIGN)),
        signer_pq=_ml_dsa(ring.current(KeyKind.SIGN_PQ)),
        digest_key=_keyed_seed(ring.current(KeyKind.DIGEST)),
        signers=_signers([ring.bundle()]),
        recipients=tuple(_recipient(bundle) for bundle in (*embassies, *recoveries)),
        receipt_signers=_ed25519_publics(embassies, KeyKind.RECEIPT),
    )


def embassy_keys(ring: Keyring) -> EmbassyKeys:
    """The embassy's set of a checked folder."""
    return EmbassyKeys(
        site=ring.site,
        recipients=_own_recipients(ring),
        signers=_signers(_peers(ring, Role.HOME)),
        receipt_signer=_ed25519(ring.current(KeyKind.RECEIPT)),
    )


def recovery_keys(ring: Keyring) -> RecoveryKeys:
    """The recovery recipient's set of a checked folder."""
    return RecoveryKeys(site=ring.site, recipients=_own_recipients(ring), signers=_signers(_peers(ring, Role.HOME)))


def _peers(ring: Keyring, role: Role) -> list[Bundle]:
    peers = [bundle for bundle in ring.peers if bundle.role is role]
    if not peers:
        raise PeerMissing(f"{ring.role} {ring.site} knows no {role}")
    return peers


def _own_recipients(ring: Keyring) -> Mapping[KeyId, Keyed[MLKEM768X25519PrivateKey]]:
    return {key.id: Keyed(key.id, recipient_private(key.seed)) for key in ring.of_kind(KeyKind.RECIPIENT)}


def _recipient(bundle: Bundle) -> Recipient:
    newest = max((key for key in bundle.keys if key.kind is KeyKind.RECIPIENT), key=lambda key: key.serial)
    public = Keyed(newest.id, recipient_public(newest.public))
    return Recipient(site=bundle.site, is_recovery=bundle.role is Role.RECOVERY, public=public)


def _signers(bundles: list[Bundle]) -> HomeSigners:
    ml_dsa = {
        key.id: MLDSA65PublicKey.from_public_bytes(key.public)
        for bundle in bundles
        for key in bundle.keys
        if key.kind is KeyKind.SIGN_PQ
    }
    return HomeSigners(ed25519=_ed25519_publics(bundles, KeyKind.SIGN), ml_dsa=ml_dsa)


def _ed25519_publics(bundles: list[Bundle], kind: KeyKind) -> Mapping[KeyId, Ed25519PublicKey]:
    return {
        key.id: Ed25519PublicKey.from_public_bytes(key.public)
        for bundle in bundles
        for key in bundle.keys
        if key.kind is kind
    }


def _ed25519(key: SecretKey) -> Keyed[Ed25519PrivateKey]:
    return Keyed(key.id, Ed25519PrivateKey.from_private_bytes(key.seed))


def _ml_dsa(key: SecretKey) -> Keyed[MLDSA65PrivateKey]:
    return Keyed(key.id, MLDSA65PrivateKey.from_seed_bytes(key.seed))


def _keyed_seed(key: SecretKey) -> Keyed[bytes]:
    return Keyed(key.id, key.seed)
