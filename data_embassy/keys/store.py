"""A site's folder of keys: make, load, exchange, rotate (envelope-v1 section 8).

`<kind>.<serial>.key` are this site's secrets, `peers/<site>.<role>.public.json` the bundles it trusts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from data_embassy.keys import keyfile
from data_embassy.keys.documents import (
    SITE_NAME,
    Bundle,
    KeyFile,
    decode_bundle,
    decode_key_file,
    encode_bundle,
    encode_key_file,
)
from data_embassy.keys.errors import FingerprintMismatch, KeyDamaged, KeyForeign, KeyMissing, KeysPresent
from data_embassy.keys.kinds import KINDS_OF_ROLE, SIGNING_KINDS, KeyKind, PublicKey, Random, Role, SecretKey, generate

_PEERS: Final = "peers"
_PEER_ROLES: Final = {
    Role.HOME: (Role.EMBASSY, Role.RECOVERY),
    Role.EMBASSY: (Role.HOME,),
    Role.RECOVERY: (Role.HOME,),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyring:
    """Everything in a folder of keys, checked."""

    role: Role
    site: str
    keys: tuple[SecretKey, ...]
    peers: tuple[Bundle, ...]

    def of_kind(self, kind: KeyKind) -> list[SecretKey]:
        """Keys of a kind, oldest first."""
        return sorted((key for key in self.keys if key.kind is kind), key=lambda key: key.serial)

    def current(self, kind: KeyKind) -> SecretKey:
        """The newest active key of a kind."""
        active = [key for key in self.of_kind(kind) if key.is_active]
        if not active:
            raise KeyMissing(f"no active key of kind {kind} of {self.role} {self.site}")
        return active[-1]

    def bundle(self) -> Bundle:
        """The public part. Symmetric keys have none."""
        publics = tuple(
            PublicKey(kind=key.kind, serial=key.serial, public=key.public)
            for kind in KINDS_OF_ROLE[self.role]
            if kind is not KeyKind.DIGEST
            for key in self.of_kind(kind)
        )
        return Bundle(role=self.role, site=self.site, keys=publics)


def init_keys(folder: Path, *, role: Role, site: str, random: Random = keyfile.random_bytes) -> Keyring:
    """Make a site's first keys; raises KeysPresent when the folder holds something."""
    if SITE_NAME.match(site) is None:
        raise KeyForeign(f"{site!r} is no site name", remedy="use lower-case letters, digits, - and _")
    keys = [generate(kind, serial=1, is_active=True, random=random) for kind in KINDS_OF_ROLE[role]]
    keyfile.create_folder(folder, _files(role, site, keys))
    return load_keyring(folder, role=role, site=site)


def init_recovery(folder: Path, *, home: Path, site: str = "recovery", random: Random = keyfile.random_bytes) -> Bundle:
    """Make a recovery recipient beside home's keys: home learns its public part, it learns home's.

    Both bundles pass within this process, so no fingerprint has to be compared. The folder is moved off-line.
    """
    ring = load_keyring(home, role=Role.HOME)
    if any((peer.role, peer.site) == (Role.RECOVERY, site) for peer in ring.peers):
        raise KeysPresent(f"home trusts a recovery recipient {site}", remedy="give the new one another name")
    bundle = init_keys(folder, role=Role.RECOVERY, site=site, random=random).bundle()
    _write_peer(folder, ring.bundle())
    _write_peer(home, bundle)
    return bundle


def load_keyring(folder: Path, *, role: Role | None = None, site: str | None = None) -> Keyring:
    """Read and check a folder of keys.

    Raises KeyMissing, KeyExposed, KeyNotOwned, KeyDamaged, and KeyForeign when it is not of this role and site.
    """
    files = [
        decode_key_file(data, where=str(folder / name)) for name, data in keyfile.read_folder(folder, ".key").items()
    ]
    if not files:
        raise KeyMissing(f"{folder} holds no key")
    role, site = role or files[0].role, site or files[0].site
    for file in files:
        if (file.role, file.site) != (role, site):
            raise KeyForeign(f"{folder / file.name} belongs to {file.role} {file.site}, expected {role} {site}")
    ring = Keyring(role=role, site=site, keys=tuple(file.key for file in files), peers=tuple(_read_peers(folder, role)))
    for kind in KINDS_OF_ROLE[role]:
        ring.current(kind)
    if len({(key.kind, key.serial) for key in ring.keys}) != len(ring.keys):
        raise KeyDamaged(f"{folder} holds two keys of one kind and serial")
    return ring


def signing_key_file(folder: Path) -> Path:
    """The file of the key with which this site signs, envelopes or receipts; raises as `load_keyring`."""
    ring = load_keyring(folder)
    kind = KeyKind.SIGN if ring.role is Role.HOME else KeyKind.RECEIPT
    return folder / KeyFile(role=ring.role, site=ring.site, key=ring.current(kind)).name


def import_bundle(folder: Path, data: bytes, *, fingerprint: str, where: str = "the bundle") -> Bundle:
    """Trust a bundle whose fingerprint the other site told; it replaces an older one of that site.

    Raises KeyDamaged, FingerprintMismatch, KeyForeign.
    """
    ring = load_keyring(folder)
    bundle = decode_bundle(data, where=where)
    told = "".join(fingerprint.split()).replace(":", "").lower()
    if told != bundle.fingerprint:
        # Its own fingerprint is not shown: it would be copied into the next attempt.
        raise FingerprintMismatch(where)
    if bundle.role not in _PEER_ROLES[ring.role]:
        raise KeyForeign(f"{where} is of a site with role {bundle.role}; {ring.role} has no use for it")
    _write_peer(folder, bundle)
    return bundle


def rotate(folder: Path, *, random: Random = keyfile.random_bytes) -> list[SecretKey]:
    """New signing and recipient keys beside the old ones, which stay for what was sealed before.

    New signing keys stay inactive until `activate`: export the bundle and import it at the other site first.
    The digest key stays: home compares digests of earlier envelopes with it (ADR 3).
    """
    ring = load_keyring(folder)
    new = [
        generate(kind, serial=ring.of_kind(kind)[-1].serial + 1, is_active=kind not in SIGNING_KINDS, random=random)
        for kind in KINDS_OF_ROLE[ring.role]
        if kind is not KeyKind.DIGEST
    ]
    _write(folder, ring, new)
    return new


def activate(folder: Path) -> list[SecretKey]:
    """Begin to use the signing keys that `rotate` made; returns them."""
    ring = load_keyring(folder)
    fresh = [replace(key, is_active=True) for key in ring.keys if not key.is_active]
    _write(folder, ring, fresh)
    return fresh


def _write(folder: Path, ring: Keyring, keys: Iterable[SecretKey]) -> None:
    for name, data in _files(ring.role, ring.site, keys).items():
        keyfile.write_private(folder / name, data)


def _files(role: Role, site: str, keys: Iterable[SecretKey]) -> dict[str, bytes]:
    files = (KeyFile(role=role, site=site, key=key) for key in keys)
    return {file.name: encode_key_file(file) for file in files}


def _read_peers(folder: Path, role: Role) -> Iterable[Bundle]:
    peers = folder / _PEERS
    if not peers.exists():
        return
    for name, data in keyfile.read_folder(peers, ".public.json").items():
        bundle = decode_bundle(data, where=str(peers / name))
        if bundle.role not in _PEER_ROLES[role] or bundle.name != name:
            raise KeyForeign(f"{peers / name} is of {bundle.role} {bundle.site}")
        yield bundle


def _write_peer(folder: Path, bundle: Bundle) -> None:
    keyfile.write_private(folder / _PEERS / bundle.name, encode_bundle(bundle))
