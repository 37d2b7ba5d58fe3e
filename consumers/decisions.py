"""What operators decided about schema changes: a signed, chained log at the embassy, asked again at every replay.

One file per register, `<state>/decisions/<register>.jsonl`. Each line holds a body and the signature of this site's
receipt key over it; the body names the digest of the line before. A line that does not verify stops the register.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from consumers.apply.ddl.decisions import Decision
from consumers.refusals import DecisionsDamaged
from data_embassy.config import Site
from data_embassy.keys.kinds import KeyKind, Role
from data_embassy.keys.store import Keyring, load_keyring

_CONTEXT: Final = b"data-embassy decision v1\n"
_REMEDY: Final = "restore the file from a backup, then: embassy register resume NAME"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One decision as it stands in the log."""

    ddl: int
    digest: str
    sql: str | None
    at: str
    by: str


def decision_log(site: Site, register: str) -> DecisionLog:
    """The log at this embassy; raises KeyringError."""
    return DecisionLog(site.state, register, load_keyring(site.keys, role=Role.EMBASSY))


class DecisionLog:
    """The decisions of one register."""

    def __init__(self, state: Path, register: str, ring: Keyring) -> None:
        self._path = state / "decisions" / f"{register}.jsonl"
        self._register = register
        self._ring = ring

    def decide(self, number: int, digest: str) -> Decision | None:
        """The newest decision about exactly this ddl row; raises DecisionsDamaged."""
        found = [entry for entry in self.read() if (entry.ddl, entry.digest) == (number, digest)]
        return Decision(sql=found[-1].sql) if found else None

    def read(self) -> list[Entry]:
        """All decisions, verified; raises DecisionsDamaged."""
        try:
            lines = self._path.read_bytes().splitlines()
        except FileNotFoundError:
            return []
        entries, previous = [], ""
        for line in lines:
            body = self._verify(line)
            if body.pop("previous", None) != previous or body.pop("register", None) != self._register:
                raise DecisionsDamaged("a line of the decisions is missing or belongs elsewhere", remedy=_REMEDY)
            entries.append(Entry(**body))
            previous = hashlib.sha256(line).hexdigest()
        return entries

    def add(self, *, ddl: int, digest: str, sql: str | None, by: str, now: dt.datetime) -> None:
        """Sign and store a decision; it is on disk when this returns."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._path.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self.read()
            lines = self._path.read_bytes().splitlines()
            body = {
                "register": self._register, "ddl": ddl, "digest": digest, "sql": sql, "at": now.isoformat(), "by": by,
                "previous": hashlib.sha256(lines[-1]).hexdigest() if lines else "",
            }  # fmt: skip
            text = json.dumps(body, sort_keys=True)
            key = self._ring.current(KeyKind.RECEIPT)
            signature = Ed25519PrivateKey.from_private_bytes(key.seed).sign(_CONTEXT + text.encode())
            file.write(json.dumps({"body": text, "key": key.id.hex(), "signature": signature.hex()}).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def _verify(self, line: bytes) -> dict[str, Any]:
        publics = {key.id.hex(): key.public for key in self._ring.of_kind(KeyKind.RECEIPT)}
        try:
            stored = json.loads(line)
            text = stored["body"]
            public = Ed25519PublicKey.from_public_bytes(publics[stored["key"]])
            public.verify(bytes.fromhex(stored["signature"]), _CONTEXT + text.encode())
            body = json.loads(text)
        except (ValueError, KeyError, TypeError, InvalidSignature):
            raise DecisionsDamaged("a line of the decisions does not verify", remedy=_REMEDY) from None
        assert isinstance(body, dict)
        return body
