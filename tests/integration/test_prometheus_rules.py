"""Rules and dashboards at a real Prometheus, inhibitions at a real Alertmanager; the figures are made up."""

from __future__ import annotations

import datetime as dt

import pytest
import requests

from deploy.local import monitoring
from deploy.local.machine import wait_until
from deploy.monitoring.model import BOTH
from deploy.monitoring.prometheus import Target
from tests.support.monitored import (
    alertmanager,
    alertmanager_there,
    every_metric,
    prometheus,
    prometheus_there,
    wait_answered,
)


@prometheus_there
@pytest.mark.parametrize("site", BOTH)
def test_every_query_of_every_dashboard_returns_data(tmp_path, site):
    with every_metric() as address:
        targets = [Target(job=role, address=address) for role in monitoring.ROLES[site]]
        with prometheus(tmp_path, site, targets) as running:
            wait_answered(running, site)
            assert running.broken() == []


@alertmanager_there
def test_what_follows_from_something_else_is_not_told(tmp_path):
    with alertmanager(tmp_path) as address:
        url = f"http://{address}/api/v2/alerts"
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
