"""`embassy register check NAME`: the preflight of a register, for its DBA."""

from __future__ import annotations

import dataclasses
import itertools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from data_embassy.config import PasswordFile, Postgres, Register, load_site, site_folder

if TYPE_CHECKING:
    from connectors.preflight import Finding, Report

_SHOWN_MAX: Final = 10
_HEADS: Final = {
    "stop": "STOP: the register must not be captured like this",
    "warn": "WARNING: somebody should decide",
    "info": "GOOD TO KNOW",
}


def check(
    name: Annotated[str, typer.Argument(help="The register.")],
    *,
    user: Annotated[
        str | None,
        typer.Option("--user", help="Log in as this role: before the capture role exists. Any role that may connect."),
    ] = None,
    password_file: Annotated[
        Path | None, typer.Option("--password-file", help="The password of --user, in a file of mode 0600.")
    ] = None,
    standby_version: Annotated[
        int | None, typer.Option("--standby-version", min=1, help="Major version of the embassy's PostgreSQL.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """At home: look whether a register can be captured exactly; changes nothing. Exit code 1 when it cannot."""
    from connectors.preflight import check_register

    site = load_site(site_folder(None))
    register = site.register(name)
    login = _login(register, user, password_file)
    report = check_register(site, register, login=login, standby_version=standby_version)
    print(json.dumps(report.as_json()) if as_json else text(report))
    if not report.is_reachable:
        raise typer.Exit(3)
    if not report.is_ready:
        raise typer.Exit(1)


def _login(register: Register, user: str | None, password_file: Path | None) -> Postgres | None:
    if user is None or register.source is None:
        return None
    password = None if password_file is None else PasswordFile(path=password_file)
    return dataclasses.replace(register.source.capture, user=user, password=password)


def text(report: Report) -> str:
    """The report for a person: most severe first, findings of one kind together."""
    from connectors.preflight import SEVERITIES, titles

    counts = {severity: sum(f.severity == severity for f in report.findings) for severity in SEVERITIES}
    state = "ready" if report.is_ready else "NOT ready"
    head = f"register {report.register}: {state} ({counts['stop']} to stop for, {counts['warn']} warnings,"
    lines = [f"{head} {counts['info']} to know)"]
    names = titles()
    for severity in SEVERITIES:
        if counts[severity]:
            lines += ["", _HEADS[severity]]
        chosen = sorted(
            (f for f in report.findings if f.severity == severity), key=lambda f: list(names).index(f.check)
        )
        for check_name, findings in itertools.groupby(chosen, key=lambda f: f.check):
            lines += [f"  {names[check_name]}", *_group(list(findings))]
    return "\n".join(lines)


def _group(findings: list[Finding]) -> list[str]:
    """Findings of one check; of very many with one reason only the first are shown."""
    lines = []
    by_reason: dict[str, list[Finding]] = {}
    for finding in findings:
        by_reason.setdefault(finding.reason, []).append(finding)
    for reason, same in by_reason.items():
        objects = [finding.object for finding in same]
        more = "" if len(objects) <= _SHOWN_MAX else f" and {len(objects) - _SHOWN_MAX} more (--json lists all)"
        lines.append(f"    {', '.join(objects[:_SHOWN_MAX])}{more}: {reason}")
        remedies = list(dict.fromkeys(finding.remedy for finding in same))
        lines += [f"      -> {remedy}" for remedy in remedies[:_SHOWN_MAX] if remedy != "nothing to do"]
    return lines
