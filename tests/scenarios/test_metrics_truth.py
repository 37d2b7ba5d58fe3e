"""Metrics of a whole system: every hop of a pulse, what runs out, who answers, and no label that could grow."""

from __future__ import annotations

import json
import math

import pytest

from data_embassy import causes, metrics
from data_embassy.status import HOPS
from tests.support.promised import OF_REGISTER, UP
from tests.support.scenario import POPULATION, Registers, wait_for
from tests.support.scraped import Scraped

ROLES = ("receive", "forward", "pulse")
ROUNDING_SECONDS = 0.05
FOREIGN = ("python_", "process_")


def page(registers: Registers, role: str) -> Scraped:
    return Scraped(registers.metrics_page(role))


def hops(found: Scraped) -> dict[str, float]:
    shown = {hop: found.value("embassy_hop_seconds", register=POPULATION, hop=hop) for hop in HOPS}
    return {hop: value for hop, value in shown.items() if value is not None and not math.isnan(value)}


def unexplained(found: Scraped) -> float:
    """What the lag is beyond the hops of the newest pulse and the time since it was applied."""
    lag, age = (found.value(f"embassy_{name}_seconds", register=POPULATION) for name in ("lag", "pulse_age"))
    assert lag is not None
    assert age is not None
    return lag - age - sum(hops(found).values())


def unknown(found: Scraped, role: str) -> set[str]:
    """What a process should know of a level register and does not."""
    values = {name: found.value(name, register=POPULATION) for name in OF_REGISTER[role]}
    values |= {name: found.value(name) for name in (*UP[role], "embassy_key_age_seconds") if role != "pulse"}
    if role != "pulse":
        topic = "lane" if role == "receive" else "home"
        name = "embassy_retention_headroom_seconds"
        values[name] = found.value(name, register=POPULATION, topic=topic)
    return {name for name, value in values.items() if value is None or math.isnan(value)}


@pytest.mark.parametrize("role", ROLES)
def test_each_process_shows_what_it_knows(registers: Registers, role: str) -> None:
    registers.wait_level(POPULATION)
    wait_for(lambda: not unknown(page(registers, role), role), lambda: str(unknown(page(registers, role), role)))
    found = page(registers, role)
    assert {name: found.value(name) for name in UP[role]} == dict.fromkeys(UP[role], 1.0)
    if role == "pulse":
        held = ("reserved", "extended")
        shown = [found.value("embassy_slot_wal_status", register=POPULATION, status=one) or 0.0 for one in held]
        assert sorted(shown) == [0.0, 1.0]
    else:
        assert found.value("embassy_state", register=POPULATION, state="live") == 1
        topic = "lane" if role == "receive" else "home"
        assert found.value("embassy_retention_headroom_seconds", register=POPULATION, topic=topic) == math.inf


@pytest.mark.parametrize("role", ROLES)
def test_no_label_can_grow_without_bounds(registers: Registers, role: str) -> None:
    known = {one.name: one for one in metrics.definitions()}
    bounded = {label: set(values) for label, values in metrics.LABELS.items() if values is not None}
    bounded |= {"register": set(registers.names), "disk": {"state"}, "cause": set(causes.CAUSES)}
    found = page(registers, role)
    ours = {name for name in found.names() if not name.startswith(FOREIGN)}
    assert {_plain(name) for name in ours} <= known.keys()
    for name in ours:
        for labels in found.labels(name):
            for label, value in labels.items():
                assert label == "le" or value in bounded.get(label, {value}), (name, label, value)


def _plain(name: str) -> str:
    for ending in ("_created", "_bucket", "_count", "_sum"):
        if name.endswith(ending):
            stem = name.removesuffix(ending)
            return f"{stem}_total" if ending == "_created" and stem != "embassy_apply_group_seconds" else stem
    return name


def test_both_sites_show_each_hop_of_a_pulse(registers: Registers) -> None:
    registers.wait_level(POPULATION)
    for role in ("receive", "forward"):
        wait_for(lambda: len(hops(page(registers, role))) == len(HOPS), f"hops of {role}")  # noqa: B023
        found = hops(page(registers, role))
        assert min(found.values()) >= 0
        assert found["capture"] > 0
    # A page is no moment: a pulse may be applied while it is written.
    wait_for(lambda: abs(unexplained(page(registers, "receive"))) < ROUNDING_SECONDS, "hops and age are the lag")
    for site in ("embassy", "home"):
        said = json.loads(registers.command(site, "status", "--json"))["registers"]
        (one,) = (each for each in said if each["register"] == POPULATION)
        assert list(one["hops"]) == list(HOPS)
        assert one["backlog"]["transactions"] is not None
