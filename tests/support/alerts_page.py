"""docs/reference/alerts.md, from the rules and the cases that try them: `python -m tests.support.alerts_page PAGE`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from deploy.monitoring.model import BOTH, Alert, Settings
from deploy.monitoring.rules import alerts
from tests.support.alert_cases import CASES

_HEAD = """\
<!-- Generated from the rules and their tests by `make docs`; a test compares it. -->

# Alerts

What `deploy/monitoring` raises, by the sites at which it is evaluated. "within" is how long the fault of its test lasts
at most until it fires, with figures asked for every 15 seconds; the tests hold it to that. How alerts reach somebody:
[monitoring](../monitoring.md).

| alert | site | severity | within | says | runbook |
|---|---|---|---|---|---|
"""


def alerts_page() -> str:
    """Every alert once, in alphabetical order."""
    found: dict[str, list[tuple[str, Alert]]] = {}
    for site in BOTH:
        for alert in alerts(site, Settings()):
            found.setdefault(alert.name, []).append((site, alert))
    return _HEAD + "".join(_line(name, found[name]) for name in sorted(found))


def _line(name: str, known: list[tuple[str, Alert]]) -> str:
    sites = " and ".join(site for site in BOTH if site in {one for one, _ in known})
    alert = known[0][1]
    pages = {one.runbook for _, one in known}
    runbook = (
        f"[{alert.page}](../runbooks/{alert.runbook})" if len(pages) == 1 else "[of its cause](../runbooks/README.md)"
    )
    within = max(case.within for case in CASES if case.alert == name)
    says = alert.summary.replace("{{ $labels.register }}", "NAME")
    says = re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda found: found[1].upper(), says)
    says = re.sub(r"\{\{ \$value.*?\}\}", "N", re.sub(r"\{\{ \$value[^}]*\}\}B", "N bytes", says))
    return f"| `{name}` | {sites} | {alert.severity} | {_time(within)} | {says} | {runbook} |\n"


def _time(seconds: int) -> str:
    for length, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * length or (seconds >= length and unit == "d"):
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds} s"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(alerts_page(), encoding="utf-8")
