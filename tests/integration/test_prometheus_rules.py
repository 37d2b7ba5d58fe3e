"""Rules and dashboards at a real Prometheus, inhibitions at a real Alertmanager; the figures are made up."""

from __future__ import annotations

import datetime as dt
import signal

import pytest
import requests

from deploy.local import monitoring
from deploy.local.machine import LOOPBACK, free_ports, wait_until
from deploy.monitoring.alertmanager import alertmanager_file
from deploy.monitoring.model import BOTH
from deploy.monitoring.prometheus import Target
from tests.support.monitored import alertmanager_there, every_metric, prometheus, prometheus_there, queries
from tests.support.system import _process, _wait


@prometheus_there
@pytest.mark.parametrize("site", BOTH)
def test_every_query_of_every_dashboard_returns_data(tmp_path, site):
    with every_metric() as address:
        targets = [Target(job=role, address=address) for role in monitoring.ROLES[site]]
        with prometheus(tmp_path, site, targets) as running:
            missing: list[str] = []

            def has_all() -> bool:
                missing[:] = [f"{where}: {expr}" for where, expr in queries(site) if not running.ask(expr)]
                return not missing

            try:
                wait_until(has_all, seconds=30, what="every query returns data")
            except Exception as error:
                raise AssertionError("no data for:\n" + "\n".join(missing)) from error
            assert running.broken() == []


@alertmanager_there
def test_what_follows_from_something_else_is_not_told(tmp_path):
    (port,) = free_ports(1)
    (tmp_path / "alertmanager.yml").write_text(alertmanager_file())
    with _process(monitoring.alertmanager_command(tmp_path, port), tmp_path / "log", stop=signal.SIGTERM) as process:
        _wait(process, monitoring.readiness(port), tmp_path / "log")
        url = f"http://{LOOPBACK}:{port}/api/v2/alerts"
        fired = [
            {"alertname": "RegisterStopped", "register": "land", "severity": "page"},
            {"alertname": "ObjectiveBurnsFast", "register": "land", "severity": "page"},
            {"alertname": "PulseSilent", "register": "land", "severity": "page"},
            {"alertname": "EnvelopeRefused", "register": "land", "severity": "page"},
            {"alertname": "ObjectiveBurnsFast", "register": "court", "severity": "page"},
            {"alertname": "ObjectiveBurnsSlowly", "register": "court", "severity": "ticket"},
        ]
        now = dt.datetime.now(dt.UTC).isoformat()
        requests.post(
            url, json=[{"labels": one | {"site": "embassy"}, "startsAt": now} for one in fired], timeout=5
        ).raise_for_status()

        def told() -> set[tuple[str, str]]:
            alerts = requests.get(url, timeout=5).json()
            return {
                (one["labels"]["alertname"], one["labels"]["register"])
                for one in alerts
                if one["status"]["state"] == "active"
            }

        expected = {("RegisterStopped", "land"), ("EnvelopeRefused", "land"), ("ObjectiveBurnsFast", "court")}
        wait_until(lambda: told() == expected, seconds=20, what="only causes are told")
