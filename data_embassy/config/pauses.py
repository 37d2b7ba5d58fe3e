"""Paused registers: one file per register in `<state>/paused/`, made and removed by an operator at that site.

At home a paused register is not forwarded, while capture and pulse go on; at the embassy it is not applied. It goes on
where it was.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from data_embassy.config.files import write_atomically
from data_embassy.config.model import Site


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Since when (ISO 8601), and why if the operator said so; None where the file does not say."""

    at: str | None
    reason: str | None


def pause_path(site: Site, name: str) -> Path:
    """The file that pauses a register."""
    return site.state / "paused" / name


def paused(site: Site, name: str) -> Pause | None:
    """The register's pause at this site; None when it is not paused. A damaged file pauses as well."""
    try:
        text = pause_path(site, name).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    try:
        found = json.loads(text)
        return Pause(at=_text(found.get("at")), reason=_text(found.get("reason")))
    except (ValueError, AttributeError):
        return Pause(at=None, reason=None)


def pause(site: Site, name: str, *, at: str, reason: str | None) -> Pause:
    """Pause a register; one that is paused already stays so since then, with the newer reason if there is one."""
    former = paused(site, name)
    if former is not None and former.at is not None:
        at, reason = former.at, reason or former.reason
    write_atomically(pause_path(site, name), json.dumps({"at": at, "reason": reason}))
    return Pause(at=at, reason=reason)


def unpause(site: Site, name: str) -> bool:
    """End a pause; False when there was none."""
    try:
        pause_path(site, name).unlink()
    except FileNotFoundError:
        return False
    return True


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
