"""Contracts and pauses that change while a site's processes run."""

import stat
from pathlib import Path

import pytest

from data_embassy.config import (
    LiveSite,
    contract_path,
    load_site,
    open_site,
    pause,
    pause_path,
    paused,
    unpause,
    write_atomically,
)
from data_embassy.errors import ConfigError, ContractError
from tests.support.commands import command

SITE = """
[site]
role = "embassy"
[kafka]
bootstrap = "127.0.0.1:1"
[postgres]
host = "127.0.0.1"
"""


def contract(folder: Path, name: str, lane: str) -> Path:
    path = folder / "registers" / f"{name}.toml"
    write_atomically(path, f'lane = "{lane * 16}"\ntier = 1\n')
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "site.toml").write_text(SITE)
    contract(tmp_path, "land", "a")
    return tmp_path


def test_nothing_new_is_the_same_object(folder):
    live = LiveSite(open_site(folder))
    assert live.look() is live.look()


def lanes(live: LiveSite) -> dict[str, str]:
    return {name: one.lane for name, one in live.look().registers.items()}


def test_a_contract_that_comes_changes_and_goes_is_seen(folder):
    live = LiveSite(open_site(folder))
    assert lanes(live) == {"land": "a" * 16}
    path = contract(folder, "courts", "b")
    assert lanes(live) == {"land": "a" * 16, "courts": "b" * 16}
    contract(folder, "courts", "c")
    assert lanes(live) == {"land": "a" * 16, "courts": "c" * 16}
    path.unlink()
    assert lanes(live) == {"land": "a" * 16}


@pytest.mark.clears("ContractError", "ConfigError")
def test_a_contract_with_an_error_leaves_the_others_alone(folder):
    live = LiveSite(open_site(folder))
    path = contract(folder, "courts", "b")
    path.write_text("lane = 7\nteir = 1")
    now = live.look()
    assert set(now.registers) == {"land"}
    assert "unknown setting teir" in str(now.faults["courts"])
    with pytest.raises(ContractError, match="courts"):
        now.register("courts")
    with pytest.raises(ConfigError, match="unknown setting teir"):
        command(folder, "config", "check")
    contract(folder, "courts", "b")
    command(folder, "config", "check")
    assert (set(live.look().registers), live.look().faults) == ({"courts", "land"}, {})


def test_a_lane_that_a_copied_contract_names_stays_with_its_register(folder):
    live = LiveSite(open_site(folder))
    contract(folder, "copied", "a")
    now = live.look()
    assert set(now.registers) == {"land"}
    assert "used twice" in now.faults["copied"].message
    assert set(open_site(folder).faults) == {"copied", "land"}


def test_commands_that_concern_all_contracts_list_all_errors(folder):
    contract(folder, "courts", "x")
    with pytest.raises(ConfigError, match="16 lower-case hex"):
        load_site(folder)


def test_a_paused_register_is_not_worked_on(folder):
    live = LiveSite(open_site(folder))
    assert paused(live.site, "land") is None
    pause(live.site, "land", at="2026-01-01T00:00:00+00:00", reason="new disks")
    assert paused(live.site, "land") is not None
    again = pause(live.site, "land", at="2026-02-02T00:00:00+00:00", reason=None)
    assert paused(live.site, "land") == again
    assert (again.at, again.reason) == ("2026-01-01T00:00:00+00:00", "new disks")
    assert unpause(live.site, "land")
    assert not unpause(live.site, "land")
    assert paused(live.site, "land") is None


@pytest.mark.parametrize("text", ["", "[]", "{", '{"at": 5}'])
def test_a_damaged_pause_pauses(folder, text):
    site = open_site(folder)
    write_atomically(pause_path(site, "land"), text)
    found = paused(site, "land")
    assert found is not None
    assert found.at is None


def test_what_is_written_is_private_and_leaves_no_draft(folder):
    path = contract(folder, "courts", "b")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(each.name for each in path.parent.iterdir()) == ["courts.toml", "land.toml"]


@pytest.mark.parametrize("name", ["../land", "Land", "", "a" * 49, "a/b", "1a", "a\n"])
def test_what_is_no_name_never_becomes_a_path(folder, name):
    with pytest.raises(ContractError, match="no register's name"):
        contract_path(folder, name)
