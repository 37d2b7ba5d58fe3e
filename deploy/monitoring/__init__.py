"""Prometheus, Alertmanager and Grafana for a site: rules, alerts with their runbooks, dashboards. All of it is data.

`python -m deploy.monitoring FOLDER` writes the files that an operator copies; `embassy local up --with monitoring` uses
the same. Each site watches itself: home's Prometheus never asks the embassy, nor the other way.
"""
