"""Key files and public bundles as bytes: strict JSON, one writer and one reader each (envelope-v1 section 8).

Pure: `data_embassy.keys.keyfile` does the reading and writing. Errors name the file, never its content.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from dataclasses import dataclass
from typing import Any, Final

from data_embassy.keys.errors import KeyDamaged
from data_embassy.keys.kinds import (
    KINDS_OF_ROLE,
    PUBLIC_BYTES,
    SEED_BYTES,
    KeyKind,
    PublicKey,
    Role,
    SecretKey,
    recipient_public,
)
from data_embassy.keys.tagged import tagged

SITE_NAME: Final = re.compile(r"\A[a-z][a-z0-9_-]{0,62}\Z")
_FILE_FORMAT: Final = "data-embassy secret key 1"
_BUNDLE_FORMAT: Final = "data-embassy public keys 1"
_FILE_LABEL: Final = b"data-embassy/v1/key-file"
_BUNDLE_LABEL: Final = b"data-embassy/v1/bundle"
KEYS_IN_BUNDLE_MAX: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFile:
    """One secret key and whose it is."""

    role: Role
    site: str
    key: SecretKey

    @property
    def name(self) -> str:
        """The file's name in the folder."""
        return f"{self.key.kind}.{self.key.serial}.key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """All public keys of a site, exchanged by file and fingerprint."""

    role: Role
    site: str
    keys: tuple[PublicKey, ...]

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the bundle's canonical bytes, in hexadecimal."""
        return hashlib.sha256(tagged(_BUNDLE_LABEL, _canonical(_bundle_fields(self)))).hexdigest()

    @property
    def name(self) -> str:
        """The bundle's file name."""
        return f"{self.site}.{self.role}.public.json"


def encode_key_file(file: KeyFile) -> bytes:
    """Bytes of a key file, with a checksum over all its fields."""
    fields = _key_fields(file)
    return _pretty({**fields, "checksum": _checksum(fields)})


def decode_key_file(data: bytes, *, where: str) -> KeyFile:
    """Read a key file; raises KeyDamaged unless every field, the checksum and the key's own id agree."""
    fields = _fields(data, where, ("format", "role", "site", "kind", "serial", "active", "id", "seed", "checksum"))
    checksum = fields.pop("checksum")
    if not isinstance(checksum, str) or not hmac.compare_digest(checksum.encode(), _checksum(fields).encode()):
        raise KeyDamaged(f"{where}: the checksum does not match")
    try:
        kind = KeyKind(fields["kind"])
        seed = _bytes(fields["seed"], SEED_BYTES[kind])
        key = SecretKey(kind=kind, serial=_serial(fields["serial"]), is_active=fields["active"] is True, seed=seed)
        file = KeyFile(role=Role(fields["role"]), site=_site(fields["site"]), key=key)
    except (ValueError, TypeError, KeyError) as error:
        raise KeyDamaged(f"{where}: a field is malformed") from error
    if _key_fields(file) != fields:
        raise KeyDamaged(f"{where}: the key does not have the id that the file states")
    return file


def encode_bundle(bundle: Bundle) -> bytes:
    """Bytes of a bundle, with its fingerprint."""
    return _pretty({**_bundle_fields(bundle), "fingerprint": bundle.fingerprint})


def decode_bundle(data: bytes, *, where: str) -> Bundle:
    """Read a bundle; raises KeyDamaged unless every field and its own fingerprint agree.

    The fingerprint inside finds damage only. Whose bundle it is, only the fingerprint told by the other site says.
    """
    fields = _fields(data, where, ("format", "role", "site", "keys", "fingerprint"))
    try:
        entries = fields["keys"]
        if not isinstance(entries, list) or not 0 < len(entries) <= KEYS_IN_BUNDLE_MAX:
            raise KeyDamaged(f"{where}: the list of keys is malformed")
        keys = tuple(_public_key(entry) for entry in entries)
        bundle = Bundle(role=Role(fields["role"]), site=_site(fields["site"]), keys=keys)
        _check_kinds(bundle)
    except (ValueError, TypeError, KeyError) as error:
        raise KeyDamaged(f"{where}: a field is malformed") from error
    if {**_bundle_fields(bundle), "fingerprint": bundle.fingerprint} != fields:
        raise KeyDamaged(f"{where}: the content does not match its own fingerprint")
    return bundle


def _key_fields(file: KeyFile) -> dict[str, Any]:
    key = file.key
    return {
        "format": _FILE_FORMAT,
        "role": file.role.value,
        "site": file.site,
        "kind": key.kind.value,
        "serial": key.serial,
        "active": key.is_active,
        "id": key.id.hex(),
        "seed": base64.b64encode(key.seed).decode(),
    }


def _bundle_fields(bundle: Bundle) -> dict[str, Any]:
    keys = [
        {
            "kind": key.kind.value,
            "serial": key.serial,
            "id": key.id.hex(),
            "public": base64.b64encode(key.public).decode(),
        }
        for key in bundle.keys
    ]
    return {"format": _BUNDLE_FORMAT, "role": bundle.role.value, "site": bundle.site, "keys": keys}


def _public_key(entry: Any) -> PublicKey:
    kind = KeyKind(entry["kind"])
    public = _bytes(entry["public"], PUBLIC_BYTES[kind])
    if kind is KeyKind.RECIPIENT:
        recipient_public(public)  # raises ValueError for bytes that are no key
    return PublicKey(kind=kind, serial=_serial(entry["serial"]), public=public)


def _check_kinds(bundle: Bundle) -> None:
    """Every public kind of the role is there, no other, and no serial twice."""
    kinds = {kind for kind in KINDS_OF_ROLE[bundle.role] if kind is not KeyKind.DIGEST}
    if {key.kind for key in bundle.keys} != kinds or len({(key.kind, key.serial) for key in bundle.keys}) != len(
        bundle.keys
    ):
        raise ValueError("kinds")


def _fields(data: bytes, where: str, names: tuple[str, ...]) -> dict[str, Any]:
    try:
        fields = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise KeyDamaged(f"{where}: not complete JSON, the file is truncated or something else") from error
    if not isinstance(fields, dict) or set(fields) != set(names):
        raise KeyDamaged(f"{where}: not a file of this kind, or fields are missing")
    return fields


def _serial(value: Any) -> int:
    if type(value) is not int or not 0 < value < 1 << 31:
        raise ValueError("serial")
    return value


def _site(value: Any) -> str:
    if not isinstance(value, str) or SITE_NAME.match(value) is None:
        raise ValueError("site")
    return value


def _bytes(value: Any, length: int) -> bytes:
    try:
        data = base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise ValueError("base64") from error
    if len(data) != length:
        raise ValueError("length")
    return data


def _checksum(fields: dict[str, Any]) -> str:
    return hashlib.sha256(tagged(_FILE_LABEL, _canonical(fields))).hexdigest()


def _canonical(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def _pretty(fields: dict[str, Any]) -> bytes:
    return (json.dumps(fields, indent=1, ensure_ascii=True) + "\n").encode()
