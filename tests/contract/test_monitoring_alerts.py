"""Every alert fires for its fault in time, stays silent otherwise, and leads to a runbook; by Debian's promtool."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from data_embassy import metrics
from deploy.monitoring.model import BOTH, Group, Record, Settings, SiteName
from deploy.monitoring.rules import alerts, rules_file, rules_text, site_groups
from tests.support.alert_cases import CASES
from tests.support.alert_world import REGISTERS, Case, expect, fault_group, healthy, promtool_file

FAST = Settings()
SLOW = Settings(interval_seconds=300)
BEFORE_SAMPLES = 20
RUNBOOKS = Path("docs/runbooks")
Tested = dict[str, Any]
"""One group of promtool's tests."""
promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is missing: apt-get install prometheus (as root)"
)


@promtool
@pytest.mark.parametrize("site", BOTH)
def test_promtool_finds_nothing_wrong_with_the_rules(tmp_path, site):
    rules = tmp_path / "rules.yml"
    rules.write_text(rules_file(site, FAST))
    done = subprocess.run(
        ["promtool", "check", "rules", "--lint-fatal", rules], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@promtool
@pytest.mark.parametrize("site", BOTH)
@pytest.mark.parametrize("settings", [FAST, SLOW], ids=["fast", "slow"])
def test_every_alert_fires_in_time_and_not_before(tmp_path, site, settings):
    tests = [_healthy(site, settings)]
    for case in (one for one in CASES if one.site == site and one.is_slow == (settings is SLOW)):
        groups = [_fires(case, settings), *(_is_silent(case, fault, settings) for fault in case.harmless)]
        if case.not_before > settings.interval_seconds:
            groups.append(_blip(case, settings))
        tests.append((case.alert, groups))
    files = []
    for number, (alert, groups) in enumerate(tests):
        rules = tmp_path / f"rules-{alert}.yml"
        needed = _needed(site, settings, alert)
        rules.write_text(rules_text(needed, settings))
        files.append(tmp_path / f"{number}-{alert}.yml")
        files[-1].write_text(
            promtool_file(rules.name, [one.name for one in needed], groups, interval=settings.interval_seconds)
        )
    done = subprocess.run(["promtool", "test", "rules", *files], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_test():
    tested = {(case.alert) for case in CASES}
    assert tested == {alert.name for site in BOTH for alert in alerts(site, FAST)}


@pytest.mark.parametrize("site", BOTH)
def test_every_metric_that_a_rule_names_exists(site):
    known = {one.name for one in metrics.definitions()}
    recorded = {rule.name for group in site_groups(site, FAST) for rule in group.rules if isinstance(rule, Record)}
    named = {name for group in site_groups(site, FAST) for rule in group.rules for name in series_of(rule.expr)}
    assert named - known - recorded == set()


def test_every_metric_label_that_a_rule_selects_can_have_that_value():
    for rule in (rule for site in BOTH for group in site_groups(site, FAST) for rule in group.rules):
        for label, values in re.findall(r'(\w+)=~?"([^"]+)"', rule.expr):
            known = metrics.LABELS.get(label)
            assert known is None or set(values.split("|")) <= set(known), f"{rule.name}: {label}={values}"


@pytest.mark.parametrize("site", BOTH)
def test_every_alert_leads_to_a_section_of_a_runbook(site):
    for alert in alerts(site, FAST):
        page, _, anchor = alert.runbook.partition("#")
        assert anchor in anchors(RUNBOOKS / page), f"{alert.name}: {alert.runbook}"


def test_the_list_of_runbooks_names_every_alert():
    text = (RUNBOOKS / "README.md").read_text(encoding="utf-8")
    for alert in (alert for site in BOTH for alert in alerts(site, FAST)):
        if alert.name != "RegisterStopped":
            assert f"| `{alert.name}` | {alert.severity} | [{alert.page}]({alert.runbook}) |" in text


def test_every_alert_says_in_plain_words_what_it_means():
    for alert in (alert for site in BOTH for alert in alerts(site, FAST)):
        assert alert.summary
        assert not alert.summary.endswith(".")
        assert alert.description.endswith("."), alert.name
        assert alert.command
        assert "embassy_" not in alert.summary + alert.description, alert.name


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as Markdown renderers make them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def series_of(expr: str) -> set[str]:
    """Names of our series in an expression, recorded ones too."""
    bare = re.sub(r'"[^"]*"', '""', expr)
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(r"\bembassy[_:][a-zA-Z0-9_:]+", bare)}


def _firing(alert: str) -> str:
    return f'ALERTS{{alertname="{alert}",alertstate="firing"}}'


def _fires(case: Case, settings: Settings) -> Tested:
    """Silent until the fault and for `not_before` after it; firing at `within`, for this register only."""
    step = settings.interval_seconds
    lasting = case.within // step + 2
    group = fault_group(
        healthy(case.site, second=step), case.fault, name=f"{case.alert} fires", interval=step, before=BEFORE_SAMPLES,
        lasting=lasting, after=0,
    )  # fmt: skip
    start = BEFORE_SAMPLES * step
    expect(group, _firing(case.alert), at=start - step, labels=[])
    if case.not_before:
        expect(group, _firing(case.alert), at=start + case.not_before, labels=[])
    labels = {"register": "land"} | dict(case.labels)
    shown = ",".join(f'{name}="{value}"' for name, value in sorted(labels.items()) if value)
    expr = f"count by ({','.join(labels)}) ({_firing(case.alert)})"
    expect(group, expr, at=start + case.within, labels=[f"{{{shown}}}"])
    return group


def _is_silent(case: Case, fault, settings: Settings) -> Tested:
    step = settings.interval_seconds
    lasting = case.within // step + 2
    group = fault_group(
        healthy(case.site, second=step), fault, name=f"{case.alert} is silent", interval=step, before=BEFORE_SAMPLES,
        lasting=lasting, after=0,
    )  # fmt: skip
    _never(group, case.alert, until=(BEFORE_SAMPLES + lasting - 1) * step)
    return group


def _blip(case: Case, settings: Settings) -> Tested:
    """The same fault, over after a third of the time that it would need."""
    step = settings.interval_seconds
    lasting = max(1, case.not_before // step // 3)
    after = case.within // step + 2
    group = fault_group(
        healthy(case.site, second=step), case.fault, name=f"{case.alert} passes by a blip", interval=step,
        before=BEFORE_SAMPLES, lasting=lasting, after=after,
    )  # fmt: skip
    _never(group, case.alert, until=(BEFORE_SAMPLES + lasting + after - 1) * step)
    return group


def _never(group: Tested, alert: str, *, until: int) -> None:
    expect(group, f"max_over_time({_firing(alert)}[{until}s])", at=until, labels=[])


def _healthy(site: SiteName, settings: Settings) -> tuple[str, list[Tested]]:
    step = settings.interval_seconds
    group = fault_group(
        healthy(site, second=step), {}, name="healthy", interval=step, before=2 * BEFORE_SAMPLES, lasting=1, after=0
    )
    until = 2 * BEFORE_SAMPLES * step
    expect(group, f"max_over_time(ALERTS[{until}s])", at=until, labels=[])
    expect(group, "embassy:objective_met", at=until, labels=[
        f'embassy:objective_met{{register="{name}",site="{site}"}}' for name in REGISTERS
    ])  # fmt: skip
    return "", [group]


def _needed(site: SiteName, settings: Settings, alert: str) -> list[Group]:
    """The rules of one alert, after the recorded series if it reads any; without one all."""
    recorded, *others = site_groups(site, settings)
    if not alert:
        return [recorded, *others]
    chosen = Group(
        name=f"one-{alert}", rules=tuple(rule for group in others for rule in group.rules if rule.name == alert)
    )
    return [recorded, chosen] if any("embassy:" in rule.expr for rule in chosen.rules) else [chosen]
