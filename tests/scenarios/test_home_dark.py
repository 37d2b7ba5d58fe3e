"""Home is gone with everything it had, the standbys are dropped: the embassy's own log and keys bring them back."""

from __future__ import annotations

import json

import psycopg
import pytest
from psycopg import sql

from deploy.local.compare import contents
from deploy.local.processes import HOME
from tests.support.scenario import ODD, POPULATION, Registers, wait_for


@pytest.mark.last
def test_with_home_gone_the_embassy_rebuilds_its_standbys_and_an_earlier_state(registers: Registers):
    system = registers.system
    earlier = work_and_look(registers)
    now = work_and_look(registers)
    for name in registers.names:
        assert now[name][1] != earlier[name][1], name

    system.destroy_site("home")
    assert not system.layout.site("home").exists()
    assert not any(line.state == "running" for line in system.status() if line.name in HOME)

    # One with the receiver running, which takes the rebuilt one over; one without, as on a bare machine.
    drop(registers, POPULATION)
    replay(registers, POPULATION)
    system.stop("receive")
    drop(registers, ODD)
    replay(registers, ODD)
    system.start("receive")
    for name in registers.names:
        assert contents(registers.standby_dsn(name)) == now[name][1], name
    # Whole, applied to the end, and without anything new: the status says so, and no other cause.
    silent = {("waiting", "PulseSilent")}
    wait_for(lambda: said(registers) == silent, lambda: str(registers.status()))

    for name, (position, content) in earlier.items():
        restored = json.loads(registers.command("embassy", "register", "replay", name, "--until", position, "--json"))
        assert restored["commit_lsn"] == position
        assert not restored["is_live"]
        database = system.env()["embassy_postgres"].rpartition("/")[0] + f"/{restored['database']}"
        assert contents(database) == content, name
        assert contents(registers.standby_dsn(name)) == now[name][1], name


def said(registers: Registers) -> set[tuple[str, str | None]]:
    return {(one.state, one.cause) for one in registers.status().values()}


def work_and_look(registers: Registers) -> dict[str, tuple[str, dict[str, str]]]:
    """After some work: position and content of each standby at rest, proven equal to its register."""
    with registers.writers() as writers:
        writers.wait_done(40)
    registers.assert_equal()
    return {name: position_and_content(registers, name) for name in registers.names}


def position_and_content(registers: Registers, name: str) -> tuple[str, dict[str, str]]:
    """At rest only the clock moves, which no content holds: any position of now means this content."""
    content = contents(registers.standby_dsn(name))
    with psycopg.connect(registers.standby_dsn(name)) as standby:
        row = standby.execute("SELECT last_end::text FROM embassy_local.position").fetchone()
    assert row is not None
    return row[0], content


def drop(registers: Registers, name: str) -> None:
    with psycopg.connect(registers.system.env()["embassy_postgres"], autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def replay(registers: Registers, name: str) -> None:
    done = json.loads(registers.command("embassy", "register", "replay", name, "--json"))
    assert done["is_live"]
    assert done["database"] == name
