"""Documents of a register that a site keeps, each signed by its own key: `<state>/<folder>/<register>/*.json`."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from data_embassy.config import write_atomically
from data_embassy.keys.sets import Keyed
from data_embassy.keys.tagged import tagged

Signer = Keyed[Ed25519PrivateKey]
_ID: Final = re.compile(r"\A[0-9a-f-]{36}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Documents of one kind. Their folder is for this site's user only."""

    folder: str
    label: bytes
    """Told apart by what is signed: no document of one kind is one of another."""

    def keep(
        self, state: Path, register: str, document: str, report: Mapping[str, Any], *, at: str, signer: Signer
    ) -> Path:
        """Write a report with its signature; returns its file. `document` is its id, `at` its time in ISO form."""
        if not _ID.match(document):
            raise ValueError("not an id")
        signature = signer.key.sign(tagged(self.label, _canonical(report)))
        content = {"report": report, "key": signer.id.hex(), "signature": base64.b64encode(signature).decode()}
        stamp = re.sub(r"[^0-9]", "", at)[:14]
        path = self.folder_of(state, register) / f"{stamp or '0'}-{document}.json"
        write_atomically(path, json.dumps(content, indent=1, sort_keys=True))
        return path

    def folder_of(self, state: Path, register: str) -> Path:
        """Where a register's documents lie."""
        return state / self.folder / register

    def documents(
        self, state: Path, register: str, *, without: Container[Path] = ()
    ) -> Iterable[tuple[Path, dict[str, Any]]]:
        """Files and documents of a register, oldest first; what cannot be read, or is in `without`, is left out."""
        for path in self._paths(state, register):
            if path in without:
                continue
            try:
                document = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue
            if isinstance(document, dict) and isinstance(document.get("report"), dict):
                yield path, document

    def newest(self, state: Path, register: str) -> dict[str, Any] | None:
        """The report that was kept last; None without one that can be read."""
        found = self.documents(state, register, without=self._paths(state, register)[:-1])
        return next((document["report"] for _, document in found), None)

    def is_signed(self, document: Mapping[str, Any], signer: Signer) -> bool:
        """True when this site's key signed the report as it stands."""
        try:
            signature = base64.b64decode(document["signature"], validate=True)
            signer.key.public_key().verify(signature, tagged(self.label, _canonical(document["report"])))
        except (InvalidSignature, ValueError, KeyError, TypeError):
            return False
        return document.get("key") == signer.id.hex()

    def _paths(self, state: Path, register: str) -> list[Path]:
        return sorted(self.folder_of(state, register).glob("*.json"))


def _canonical(report: Mapping[str, Any]) -> bytes:
    return json.dumps(report, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
