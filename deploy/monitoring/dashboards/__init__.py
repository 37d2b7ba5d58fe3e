"""Dashboards as code: what a reader sees, in modules; Grafana's form of it in `grafana`."""

from __future__ import annotations

from deploy.monitoring.dashboards.brokers import BROKERS
from deploy.monitoring.dashboards.databases import DATABASES
from deploy.monitoring.dashboards.overview import OVERVIEW
from deploy.monitoring.dashboards.pipeline import PIPELINE
from deploy.monitoring.dashboards.register import REGISTER

DASHBOARDS = (OVERVIEW, REGISTER, PIPELINE, BROKERS, DATABASES)
