"""The receiver as its own process and commands: metrics, status, replay, SIGTERM; no row values in what they say."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from data_embassy.keys import Role, import_bundle, init_keys, init_recovery, load_embassy_keys, load_home_keys
from data_embassy.keys.documents import encode_bundle
from deploy.local.machine import free_ports
from tests.support.receiving import ROLE, Embassy, Link, new_embassy, new_link, wait_for
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
        wait_for(lambda: "embassy_lag_seconds{" in metrics(port), what="metrics")
        wait_for(
            lambda: status(site)["backlog"] == {"records": None, "envelopes": 0, "slot_bytes": None}, what="status"
        )
        assert status(site)["state"] == "live"
        link.source.ddl()
        link.send()
        wait_for(lambda: status(site)["cause"] == "DdlNotReplayed", what="the stop is shown")
        assert str(status(site)["remedy"]).endswith(f"embassy register snapshot {link.register.name}")
        assert 'embassy_stopped{cause="DdlNotReplayed"' in metrics(port)
        said += command(site, "status") + metrics(port)
        said += command(site, "register", "replay", link.register.name, "--until", f"{lsn >> 32:X}/{lsn:X}", "--json")
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(20) == 0
    said += (site / "log").read_text() + (site / "state" / "receive" / f"{link.register.name}.json").read_text()
    assert PLANTED not in said
    assert "Traceback" not in said


def metrics(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        text: bytes = answer.read()
    return text.decode()
