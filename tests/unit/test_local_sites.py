"""What the local system writes for both sites: readable by the kernel, separate, private."""

import datetime as dt
import stat
from dataclasses import astuple
from pathlib import Path

import pytest
from cryptography import x509

from data_embassy.config import load_site
from data_embassy.errors import ConfigError, ContractError
from data_embassy.keys import load_embassy_keys, load_home_keys
from deploy.local import layout as layouts
from deploy.local.layout import Layout, load_layout, make_layout
from deploy.local.machine import LocalError
from deploy.local.processes import PAGES, listening, of_site, page_address, run_command
from deploy.local.sites import write_contracts, write_sites
from deploy.local.trust import ensure_keys

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def made(tmp_path: Path) -> Layout:
    layout = make_layout(tmp_path / "system")
    write_sites(layout, now=NOW)
    return layout


def files_of(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_ports_are_distinct_and_kept(made):
    ports = astuple(made.ports)
    assert len(set(ports)) == len(ports)
    assert make_layout(made.folder).ports == made.ports


def test_both_sites_load_and_point_at_the_right_ports(made):
    home, embassy = load_site(made.site("home")), load_site(made.site("embassy"))
    assert home.link is not None
    assert embassy.postgres is not None
    assert home.link.bootstrap == f"127.0.0.1:{made.ports.link}"
    assert home.kafka.bootstrap != embassy.kafka.bootstrap
    assert embassy.postgres.port == made.ports.embassy_postgres
    assert home.metrics.forward == made.ports.forward


def test_home_holds_no_address_or_secret_of_the_embassy_but_the_link(made):
    secrets = {path.read_text() for path in files_of(made.site("embassy") / "secrets")}
    secrets |= {(made.site("embassy") / "tls" / name).read_text() for name in ("ca.key", "broker.pem")}
    ports = [str(made.ports.embassy_kafka), str(made.ports.embassy_postgres), str(made.ports.embassy_link)]
    for path in files_of(made.site("home")):
        text = path.read_text()
        assert not any(secret in text for secret in secrets)
        assert path.name != "site.toml" or not any(port in text for port in ports)


def test_the_embassy_holds_no_address_or_secret_of_home(made):
    secrets = {path.read_text() for path in files_of(made.site("home") / "secrets")}
    secrets.add((made.site("home") / "tls" / "home.key").read_text())
    ports = {str(made.ports.home_kafka), str(made.ports.home_postgres), str(made.ports.connect)}
    for path in files_of(made.site("embassy")):
        assert not any(word in path.read_text() for word in secrets | ports)


def test_every_file_is_private(made):
    write_contracts(made, name="land", database="land", tier=2)
    ensure_keys(made)
    exposed = [path for path in files_of(made.folder) if stat.S_IMODE(path.stat().st_mode) & 0o077]
    assert exposed == []


def test_writing_again_changes_nothing_that_is_in_use(made):
    write_contracts(made, name="land", database="land", tier=2)
    ensure_keys(made)
    before = {path: path.read_bytes() for path in files_of(made.folder)}
    write_sites(made, now=NOW + dt.timedelta(days=1))
    write_contracts(made, name="land", database="land", tier=2)
    ensure_keys(made)
    assert {path: path.read_bytes() for path in files_of(made.folder)} == before


def test_both_contracts_name_one_lane_that_says_nothing(made):
    write_contracts(made, name="land", database="cadastre", tier=2)
    home, embassy = (load_site(made.site(name)).register("land") for name in ("home", "embassy"))
    assert home.lane == embassy.lane
    assert home.source is not None
    assert home.source.capture.database == "cadastre"
    assert embassy.source is None
    assert "cadastre" not in (made.site("embassy") / "registers" / "land.toml").read_text()


def test_a_register_cannot_change_its_database(made):
    write_contracts(made, name="land", database="land", tier=2)
    with pytest.raises(ContractError, match="another source"):
        write_contracts(made, name="land", database="other", tier=2)


@pytest.mark.parametrize("name", ["Land!", "../land", ""])
def test_an_impossible_name_is_refused_and_leaves_nothing(made, name):
    with pytest.raises((ConfigError, LocalError)):
        write_contracts(made, name=name, database="land", tier=2)
    assert load_site(made.site("home")).registers == {}


def test_keys_are_exchanged(made):
    ensure_keys(made)
    home = load_home_keys(made.site("home") / "keys")
    assert {recipient.is_recovery for recipient in home.recipients} == {True, False}
    assert load_embassy_keys(made.site("embassy") / "keys").signers.ed25519.keys() == home.signers.ed25519.keys()


def test_the_client_certificate_is_signed_by_the_embassy(made):
    certificate = x509.load_pem_x509_certificate((made.site("home") / "tls" / "home.pem").read_bytes())
    authority = x509.load_pem_x509_certificate((made.site("home") / "tls" / "ca.pem").read_bytes())
    certificate.verify_directly_issued_by(authority)
    assert certificate.subject.rfc4514_string() == "CN=home"


def test_a_folder_with_something_else_is_refused_and_kept(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(LocalError, match="something else"):
        make_layout(tmp_path)
    layouts.remove(tmp_path)
    assert (tmp_path / "thesis.txt").exists()


def test_removing_leaves_nothing_of_ours_and_all_of_others(made):
    (made.folder / "note.txt").write_text("mine")
    layouts.remove(made.folder)
    assert [path.name for path in made.folder.iterdir()] == ["note.txt"]


def test_a_damaged_layout_is_an_error_with_a_remedy(made):
    (made.folder / "system.json").write_text("{}")
    with pytest.raises(LocalError, match="cannot be used"):
        load_layout(made.folder)


def test_a_long_path_gets_a_short_socket(tmp_path):
    deep = make_layout(tmp_path / ("x" * 100))
    assert len(bytes(deep.socket("supervisor"))) <= layouts.SOCKET_PATH_BYTES_MAX
    assert deep.socket("supervisor").parent.is_dir()
    layouts.remove(deep.folder)
    assert not deep.socket("supervisor").parent.exists()


def test_pages_run_at_their_sites_once_they_are_asked_for(made):
    """Then at every later start, as processes of their site, at the port of its configuration."""
    assert not set(PAGES) & set(listening(made))
    again = make_layout(make_layout(made.folder, has_pages=True).folder)
    for name, site in PAGES.items():
        assert load_site(made.site(site)).page.port == listening(again)[name] != 0
        assert name in of_site(site, again)
        assert run_command(again, site, "page")[1:] == ["--site", str(again.site(site)), "run", "page"]
        assert page_address(again, site) == f"http://127.0.0.1:{listening(again)[name]}/"
