"""Reports of verifications, kept at both sites, each signed by its own: `<state>/verifications/<register>/*.json`."""

from __future__ import annotations

import base64
import datetime as dt
import json
import re
from collections.abc import Container, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from data_embassy.config import write_atomically
from data_embassy.keys.sets import Keyed
from data_embassy.keys.tagged import tagged

_LABEL: Final = b"data-embassy/v1/verification"
_ID: Final = re.compile(r"\A[0-9a-f-]{36}\Z")


def keep_report(
    state: Path, register: str, verification: str, report: Mapping[str, Any], *, signer: Keyed[Ed25519PrivateKey]
) -> Path:
    """Write a report with its signature; returns its file.

    The folder is for this site's user only: keys of rows may stand in it.
    """
    if not _ID.match(verification):
        raise ValueError("not a verification's id")
    folder = state / "verifications" / register
    signature = signer.key.sign(tagged(_LABEL, _canonical(report)))
    document = {"report": report, "key": signer.id.hex(), "signature": base64.b64encode(signature).decode()}
    stamp = re.sub(r"[^0-9]", "", str(report.get("finished_at", "")))[:14]
    path = folder / f"{stamp or '0'}-{verification}.json"
    write_atomically(path, json.dumps(document, indent=1, sort_keys=True))
    return path


def reports(state: Path, register: str, *, without: Container[Path] = ()) -> Iterable[tuple[Path, dict[str, Any]]]:
    """Files and documents of a register, oldest first; what cannot be read, or stands in `without`, is left out."""
    for path in sorted((state / "verifications" / register).glob("*.json")):
        if path in without:
            continue
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(document, dict) and isinstance(document.get("report"), dict):
            yield path, document


def newest_report(state: Path, register: str) -> dict[str, Any] | None:
    """The report that was kept last; None without one that can be read."""
    paths = sorted((state / "verifications" / register).glob("*.json"))
    found = reports(state, register, without=paths[:-1])
    return next((document["report"] for _, document in found), None)


def finished_at(report: Mapping[str, Any]) -> dt.datetime:
    """When its verification ended; raises KeyError, TypeError, ValueError for a report of another version."""
    at = dt.datetime.fromisoformat(report["finished_at"])
    return at if at.tzinfo is not None else at.replace(tzinfo=dt.UTC)


def is_signed(document: Mapping[str, Any], signer: Keyed[Ed25519PrivateKey]) -> bool:
    """True when this site's key signed the report as it stands."""
    try:
        signature = base64.b64decode(document["signature"], validate=True)
        signer.key.public_key().verify(signature, tagged(_LABEL, _canonical(document["report"])))
    except (InvalidSignature, ValueError, KeyError, TypeError):
        return False
    return document.get("key") == signer.id.hex()


def _canonical(report: Mapping[str, Any]) -> bytes:
    return json.dumps(report, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
