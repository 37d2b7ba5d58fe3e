"""What the preflight says: findings, and the report that gathers them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, LiteralString

from data_embassy.config import Terms

Severity = Literal["stop", "warn", "info"]
SEVERITIES: Final[tuple[Severity, ...]] = ("stop", "warn", "info")
"""Most severe first. stop: the register must not be captured like this; warn: somebody should decide; info: known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was found: on which object, why it matters, what to do about it."""

    check: str
    severity: Severity
    object: str
    reason: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What every judgement may know beside its own facts."""

    register: str
    capture_role: str
    pulse_role: str
    publication: str
    slot: str
    server_version: int
    """As in server_version_num, for example 180006."""
    standby_version: int | None
    """Major version of the embassy's server, None when home was not told."""
    is_prepared: bool
    home_clock_us: int
    """Home's clock when the facts were read, microseconds since 1970."""
    terms: Terms = field(default_factory=Terms)
    """What the contract says."""

    @property
    def major(self) -> int:
        """The register's major version."""
        return self.server_version // 10000

    @property
    def prepare(self) -> str:
        """The command whose output the DBA runs."""
        return f"embassy register prepare {self.register} --print-sql, to be run by the register's DBA"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that was found on one register."""

    register: str
    is_reachable: bool
    is_prepared: bool
    findings: tuple[Finding, ...]

    @property
    def is_ready(self) -> bool:
        """True when nothing stands in the way of capturing this register."""
        return not any(finding.severity == "stop" for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        """The fields of `register check --json`."""
        return {
            "register": self.register,
            "ready": self.is_ready,
            "reachable": self.is_reachable,
            "prepared": self.is_prepared,
            "findings": [
                {name: getattr(finding, name) for name in ("check", "severity", "object", "reason", "remedy")}
                for finding in self.findings
            ],
        }


Row = Mapping[str, Any]
Judge = Callable[[Sequence[Row], Context], Iterable[Finding]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One query, and the judgement over its rows (mappings by column name). The judgement is pure.

    The query may use %(capture)s, %(pulse)s, %(publication)s and %(slot)s.
    """

    name: str
    title: str
    query: LiteralString
    judge: Judge


def stop(check: str, about: str, reason: str, remedy: str) -> Finding:
    """The register must not be captured like this."""
    return Finding(check=check, severity="stop", object=about, reason=reason, remedy=remedy)


def warn(check: str, about: str, reason: str, remedy: str) -> Finding:
    """Somebody should decide."""
    return Finding(check=check, severity="warn", object=about, reason=reason, remedy=remedy)


def info(check: str, about: str, reason: str, remedy: str = "nothing to do") -> Finding:
    """Worth knowing."""
    return Finding(check=check, severity="info", object=about, reason=reason, remedy=remedy)


def human_bytes(count: float) -> str:
    """A size for people, in decimal units."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" or count >= 10 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
