"""The files for Prometheus, Alertmanager and Grafana: their own tools accept them, and they fit the metrics."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from data_embassy import metrics
from deploy.local.exporter import JOBS
from deploy.local.layout import make_layout
from deploy.local.monitoring import ROLES, targets
from deploy.monitoring.__main__ import main
from deploy.monitoring.alertmanager import unknown_names
from deploy.monitoring.dashboards import DASHBOARDS
from deploy.monitoring.dashboards.grafana import COLUMNS, grafana
from deploy.monitoring.model import BOTH, Settings
from deploy.monitoring.prometheus import usual_targets
from deploy.monitoring.rules import site_groups
from tests.support.monitored import alertmanager_there, prometheus_there

UNITS = {"s", "bytes", "Bps", "short", "ops", "percentunit", "none", "bool_on_off"}
NOT_LOOKED_AT = {
    "embassy_applied_commit_lsn": "a position, no quantity; the status shows it",
    "embassy_applied_home_offset": "a position; the backlog is shown",
    "embassy_receipt_home_offset": "a position; the backlog is shown",
    "embassy_forward_incarnation": "of the lane's history",
    "embassy_forward_epochs_total": "age and use of the epoch are shown",
    "embassy_pulse_beat_timestamp_seconds": "the beats themselves are shown",
    "embassy_load_rows_total": "the status tells of a load",
    "embassy_lag_trusted": "the status marks a lag; the clocks are shown",
}
"""Metrics that no dashboard and no rule asks, and why."""
sites_and_dashboards = [(site, one) for site in BOTH for one in DASHBOARDS]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("monitoring")
    main(folder, Settings(runbooks="https://runbooks.example/embassy/"))
    return folder


@prometheus_there
@pytest.mark.parametrize("site", BOTH)
def test_prometheus_accepts_its_configuration(files, site):
    done = subprocess.run(
        ["promtool", "check", "config", "prometheus.yml"], cwd=files / site, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("site", BOTH)
def test_a_site_asks_its_own_processes_only(files, site):
    jobs = set(re.findall(r"job_name: (\S+)", (files / site / "prometheus.yml").read_text()))
    assert jobs == {*ROLES[site], *JOBS[site], "prometheus", "alertmanager"}


@pytest.mark.parametrize("site", BOTH)
def test_an_operators_prometheus_asks_the_same_jobs_as_a_local_one(tmp_path, site):
    layout = make_layout(tmp_path / "local", has_monitoring=True)
    usual = usual_targets(site)
    assert {one.job for one in usual} == {one.job for one in targets(layout, site)}
    assert len({one.address for one in usual}) == len(usual)


@pytest.mark.parametrize("site", BOTH)
def test_each_java_process_has_the_file_of_its_agent(files, site):
    found = {path.stem: path.read_text() for path in (files / site / "exporter").iterdir()}
    assert found == {job: config.read_text() for job, config in JOBS[site].items()}


@pytest.mark.parametrize("site", BOTH)
def test_runbooks_stand_where_the_operator_says(files, site):
    addresses = re.findall(r'runbook_url: "(.*)"', (files / site / "rules.yml").read_text())
    assert addresses
    assert all(re.match(r"https://runbooks\.example/embassy/[\w-]+\.md#[\w-]+$", one) for one in addresses)


@alertmanager_there
@pytest.mark.parametrize(
    ("labels", "receiver"),
    [(["severity=page", "alertname=LinkDown"], "pages"), (["severity=ticket", "register=land"], "tickets")],
)
def test_alertmanager_accepts_its_configuration_and_routes_by_severity(files, labels, receiver):
    config = files / "home" / "alertmanager.yml"
    checked = subprocess.run(["amtool", "check-config", config], check=False, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    routed = subprocess.run(
        ["amtool", "config", "routes", "test", f"--config.file={config}", *labels],
        capture_output=True,
        text=True,
        check=True,
    )
    assert routed.stdout.strip() == receiver


def test_inhibitions_name_alerts_that_exist():
    assert unknown_names() == set()


@pytest.mark.parametrize("site", BOTH)
def test_dashboards_have_ids_of_their_own(site):
    made = [grafana(one, site) for one in DASHBOARDS]
    assert len({one["uid"] for one in made}) == len(made)
    assert all(re.fullmatch(r"[a-z-]{1,40}", one["uid"]) for one in made)
    for one in made:
        ids = [panel["id"] for panel in one["panels"]]
        assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(("site", "dashboard"), sites_and_dashboards)
def test_every_panel_has_unit_description_queries_and_the_datasource(site, dashboard):
    made = json.loads(json.dumps(grafana(dashboard, site)))
    assert made["templating"]["list"][0]["type"] == "datasource"
    panels = [panel for panel in made["panels"] if panel["type"] != "row"]
    assert panels
    for panel in panels:
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS, panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        assert panel["targets"]
        for one in (panel, *panel["targets"]):
            assert one["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        references = [one["refId"] for one in panel["targets"]]
        assert len(set(references)) == len(references)


@pytest.mark.parametrize(("site", "dashboard"), sites_and_dashboards)
def test_no_two_panels_lie_on_each_other(site, dashboard):
    taken: set[tuple[int, int]] = set()
    for panel in grafana(dashboard, site)["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= COLUMNS
        assert not cells & taken, panel["title"]
        taken |= cells


def test_every_metric_is_looked_at():
    texts = [query.expr for one in DASHBOARDS for row in one.rows for panel in row.panels for query in panel.queries]
    texts += [rule.expr for site in BOTH for group in site_groups(site, Settings()) for rule in group.rules]
    asked = {name for text in texts for name in re.findall(r"\bembassy_\w+", text)}
    asked = {re.sub(r"_(bucket|count|sum)$", "", name) for name in asked}
    known = {one.name for one in metrics.definitions()}
    assert asked - known == set()
    assert known - asked == NOT_LOOKED_AT.keys() & known


def test_the_variable_of_registers_is_offered_where_it_is_used():
    for one in DASHBOARDS:
        text = json.dumps(grafana(one, "home")["panels"])
        assert ("$register" in text) == one.has_register
