"""A real Prometheus and Alertmanager for tests, and a process that serves every metric there is."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from data_embassy.metrics import LABELS, Definition, definitions
from deploy.local import monitoring
from deploy.local.exporter import BROKER, CONNECT
from deploy.local.machine import LOOPBACK, free_ports
from deploy.monitoring.alertmanager import alertmanager_file
from deploy.monitoring.dashboards import DASHBOARDS
from deploy.monitoring.files import RULES
from deploy.monitoring.model import Settings, SiteName
from deploy.monitoring.prometheus import Target, prometheus_file
from deploy.monitoring.rules import rules_file
from tests.support.system import _process, _wait

SECOND = Settings(interval_seconds=1)
prometheus_there = pytest.mark.skipif(
    shutil.which("prometheus") is None, reason="prometheus is missing: apt-get install prometheus (as root)"
)
alertmanager_there = pytest.mark.skipif(
    shutil.which("amtool") is None, reason="amtool is missing: apt-get install prometheus-alertmanager (as root)"
)
_VALUES = {"disk": ("data",), "version": ("1.0",), "reason": ("BadTag",), "cause": ("Gapped",)}


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A running one."""

    url: str

    def ask(self, expr: str) -> list[dict[str, Any]]:
        """The samples of an instant query."""
        answer = requests.get(f"{self.url}/api/v1/query", params={"query": expr}, timeout=10)
        assert answer.ok, f"{expr}: {answer.text}"
        return list(answer.json()["data"]["result"])

    def firing(self) -> set[tuple[str, str]]:
        """Alerts that fire, with the register of each."""
        found = self.ask('ALERTS{alertstate="firing"}')
        return {(one["metric"]["alertname"], one["metric"].get("register", "")) for one in found}

    def broken(self) -> list[str]:
        """Texts of alerts that could not be filled in, and rules that could not be evaluated."""
        groups = requests.get(f"{self.url}/api/v1/rules", timeout=10).json()["data"]["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        texts = [text for rule in rules for one in rule.get("alerts", ()) for text in one["annotations"].values()]
        return [text for text in texts if "error" in text.lower() and "template" in text.lower()] + [
            f"{rule['name']}: {rule['lastError']}" for rule in rules if rule.get("lastError")
        ]


@contextmanager
def prometheus(
    folder: Path,
    site: SiteName,
    targets: Sequence[Target],
    *,
    settings: Settings = SECOND,
    alerts_to: str | None = None,
) -> Iterator[Prometheus]:
    """Prometheus with a site's rules, asking these targets; ended with the body."""
    (port,) = free_ports(1)
    folder.mkdir(parents=True, exist_ok=True)
    text = prometheus_file(site, targets, rules=RULES, alertmanager=alerts_to, settings=settings)
    (folder / "prometheus.yml").write_text(text)
    (folder / RULES).write_text(rules_file(site, settings))
    command = monitoring.prometheus_command(folder, port)
    with _process(command, folder / "log", stop=signal.SIGTERM) as process:
        _wait(process, monitoring.readiness(port), folder / "log")
        yield Prometheus(f"http://{LOOPBACK}:{port}")


def queries(site: SiteName, *, has_java: bool = True) -> list[tuple[str, str]]:
    """Dashboard and panel, and the expression as Grafana would send it, of everything a site's dashboards ask."""
    found = []
    for dashboard in DASHBOARDS:
        for panel in dashboard.panels(site, has_java=has_java):
            for number, query in enumerate(panel.queries):
                expr = query.expr.replace("$__rate_interval", "1m").replace("$register", ".+")
                found.append((f"{dashboard.name}: {panel.title} {number}:", expr))
    return found


def wait_answered(running: Prometheus, site: SiteName, *, seconds: float = 60.0, has_java: bool = True) -> None:
    """Wait until every query of every dashboard of a site returns data; fails with those that do not."""
    missing = dict(queries(site, has_java=has_java))
    deadline = time.monotonic() + seconds
    while missing := {where: expr for where, expr in missing.items() if not running.ask(expr)}:
        assert time.monotonic() < deadline, "no data for:\n" + "\n".join(map(" ".join, missing.items()))
        time.sleep(0.2)


@contextmanager
def told() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Somebody who is told of alerts: the address for a webhook, and what came so far."""
    came: list[dict[str, Any]] = []

    def hear(handler: BaseHTTPRequestHandler) -> bytes:
        came.extend(json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))["alerts"])
        return b""

    with _serving(hear) as address:
        yield f"http://{address}/", came


@contextmanager
def alertmanager(folder: Path, *, pages: str | None = None) -> Iterator[str]:
    """Alertmanager that tells `pages` of pages; yields its address."""
    (port,) = free_ports(1)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "alertmanager.yml").write_text(alertmanager_file(pages=pages))
    with _process(monitoring.alertmanager_command(folder, port), folder / "log", stop=signal.SIGTERM) as process:
        _wait(process, monitoring.readiness(port), folder / "log")
        yield f"{LOOPBACK}:{port}"


@contextmanager
def every_metric() -> Iterator[str]:
    """Serves every metric of ours with all its labels for two registers; yields the address."""
    counter = itertools.count(1)

    def page(_handler: BaseHTTPRequestHandler) -> bytes:
        count = next(counter)
        lines = [line for one in definitions() for line in _lines(one, count)]
        lines += [f"{series} {count}" for series in _of_java()]
        lines += [f"process_cpu_seconds_total {count}", "process_resident_memory_bytes 1000"]
        return "\n".join([*lines, ""]).encode()

    with _serving(page) as address:
        yield address


@contextmanager
def _serving(answer: Callable[[BaseHTTPRequestHandler], bytes]) -> Iterator[str]:
    """Answers every request with this; yields the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = answer(self)
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 (the library's name)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"{LOOPBACK}:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _of_java() -> list[str]:
    """What the agent of the JMX exporter shows, by its own files."""
    named = re.compile(r"^    name: (\w+)\n(?:    labels: \{(\w+): .*\n)?", re.MULTILINE)
    found = [one for file in (BROKER, CONNECT) for one in named.findall(file.read_text(encoding="utf-8"))]
    return [f'{name}{{{label}="x"}}' if label else name for name, label in found]


def _lines(one: Definition, count: int) -> Iterator[str]:
    for labels in _labels(one.labels):
        if one.kind == "histogram":
            for limit in ('le="1"', 'le="+Inf"'):
                yield f"{one.name}_bucket{{{','.join((*labels, limit))}}} {count}"
            yield f"{one.name}_count{{{','.join(labels)}}} {count}"
            yield f"{one.name}_sum{{{','.join(labels)}}} {count / 10}"
        else:
            yield f"{one.name}{{{','.join(labels)}}} {count if one.kind == 'counter' else 1}"


def _labels(names: Sequence[str]) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = [()]
    for name in names:
        values = ("land", "court") if name == "register" else LABELS.get(name) or _VALUES[name]
        found = [(*one, f'{name}="{value}"') for one in found for value in values]
    return found
