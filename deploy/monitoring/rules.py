"""A site's rules as the text of a rule file of Prometheus (2.42 and later). Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from deploy.monitoring.alerts import groups
from deploy.monitoring.model import Alert, Group, Record, Settings, SiteName
from deploy.monitoring.recording import recording


def site_groups(site: SiteName, settings: Settings) -> tuple[Group, ...]:
    """Everything that a site's Prometheus evaluates."""
    return tuple(group.at(site) for group in (recording(settings), *groups(settings)))


def alerts(site: SiteName, settings: Settings) -> list[Alert]:
    """A site's alerts, in their order."""
    return [rule for group in site_groups(site, settings) for rule in group.rules if isinstance(rule, Alert)]


def rules_file(site: SiteName, settings: Settings) -> str:
    """The rule file of a site."""
    return rules_text(site_groups(site, settings), settings)


def rules_text(chosen: Sequence[Group], settings: Settings) -> str:
    """A rule file of these groups."""
    lines = ["groups:"]
    for group in chosen:
        lines += [f"- name: {group.name}", f"  interval: {settings.interval_seconds}s", "  rules:"]
        for rule in group.rules:
            lines += _record(rule) if isinstance(rule, Record) else _alert(rule, settings)
    return "\n".join(lines) + "\n"


def _record(rule: Record) -> Iterator[str]:
    yield f"  - record: {rule.name}"
    yield from _expression(rule.expr)


def _alert(rule: Alert, settings: Settings) -> Iterator[str]:
    yield f"  - alert: {rule.name}"
    yield from _expression(rule.expr)
    if rule.holds != "0s":
        yield f"    for: {rule.holds}"
    yield "    labels:"
    for name, value in {"severity": rule.severity, **rule.labels}.items():
        yield f"      {name}: {value}"
    yield "    annotations:"
    annotations = {
        "summary": rule.summary,
        "description": rule.description,
        "command": rule.command,
        "runbook_url": f"{settings.runbooks.rstrip('/')}/{rule.runbook}",
    }
    for name, value in annotations.items():
        # A JSON string is a YAML string.
        yield f"      {name}: {json.dumps(value, ensure_ascii=False)}"


def _expression(expr: str) -> Iterator[str]:
    yield "    expr: |"
    for line in expr.splitlines():
        yield f"      {line}"
