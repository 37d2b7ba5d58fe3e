"""The receiver as its own process and commands: metrics, status, replay, SIGTERM; no row values in what they say."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from data_embassy.keys import Role, import_bundle, init_keys, init_recovery, load_embassy_keys, load_home_keys
from data_embassy.keys.documents import encode_bundle
from deploy.local.machine import free_ports
from tests.support.receiving import ROLE, Embassy, Link, new_embassy, new_link, wait_for
from tests.support.scraped import Scraped, scrape
from tests.support.sealing import Sites
from tests.support.synthetic_register import insert

PLANTED = "Tuulikki-Planted-4711"
CLI = [sys.executable, "-c", "from operations.cli import main; main()"]


@pytest.fixture
def embassy(broker, postgres, tmp_path) -> Embassy:
    embassy = new_embassy(broker, postgres, tmp_path)
    embassy.sites = exchanged_keys(tmp_path)
    return embassy


def exchanged_keys(folder: Path) -> Sites:
    home = init_keys(folder / "home-keys", role=Role.HOME, site="home").bundle()
    abroad = init_keys(folder / "keys", role=Role.EMBASSY, site="embassy").bundle()
    init_recovery(folder / "recovery-keys", home=folder / "home-keys")
    import_bundle(folder / "home-keys", encode_bundle(abroad), fingerprint=abroad.fingerprint)
    import_bundle(folder / "keys", encode_bundle(home), fingerprint=home.fingerprint)
    embassy_keys = load_embassy_keys(folder / "keys")
    return Sites(home=load_home_keys(folder / "home-keys"), embassy=embassy_keys, recovery=None)  # type: ignore[arg-type]


def write_site(link: Link, port: int) -> Path:
    embassy, folder = link.embassy, link.embassy.folder
    assert embassy.postgres.password is not None
    (folder / "site.toml").write_text(f"""
[site]
role = "embassy"
[kafka]
bootstrap = "{embassy.bootstrap}"
replicas = 1
[postgres]
host = "{embassy.server.host}"
port = {embassy.server.port}
user = "{ROLE}"
password_file = "{embassy.postgres.password.path.name}"
database = "{embassy.control}"
[metrics]
receive = {port}
""")
    (folder / "registers").mkdir()
    (folder / "registers" / f"{link.register.name}.toml").write_text(f'lane = "{link.register.lane}"\n')
    return folder


@contextmanager
def running(site: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (site / "log").open("wb") as log:
        process = subprocess.Popen([*CLI, "--site", str(site), "run", "receive"], stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


def command(site: Path, *arguments: str) -> str:
    done = subprocess.run(
        [*CLI, "--site", str(site), *arguments], capture_output=True, text=True, timeout=90, check=True
    )
    return done.stdout + done.stderr


def status(site: Path) -> dict[str, object]:
    found = json.loads(command(site, "status", "--json"))["registers"]
    assert isinstance(found[0], dict)
    return found[0]


def test_process_receives_reports_and_ends_in_good_order(embassy):
    link = new_link(embassy)
    link.source.rows[1] = PLANTED
    link.source.snapshot()
    link.source.session()
    link.source.pulse()
    link.send()
    (port,) = free_ports(1)
    site = write_site(link, port)
    assert status(site)["state"] == "empty"
    said = ""
    with running(site) as process:
        link.wait_equal()
        lsn = link.source.commit(insert(2, PLANTED))
        link.source.pulse()
        link.send()
        link.wait_equal()
        wait_for(lambda: shows_a_level_register(scrape(port), link.register.name), what="metrics")
        nothing = {"records": None, "envelopes": 0, "slot_bytes": None, "bytes": 0, "transactions": 0}
        wait_for(lambda: status(site)["backlog"] == nothing, what="status")
        assert status(site)["state"] == "live"
        link.source.ddl()
        link.send()
        wait_for(lambda: status(site)["cause"] == "DdlNotReplayed", what="the stop is shown")
        assert str(status(site)["remedy"]).endswith(f"embassy register snapshot {link.register.name}")
        page = scrape(port)
        assert page.value("embassy_stopped", register=link.register.name, cause="DdlNotReplayed") == 1
        assert page.value("embassy_state", register=link.register.name, state="stopped") == 1
        assert page.value("embassy_state", register=link.register.name, state="live") == 0
        said += command(site, "status") + page.text
        said += command(site, "register", "replay", link.register.name, "--until", f"{lsn >> 32:X}/{lsn:X}", "--json")
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(20) == 0
    said += (site / "log").read_text() + (site / "state" / "receive" / f"{link.register.name}.json").read_text()
    assert PLANTED not in said
    assert "Traceback" not in said


LEVEL = {
    "embassy_backlog_envelopes": 0, "embassy_backlog_bytes": 0, "embassy_backlog_transactions": 0,
    "embassy_catchup_seconds": 0, "embassy_paused": 0, "embassy_last_verification_timestamp_seconds": 0,
    "embassy_last_drill_timestamp_seconds": 0, "embassy_tier": 1, "embassy_generation": 1,
}  # fmt: skip
SITE_WIDE = {"embassy_broker_up": 1, "embassy_standby_server_up": 1}
UNKNOWN = ("embassy_last_verification_equal", "embassy_objective_seconds", "embassy_lag_trusted")
OF_HOME = ("embassy_link_up", "embassy_connect_up", "embassy_slot_retained_bytes", "embassy_epoch_age_seconds")


def shows_a_level_register(page: Scraped, name: str) -> bool:
    """All that a receiver can know, nothing that only home can, and no number where nothing is known."""
    lag = page.value("embassy_lag_seconds", register=name)
    if lag is None or not 0 <= lag < 60:
        return False
    return (
        {metric: page.value(metric, register=name) for metric in LEVEL} == LEVEL
        and {metric: page.value(metric) for metric in SITE_WIDE} == SITE_WIDE
        and all(math.isnan(page.value(metric, register=name) or 0) for metric in UNKNOWN)
        and page.value("embassy_state", register=name, state="live") == 1
        and page.value("embassy_retention_headroom_seconds", register=name, topic="lane") == math.inf
        and (page.value("embassy_disk_free_bytes", disk="state") or 0) > 0
        and 0 <= (page.value("embassy_key_age_seconds") or -1) < 3600
        and len(page.labels("embassy_build_info")) == 1
        and page.names().isdisjoint(OF_HOME)
    )
