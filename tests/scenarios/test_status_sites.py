"""The status at both sites of a whole system: live, paused, the link cut, the receiver killed and not restarted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.scenario import POPULATION, Registers, wait_for

SECONDS = 60.0


def status(registers: Registers, site: str, name: str = POPULATION) -> dict[str, Any]:
    found = json.loads(registers.command(site, "status", "--json"))["registers"]
    one: dict[str, Any] = next(each for each in found if each["register"] == name)
    return one


def shown(registers: Registers, site: str) -> tuple[str, str | None]:
    one = status(registers, site)
    return one["state"], one["cause"]


def wait_shown(registers: Registers, site: str, state: str, cause: str | None = None) -> dict[str, Any]:
    wait_for(
        lambda: shown(registers, site) == (state, cause),
        lambda: f"{site}: {status(registers, site)}",
        seconds=SECONDS,
    )
    return status(registers, site)


def test_both_sites_agree_on_an_idle_register(registers):
    abroad, home = wait_shown(registers, "embassy", "live"), wait_shown(registers, "home", "live")
    assert abroad["lag_seconds"] is not None
    assert home["lag_seconds"] is not None
    assert home["position"]["generation"] == abroad["position"]["generation"]
    assert home["age_seconds"] < 10
    assert home["backlog"]["slot_bytes"] is not None
    assert [part["name"] for part in home["parts"]] == ["source", "capture", "forward", "embassy"]
    wait_for(lambda: status(registers, "home")["is_lag_trusted"] is True, "clocks compared at home", seconds=SECONDS)
    wait_for(lambda: status(registers, "embassy")["is_lag_trusted"] is True, "and abroad", seconds=SECONDS)


def test_a_pause_at_the_embassy_is_shown_at_home_with_its_command(registers):
    registers.command("embassy", "register", "pause", POPULATION)
    try:
        assert wait_shown(registers, "embassy", "paused")["remedy"] == f"embassy register resume {POPULATION}"
        remedy = wait_shown(registers, "home", "paused")["remedy"]
        assert remedy == f"at the embassy: embassy register resume {POPULATION}"
    finally:
        registers.command("embassy", "register", "resume", POPULATION)
    wait_shown(registers, "home", "live")


@pytest.mark.clears("LinkDown", "PulseSilent")
def test_a_cut_link_ages_at_both_sites(registers):
    wait_shown(registers, "home", "live")
    registers.system.link.cut()
    try:
        first = wait_shown(registers, "home", "unknown", "LinkDown")
        assert first["position"] is not None
        assert status(registers, "home")["age_seconds"] > first["age_seconds"]
        assert wait_shown(registers, "embassy", "waiting", "PulseSilent")["remedy"] == "at home: embassy status"
    finally:
        registers.system.link.mend()
    wait_shown(registers, "home", "live")


@pytest.mark.clears("ReceiverDown", "EmbassySilent")
@pytest.mark.parametrize("role", ["receive"])
def test_a_receiver_that_does_not_run_is_said_at_both_sites(registers, role):
    registers.system.stop(role)
    try:
        down = wait_shown(registers, "embassy", "down", "ReceiverDown")
        assert down["remedy"] == "embassy run receive"
        assert wait_shown(registers, "home", "unknown", "EmbassySilent")["age_seconds"] >= 20
    finally:
        registers.system.start(role)
    wait_shown(registers, "embassy", "live")
    wait_shown(registers, "home", "live")
