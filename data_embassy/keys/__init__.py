"""Keys of a site: made, kept, loaded and exchanged (envelope-v1 section 8)."""

from data_embassy.keys.documents import Bundle, decode_bundle, encode_bundle
from data_embassy.keys.errors import (
    FingerprintMismatch,
    KeyDamaged,
    KeyExposed,
    KeyForeign,
    KeyMissing,
    KeyNotOwned,
    KeyRefused,
    KeysPresent,
    PeerMissing,
    RecoveryMissing,
)
from data_embassy.keys.keyfile import read_public, write_public
from data_embassy.keys.kinds import KeyId, KeyKind, Role, SecretKey
from data_embassy.keys.load import load_embassy_keys, load_home_keys, load_recovery_keys
from data_embassy.keys.sets import EmbassyKeys, HomeKeys, RecoveryKeys
from data_embassy.keys.store import (
    Keyring,
    activate,
    import_bundle,
    init_keys,
    init_recovery,
    load_keyring,
    rotate,
    signing_key_file,
)

__all__ = [
    "Bundle",
    "EmbassyKeys",
    "FingerprintMismatch",
    "HomeKeys",
    "KeyDamaged",
    "KeyExposed",
    "KeyForeign",
    "KeyId",
    "KeyKind",
    "KeyMissing",
    "KeyNotOwned",
    "KeyRefused",
    "Keyring",
    "KeysPresent",
    "PeerMissing",
    "RecoveryKeys",
    "RecoveryMissing",
    "Role",
    "SecretKey",
    "activate",
    "decode_bundle",
    "encode_bundle",
    "import_bundle",
    "init_keys",
    "init_recovery",
    "load_embassy_keys",
    "load_home_keys",
    "load_keyring",
    "load_recovery_keys",
    "read_public",
    "rotate",
    "signing_key_file",
    "write_public",
]
