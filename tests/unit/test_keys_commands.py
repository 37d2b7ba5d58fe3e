"""`embassy keys`: what an operator does, on two sites' folders."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from data_embassy.keys import (
    FingerprintMismatch,
    KeyForeign,
    KeyMissing,
    KeysPresent,
    load_embassy_keys,
    load_home_keys,
)
from operations.commands.keys import app

HOME = (
    '[site]\nrole="home"\nname="home"\n[kafka]\nbootstrap="x:1"\n[connect]\nurl="http://x:2"\n[link]\nbootstrap="x:3"\n'
)
EMBASSY = '[site]\nrole="embassy"\nname="embassy"\n[kafka]\nbootstrap="x:1"\n[postgres]\nhost="x"\n'
Keys = Callable[..., str]


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keys:
    """Runs `embassy keys` at a site; errors come through as they are."""
    for name, text in (("home", HOME), ("embassy", EMBASSY)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "site.toml").write_text(text)
    monkeypatch.chdir(tmp_path)

    def run(site: str, *arguments: str) -> str:
        result = CliRunner().invoke(app, arguments, env={"EMBASSY_SITE": site}, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    return run


def exchange(keys: Keys, giver: str, taker: str) -> None:
    told = json.loads(keys(giver, "export", "--json"))
    keys(taker, "import", told["file"], "--fingerprint", told["fingerprint"])


def test_two_sites_are_set_up_by_file_and_fingerprint(keys: Keys, tmp_path: Path):
    assert "off-line" in keys("home", "init", "--recovery", "recovery")
    keys("embassy", "init")
    exchange(keys, "home", "embassy")
    exchange(keys, "embassy", "home")
    assert len(load_home_keys(tmp_path / "home" / "keys").recipients) == 2
    assert load_embassy_keys(tmp_path / "embassy" / "keys").site == "embassy"


def test_a_bundle_with_another_fingerprint_is_not_imported(keys: Keys, tmp_path: Path):
    keys("home", "init")
    keys("embassy", "init")
    keys("home", "export", "--out", "bundle.json")
    with pytest.raises(FingerprintMismatch):
        keys("embassy", "import", "bundle.json", "--fingerprint", "00" * 32)
    assert not (tmp_path / "embassy" / "keys" / "peers").exists()


def test_a_file_that_is_not_there_is_named(keys: Keys):
    keys("embassy", "init")
    with pytest.raises(KeyMissing):
        keys("embassy", "import", "nothing.json", "--fingerprint", "00")


def test_init_never_overwrites(keys: Keys):
    keys("home", "init")
    with pytest.raises(KeysPresent):
        keys("home", "init")
    made = json.loads(keys("home", "init", "--recovery", "recovery", "--json"))
    assert [bundle["role"] for bundle in made] == ["recovery"]


def test_a_recovery_recipient_is_made_at_home_only(keys: Keys):
    with pytest.raises(KeyForeign):
        keys("embassy", "init", "--recovery", "recovery")


def test_list_shows_ids_and_no_secret(keys: Keys, tmp_path: Path):
    keys("home", "init", "--recovery", "recovery")
    shown = keys("home", "list") + keys("home", "list", "--json")
    listed = json.loads(keys("home", "list", "--json"))
    assert [bundle["site"] for bundle in listed["trusts"]] == ["recovery"]
    assert listed["fingerprint"] in keys("home", "export")
    for path in (tmp_path / "home" / "keys").glob("*.key"):
        stored = json.loads(path.read_bytes())
        assert stored["id"] in shown
        assert stored["seed"] not in shown


def test_rotation_has_two_steps(keys: Keys):
    keys("home", "init")
    with pytest.raises(KeyMissing):
        keys("home", "activate")
    assert "not yet used" in keys("home", "rotate")
    assert "in use" in keys("home", "activate")


def test_a_recovery_folder_is_named_by_option(keys: Keys):
    keys("home", "init", "--recovery", "recovery")
    listed = json.loads(keys("home", "list", "--folder", "recovery", "--json"))
    assert (listed["role"], [bundle["site"] for bundle in listed["trusts"]]) == ("recovery", ["home"])
