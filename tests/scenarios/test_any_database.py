"""A database that nobody here has seen: onboarded while people work in it, changed, left behind, and proven each time.

In the campaign the embassy is away for as long as EMBASSY_AWAY_SECONDS says (an hour without it), once paused and once
behind a cut link, while the register's people work and its developers release.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from consumers.status import RegisterStatus, embassy_status
from consumers.telling import ToldFiles
from data_embassy.config import load_site
from deploy.local.apart import enter_command
from deploy.local.compare import compare
from deploy.local.machine import LOOPBACK
from deploy.local.processes import embassy_script
from deploy.local.services import embassy_postgres
from deploy.local.system import LocalSystem
from tests.support.any_register import DATABASE, NAME, Harbour, create, releases
from tests.support.odd_register import OddWorkload
from tests.support.scenario import wait_for

ROLES = (f"{NAME}_capture", f"{NAME}_pulse")
PASSWORD = "Planted-harbour-5813"
LANE = "5813" * 4
WAIT_SECONDS = 120.0
LEVEL_SECONDS = 3.0


class Newcomer:
    """The register, as its operator sees it at both sites."""

    def __init__(self, system: LocalSystem) -> None:
        self.system = system
        self.home = system.database_dsn(DATABASE)
        self.standby = embassy_postgres(system.layout).dsn(NAME)

    def run(self, site: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`embassy register ...` at a site."""
        layout = self.system.layout
        embassy = [*enter_command(layout, site), str(embassy_script()), "--site", str(layout.site(site))]
        command = [*embassy, "register", *arguments]
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=300
        )

    def done(self, site: str, *arguments: str) -> str:
        """The output of a command that must succeed."""
        result = self.run(site, *arguments)
        assert result.returncode == 0, f"{arguments}: {result.stdout}\n{result.stderr}\n{self.status()}"
        return result.stdout

    def verify(self) -> None:
        """Equal, by the proof of the two sites themselves; only views may have been filled at other moments."""
        found = json.loads(self.done("home", "verify", NAME, "--json"))
        assert found["equal"]
        differing = {table["table"] for table in found["tables"] if not table["equal"]}
        assert differing <= {"harbour.traffic", "harbour.traffic total", "harbour.never_filled"}

    def status(self) -> RegisterStatus | None:
        """What the embassy says of it."""
        site = load_site(self.system.layout.site("embassy"))
        found = embassy_status(site, clock=lambda: dt.datetime.now(dt.UTC))
        return next((one for one in found if one.register == NAME), None)

    def state(self) -> str | None:
        """What the receiver tells of it."""
        told = ToldFiles(load_site(self.system.layout.site("embassy")).state).read(NAME)
        return None if told is None else told.state

    def wait_level(self, *, seconds: float = WAIT_SECONDS) -> float:
        """Wait until its standby is live and hardly behind; how long that took."""

        def is_level() -> bool:
            found = self.status()
            assert found is None or found.state != "stopped", found
            return found is not None and found.state == "live" and (found.lag_seconds or 99) < LEVEL_SECONDS

        return wait_for(is_level, lambda: f"not level: {self.status()}", seconds=seconds)

    def assert_equal(self) -> None:
        """The oracle: at rest, every row of every table as text, and every definition."""
        found = compare(NAME, self.home, self.standby, deadline_seconds=WAIT_SECONDS)
        assert found.equal, found.differences
        assert found.rows > 1000


@pytest.fixture
def newcomer(system: LocalSystem) -> Iterator[Newcomer]:
    with psycopg.connect(system.env()["home_postgres"], autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
    found = Newcomer(system)
    create(found.home)
    yield found
    with psycopg.connect(system.env()["home_postgres"], autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(DATABASE)))


def onboard(newcomer: Newcomer, folder: Path) -> None:
    """As the tutorial says, with roles of its own: the DBA's script for the removal drops them."""
    contract, password = folder / "contract.toml", folder / "password"
    password.touch(mode=0o600)
    password.write_text(PASSWORD)
    contract.write_text(f"""
lane = "{LANE}"
tier = 3
[source]
host = "{LOOPBACK}"
port = {newcomer.system.layout.ports.home_postgres}
database = "{DATABASE}"
capture_user = "{ROLES[0]}"
capture_password_file = "secrets/{NAME}-capture"
pulse_user = "{ROLES[1]}"
pulse_password_file = "secrets/{NAME}-pulse"
""")
    files = ("--capture-password-file", str(password), "--pulse-password-file", str(password))
    newcomer.done("home", "add", NAME, "--contract", str(contract), *files)
    script = newcomer.done("home", "prepare", NAME, "--print-sql")
    with psycopg.connect(newcomer.home, autocommit=True) as dba:
        dba.execute(script.encode())
        for role in ROLES:
            dba.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(PASSWORD)))
    newcomer.done("home", "check", NAME)
    newcomer.done("embassy", "add", NAME, "--lane", LANE, "--tier", "3")
    newcomer.done("home", "snapshot", NAME)
    newcomer.wait_level()


def remove(newcomer: Newcomer) -> None:
    """Each site takes back its own, and the DBA the rest."""
    said = json.loads(newcomer.done("home", "remove", NAME, "--yes", "--json"))
    newcomer.done("embassy", "remove", NAME, "--yes", "--lane-too")
    with psycopg.connect(newcomer.home, autocommit=True) as dba:
        dba.execute(said["sql"].encode())
        left = dba.execute("SELECT rolname FROM pg_roles WHERE rolname = ANY (%s)", (list(ROLES),)).fetchall()
    assert left == []
    for site in ("home", "embassy"):
        assert NAME not in {one["name"] for one in json.loads(newcomer.done(site, "list", "--json"))}


Away = Callable[[Newcomer], AbstractContextManager[None]]


def wait_done(work: OddWorkload, each: int) -> None:
    """Wait until people have done this many more transactions."""
    goal = sum(work.done.values()) + each
    wait_for(lambda: sum(work.done.values()) >= goal, lambda: f"people did {work.done}", seconds=WAIT_SECONDS)


@contextmanager
def paused(newcomer: Newcomer) -> Iterator[None]:
    """The embassy applies nothing meanwhile."""
    newcomer.done("embassy", "pause", NAME, "--reason", "a long night")
    wait_for(lambda: newcomer.state() == "paused", lambda: f"not paused: {newcomer.status()}", seconds=WAIT_SECONDS)
    yield
    assert newcomer.state() == "paused"
    newcomer.done("embassy", "resume", NAME)


@contextmanager
def cut(newcomer: Newcomer) -> Iterator[None]:
    """Nothing of home reaches the embassy meanwhile."""
    newcomer.system.link.cut()
    try:
        yield
    finally:
        newcomer.system.link.mend()


def test_a_database_nobody_has_seen_is_onboarded_changed_left_behind_and_proven(newcomer: Newcomer, tmp_path: Path):
    harbour = Harbour(newcomer.home)
    with harbour.workload() as work:
        wait_done(work, 20)
        onboard(newcomer, tmp_path)
        newcomer.verify()
        harbour.release(releases("first"))
        wait_done(work, 20)
        newcomer.verify()
        with paused(newcomer):
            harbour.release(releases("later"))
            wait_done(work, 50)
        newcomer.wait_level()
        newcomer.verify()
    newcomer.assert_equal()
    remove(newcomer)
    assert {action.__name__ for action in harbour.actions} <= work.done.keys()


@pytest.mark.campaign
@pytest.mark.parametrize("away", [paused, cut])
def test_an_embassy_that_was_away_for_long_catches_up(newcomer: Newcomer, tmp_path: Path, away: Away, capsys):
    seconds = float(os.environ.get("EMBASSY_AWAY_SECONDS", "3600"))
    steps = releases("later")
    harbour = Harbour(newcomer.home)
    with harbour.workload() as work:
        onboard(newcomer, tmp_path)
        harbour.release(releases("first"))
        newcomer.verify()
        with away(newcomer):
            before = sum(work.done.values())
            harbour.release(steps, between=lambda: time.sleep(seconds / len(steps)))
            missed = sum(work.done.values()) - before
        level_seconds = newcomer.wait_level(seconds=WAIT_SECONDS + seconds)
        with capsys.disabled():
            sys.stdout.write(
                f"away for {seconds:.0f} s: {missed} transactions, {len(steps)} schema changes; "
                f"level after {level_seconds:.0f} s\n"
            )
        newcomer.verify()
    newcomer.assert_equal()
    remove(newcomer)
