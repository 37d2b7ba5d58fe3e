"""Every file of a site's monitoring by its path, for operators and for a local system."""

from __future__ import annotations

import json

from deploy.local.exporter import JOBS
from deploy.monitoring.alertmanager import alertmanager_file
from deploy.monitoring.dashboards import DASHBOARDS
from deploy.monitoring.dashboards.grafana import grafana
from deploy.monitoring.model import Settings, SiteName
from deploy.monitoring.prometheus import ALERTMANAGER_PORT, PROMETHEUS_PORT, prometheus_file, usual_targets
from deploy.monitoring.rules import rules_file

RULES = "rules.yml"
DASHBOARD_FOLDER = "/etc/grafana/dashboards/data-embassy"

_DATASOURCE = f"""\
apiVersion: 1
datasources:
- name: data-embassy
  uid: data-embassy
  type: prometheus
  access: proxy
  url: http://127.0.0.1:{PROMETHEUS_PORT}
  isDefault: true
  editable: false
"""
_PROVIDER = f"""\
apiVersion: 1
providers:
- name: data-embassy
  folder: data-embassy
  type: file
  allowUiUpdates: false
  options:
    path: {DASHBOARD_FOLDER}
"""


def site_files(site: SiteName, settings: Settings) -> dict[str, str]:
    """Path below the site's monitoring folder, and text."""
    address = f"127.0.0.1:{ALERTMANAGER_PORT}"
    prometheus = prometheus_file(site, usual_targets(site), rules=RULES, alertmanager=address, settings=settings)
    found = {
        "prometheus.yml": prometheus,
        RULES: rules_file(site, settings),
        "alertmanager.yml": alertmanager_file(),
        "grafana/provisioning/datasources/data-embassy.yml": _DATASOURCE,
        "grafana/provisioning/dashboards/data-embassy.yml": _PROVIDER,
    }
    return found | exporter_files(site) | dashboard_files(site)


def exporter_files(site: SiteName) -> dict[str, str]:
    """What the agents of the site's Java processes are told."""
    return {f"exporter/{job}.yml": config.read_text(encoding="utf-8") for job, config in JOBS[site].items()}


def dashboard_files(site: SiteName) -> dict[str, str]:
    """The site's dashboards in Grafana's form."""
    return {
        f"grafana/dashboards/{one.name}.json": json.dumps(grafana(one, site), indent=1, ensure_ascii=False) + "\n"
        for one in DASHBOARDS
    }
