"""Reports of verifications, kept at both sites, each signed by its own. Keys of rows may stand in them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Container, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from data_embassy.shelf import Shelf, Signer

VERIFICATIONS: Final = Shelf(folder="verifications", label=b"data-embassy/v1/verification")


def keep_report(state: Path, register: str, verification: str, report: Mapping[str, Any], *, signer: Signer) -> Path:
    """Write a report with its signature; returns its file."""
    return VERIFICATIONS.keep(
        state, register, verification, report, at=str(report.get("finished_at", "")), signer=signer
    )


def reports(state: Path, register: str, *, without: Container[Path] = ()) -> Iterable[tuple[Path, dict[str, Any]]]:
    """Files and documents of a register, oldest first; what cannot be read, or stands in `without`, is left out."""
    return VERIFICATIONS.documents(state, register, without=without)


def newest_report(state: Path, register: str) -> dict[str, Any] | None:
    """The report that was kept last; None without one that can be read."""
    return VERIFICATIONS.newest(state, register)


def finished_at(report: Mapping[str, Any]) -> dt.datetime:
    """When its verification ended; raises KeyError, TypeError, ValueError for a report of another version."""
    at = dt.datetime.fromisoformat(report["finished_at"])
    return at if at.tzinfo is not None else at.replace(tzinfo=dt.UTC)


def is_signed(document: Mapping[str, Any], signer: Signer) -> bool:
    """True when this site's key signed the report as it stands."""
    return VERIFICATIONS.is_signed(document, signer)
