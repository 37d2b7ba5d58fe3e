"""Verification on the whole system: no false alarm under load; an edited row is found by its key, and repaired."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from data_embassy.config import load_site
from data_embassy.keys import load_embassy_keys, load_home_keys
from data_embassy.verifications import is_signed, reports
from tests.support.asking import ask, at_home, verify_again_and_again
from tests.support.reporting import report
from tests.support.scenario import POPULATION, Registers, wait_for

TABLE = "population.municipality"
EDIT = (
    "UPDATE population.municipality SET area_km2 = area_km2 + 0.01"
    " WHERE code = (SELECT max(code) FROM population.municipality) RETURNING code"
)


@contextmanager
def standby(registers: Registers, name: str) -> Iterator[psycopg.Connection]:
    """Somebody with too many rights at the embassy."""
    with psycopg.connect(registers.standby_dsn(name), autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET default_transaction_read_only = off")
        yield connection


def test_under_load_registers_are_found_equal_again_and_again(registers: Registers):
    with registers.writers() as writers:
        for name in (*registers.names, POPULATION):
            writers.wait_done(10)
            code, found = ask(registers, "register", "verify", name)
            assert (code, found["equal"]) == (0, True), found
            assert found["pause_ms"] < 10_000
            assert sum(table["rows"] for table in found["tables"]) > 0


def test_an_edited_row_is_found_by_its_key_and_repaired_under_load(registers: Registers):
    with standby(registers, POPULATION) as connection:
        row = connection.execute(EDIT).fetchone()
    assert row is not None
    with registers.writers():
        code, found = ask(registers, "register", "verify", POPULATION)
        assert code == 1
        (differing,) = [table for table in found["tables"] if not table["equal"]]
        (where,) = differing["ranges"]
        assert (differing["table"], where["from"], where["rows"], where["standby_rows"]) == (TABLE, [str(row[0])], 1, 1)
        code, planned = ask(registers, "register", "repair", POPULATION)
        assert (code, planned["plan"]["tables"][0]["rows"]) == (1, 1)
        code, repaired = ask(registers, "register", "repair", POPULATION, "--yes")
        assert (code, repaired["verification"]["equal"]) == (0, True), repaired
    registers.assert_equal()
    home, embassy = (load_site(registers.system.layout.site(site)) for site in ("home", "embassy"))
    signers = (home, load_home_keys(home.keys).signer), (embassy, load_embassy_keys(embassy.keys).receipt_signer)
    for site, signer in signers:
        kept = [document for _, document in reports(site.state, POPULATION)]
        assert all(is_signed(document, signer) for document in kept)
        assert repaired["verification"] in [document["report"] for document in kept]
    wait_for(lambda: told(registers) == ["NOT EQUAL", "repair", "equal"], lambda: f"{told(registers)}", seconds=30)


def told(registers: Registers) -> list[str]:
    """What the embassy's history says last of verifications and repairs."""
    _, found = report(registers, dt.datetime.now(dt.UTC) - dt.timedelta(hours=1))
    events = sorted([*found["verifications"], *found["events"]], key=lambda one: str(one["at"]))
    words = ["repair" if one["kind"] == "repair" else one["text"].split(" at ")[0] for one in events]
    return [word for word in words if word in ("equal", "NOT EQUAL", "repair")][-3:]


def test_a_register_that_is_paused_at_the_embassy_is_not_called_unequal(registers: Registers):
    registers.command("embassy", "register", "pause", POPULATION)
    try:
        done = at_home(registers, "register", "verify", POPULATION, "--timeout", "6")
    finally:
        registers.command("embassy", "register", "resume", POPULATION)
    assert done.returncode == 3
    assert "paused" in done.stderr
    registers.wait_level(POPULATION)


@pytest.mark.campaign
def test_a_hundred_verifications_under_load_find_no_difference(registers: Registers):
    number = int(os.environ.get("EMBASSY_VERIFICATIONS", "100"))
    assert len(verify_again_and_again(registers, number)) == number
