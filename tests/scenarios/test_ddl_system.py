"""A register is changed while people work in it; what cannot be replayed is decided at the embassy; all stays equal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg

from tests.support.scenario import POPULATION, Registers, wait_for

CHANGES = (
    "CREATE TYPE population.hue AS ENUM ('red')",
    "ALTER TABLE population.person ADD COLUMN seen_at timestamptz NOT NULL DEFAULT now(), ADD hue population.hue",
    "ALTER TYPE population.hue ADD VALUE 'blue' BEFORE 'red'",
    "UPDATE population.person SET hue = 'blue', seen_at = seen_at + interval '1 s' WHERE personal_code LIKE '%7'",
    "CREATE INDEX CONCURRENTLY person_hue ON population.person (hue)",
    "CREATE TABLE population.visit (person text NOT NULL, at date NOT NULL, note text) PARTITION BY RANGE (at)",
    "CREATE TABLE population.visit_1 PARTITION OF population.visit FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')",
    "INSERT INTO population.visit SELECT personal_code, '2026-05-05', 'x' FROM population.person LIMIT 200",
    ("ALTER TABLE population.visit ADD COLUMN paid numeric(9, 2) DEFAULT 1.10; "
    "UPDATE population.visit SET paid = paid * 2; ALTER TABLE population.visit DROP COLUMN note"),
    "CREATE TABLE population.copied AS SELECT personal_code::bigint AS id, seen_at FROM population.person",
    "ALTER TABLE population.copied ALTER COLUMN id TYPE text USING lpad(id::text, 12, '0')",
    "ALTER TABLE population.copied RENAME TO copied_too",
    "DELETE FROM population.copied_too WHERE id LIKE '%3'",
)  # fmt: skip
BACK = (
    "DROP TABLE population.copied_too, population.visit, population.odd_numbers",
    "ALTER TABLE population.person DROP COLUMN hue, DROP COLUMN seen_at",
    "DROP TYPE population.hue",
)


def test_a_register_is_changed_under_its_workload(registers: Registers, tmp_path: Path) -> None:
    with registers.writers(), psycopg.connect(registers.home_dsn(POPULATION), autocommit=True) as home:
        for change in CHANGES:
            home.execute(change.encode())
        registers.wait_arrived()
        home.execute("CREATE TABLE population.odd_numbers (n integer PRIMARY KEY)")
        home.execute(
            "DO $$ BEGIN ALTER TABLE population.odd_numbers ADD COLUMN twice integer; "
            "INSERT INTO population.odd_numbers SELECT n, 2 * n FROM generate_series(1, 99, 2) n; END $$"
        )
        wait_for(lambda: registers.stops() == {POPULATION: "DdlNotReplayed"}, lambda: f"stops: {registers.stops()}")
        waiting = _waiting(registers)
        assert waiting["tag"] == "ALTER TABLE"
        assert "odd_numbers" in waiting["statement"]
        instead = tmp_path / "instead.sql"
        instead.write_text("ALTER TABLE population.odd_numbers ADD COLUMN twice integer;")
        registers.command(
            "embassy", "register", "decide", POPULATION, "--ddl", str(waiting["ddl"]), "--run-file", str(instead)
        )
        wait_for(lambda: not registers.stops(), lambda: f"stops: {registers.stops()}")
        registers.wait_arrived()
        assert _waiting(registers) is None
    registers.assert_equal()
    with psycopg.connect(registers.home_dsn(POPULATION), autocommit=True) as home:
        for change in BACK:
            home.execute(change.encode())
    registers.wait_arrived()
    registers.assert_equal()


def _waiting(registers: Registers) -> Any:
    return json.loads(registers.command("embassy", "register", "decide", POPULATION, "--json"))["waiting"]
