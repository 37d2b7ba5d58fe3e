"""Verification on the whole system: no false alarm under load; an edited row is found and repaired."""

from __future__ import annotations

import json

import psycopg

from tests.support.scenario import POPULATION, Registers


def _verify(registers: Registers, name: str) -> dict:
    return json.loads(registers.command("home", "register", "verify", name, "--json"))


def test_under_load_a_register_is_found_equal_again_and_again(registers: Registers):
    with registers.writers() as writers:
        for name in (*registers.names, POPULATION):
            writers.wait_done(10)
            found = _verify(registers, name)
            assert found["equal"], found
            assert found["pause_ms"] < 10_000
            assert len(found["tables"]) > 5
            assert sum(table["rows"] for table in found["tables"]) > 0
