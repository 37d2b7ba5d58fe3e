"""Keys from seeds, and envelopes forged with them: what a hostile home, broker or bystander could write."""

from __future__ import annotations

import dataclasses
import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from data_embassy.envelope.cipher import EpochKey
from data_embassy.envelope.header import Header, encode_header
from data_embassy.envelope.layout import TAG_BYTES, prefix
from data_embassy.envelope.seal import HomeSealer
from data_embassy.envelope.signing import sign, sign_pq, signed_bytes
from data_embassy.keys.documents import Bundle
from data_embassy.keys.kinds import KINDS_OF_ROLE, Role, SecretKey, generate
from data_embassy.keys.load import embassy_keys, home_keys, recovery_keys
from data_embassy.keys.sets import EmbassyKeys, HomeKeys, RecoveryKeys
from data_embassy.keys.store import Keyring

LANE = "3f9c0a77b1d24e60"
EPOCH_AT = 7
FIRST = 1000


class Stream:
    """Deterministic bytes in place of randomness: SHAKE-256 of a name."""

    def __init__(self, name: str) -> None:
        self._name, self._at = name, 0

    def __call__(self, count: int) -> bytes:
        self._at += 1
        return hashlib.shake_256(f"{self._name}/{self._at}".encode()).digest(count)


@dataclass(frozen=True)
class Sites:
    home: HomeKeys
    embassy: EmbassyKeys
    recovery: RecoveryKeys


def ring(role: Role, site: str, random: Stream, *peers: Bundle) -> Keyring:
    """A folder of keys that was never written."""
    keys = tuple(generate(kind, serial=1, is_active=True, random=random) for kind in KINDS_OF_ROLE[role])
    return Keyring(role=role, site=site, keys=keys, peers=peers)


def sites_of(home: Sequence[SecretKey], embassy: Sequence[SecretKey], recovery: Sequence[SecretKey]) -> Sites:
    """Three sites that trust one another."""
    rings = {
        role: Keyring(role=role, site=role.value, keys=tuple(keys), peers=())
        for role, keys in ((Role.HOME, home), (Role.EMBASSY, embassy), (Role.RECOVERY, recovery))
    }
    of_home = (rings[Role.HOME].bundle(),)
    others = (rings[Role.EMBASSY].bundle(), rings[Role.RECOVERY].bundle())
    return Sites(
        home=home_keys(dataclasses.replace(rings[Role.HOME], peers=others)),
        embassy=embassy_keys(dataclasses.replace(rings[Role.EMBASSY], peers=of_home)),
        recovery=recovery_keys(dataclasses.replace(rings[Role.RECOVERY], peers=of_home)),
    )


def make_sites(name: str = "sites") -> Sites:
    """Three sites with keys of their own; the same name gives the same keys."""
    return sites_of(*(ring(role, role.value, Stream(f"{name}/{role}")).keys for role in Role))


def key(n: int, *, origin: int = 1, run: int = 5) -> bytes:
    """A record key (stream-v1 section 2)."""
    return struct.pack(">BQQ", origin, run, n)


def make_records(values: Sequence[bytes], *, first: int = FIRST) -> list[tuple[int, bytes, bytes]]:
    """Contiguous records of one session."""
    return [(first + i, key(i + 1), value) for i, value in enumerate(values)]


def make_sealer(sites: Sites, *, name: str = "sealer", lane: str = LANE, incarnation: int = 1) -> HomeSealer:
    """A sealer whose data keys follow from the name, with a clock that stands still."""
    return HomeSealer(lane=lane, keys=sites.home, incarnation=incarnation, random=Stream(name), clock=lambda: 0.0)


def assemble(
    keys: HomeKeys, epoch: EpochKey, header: Header, frame: bytes, *, encoded: bytes | None = None, counter: int = -1
) -> bytes:
    """An envelope with whatever header and body, encrypted and signed by home: what a compromised home could write."""
    encoded = encode_header(header) if encoded is None else encoded
    associated = prefix(header.kind, header_bytes=len(encoded), body_bytes=len(frame) + TAG_BYTES) + encoded
    body = epoch.seal(header.kind, header.counter if counter < 0 else counter, frame, associated)
    return signed(keys, header, associated, body)


def signed(keys: HomeKeys, header: Header, associated: bytes, body: bytes) -> bytes:
    """Any prefix, header and body, signed by home."""
    message = signed_bytes(associated, body)
    pq = sign_pq(keys.signer_pq.key, message) if header.signer_pq is not None else b""
    return b"".join((associated, body, sign(keys.signer.key, message), pq))


def flip(data: bytes, at: int, mask: int = 1) -> bytes:
    """The data with bits of one byte changed; `at` may count from the end."""
    changed = bytearray(data)
    changed[at] ^= mask
    return bytes(changed)
