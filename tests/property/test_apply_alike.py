"""Tables whose rows can be told apart by whole images only: counts, constraints that bind later, differences."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import suppress

import psycopg
import pytest

from consumers.apply import Divergence
from tests.support.register_pair import RegisterPair, random_groups, register_pair
from tests.support.system import PlainPostgres

SETS = 0
TABLES = (
    "CREATE TABLE alike (a int, b text)",
    "ALTER TABLE alike REPLICA IDENTITY FULL",
    "CREATE TABLE later (a int, b int UNIQUE NULLS NOT DISTINCT DEFERRABLE INITIALLY DEFERRED, c text)",
    "ALTER TABLE later REPLICA IDENTITY FULL",
)


@pytest.fixture
def pair(postgres: PlainPostgres) -> Iterator[RegisterPair]:
    with register_pair(postgres.dsn, *TABLES) as made:
        made.run("INSERT INTO alike SELECT g % 3, NULLIF('v' || g % 2, 'v1') FROM generate_series(1, 30) g")
        made.run("INSERT INTO later SELECT g % 3, NULLIF(g, 7), 'v' FROM generate_series(1, 10) g")
        made.apply(row_path_count_max=SETS)
        yield made


def plant(pair: RegisterPair, *statements: str) -> None:
    for statement in statements:
        pair.standby.execute(statement)
    pair.standby.commit()


def statements(rng: random.Random) -> Iterator[str]:
    a, b = rng.randrange(4), rng.randrange(12)
    one = f"ctid IN (SELECT ctid FROM alike WHERE a = {a} LIMIT {rng.randrange(1, 4)})"
    yield f"INSERT INTO alike SELECT {a}, NULLIF('v{b % 3}', 'v1') FROM generate_series(0, {b % 3})"
    yield f"DELETE FROM alike WHERE {one}"
    yield f"UPDATE alike SET b = 'v{b % 3}' WHERE {one}"
    yield f"INSERT INTO later VALUES ({a}, NULLIF({b}, 7), repeat('{a}', 300))"
    yield f"UPDATE later SET b = {a} + {b} - b WHERE b IN ({a}, {b})"
    yield f"UPDATE later SET a = {a} WHERE b IS NULL OR b = {b}"
    yield f"DELETE FROM later WHERE b = {b}"


def test_any_history_in_any_groups_leaves_equal_rows(pair: RegisterPair) -> None:
    rng = random.Random(5)
    for _ in range(80):
        choice = list(statements(rng))
        with suppress(psycopg.Error), pair.register.transaction():
            for _ in range(rng.randrange(1, 4)):
                pair.register.execute(rng.choice(choice))
        pair.register.commit()
    pair.apply(row_path_count_max=SETS, cut=random_groups(rng))
    pair.assert_equal()


def test_a_row_that_is_missing_stops(pair: RegisterPair) -> None:
    plant(pair, "DELETE FROM public.alike WHERE a = 0")
    pair.run("DELETE FROM alike WHERE a = 0")
    with pytest.raises(Divergence, match="whole rows to delete: 0 of 10 found"):
        pair.apply(row_path_count_max=SETS)


def test_a_row_that_is_not_taken_stops(pair: RegisterPair) -> None:
    plant(
        pair,
        "CREATE FUNCTION public.no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "CREATE TRIGGER no BEFORE INSERT ON public.later FOR EACH ROW EXECUTE FUNCTION public.no()",
        "ALTER TABLE public.later ENABLE ALWAYS TRIGGER no",
    )
    pair.run("INSERT INTO later VALUES (1, 50, 'x')")
    with pytest.raises(Divergence, match="0 of 1 inserted"):
        pair.apply(row_path_count_max=SETS)


@pytest.mark.parametrize("value", ["77", "NULL"])
def test_a_constraint_that_binds_later_is_checked_with_its_group(pair: RegisterPair, value: str) -> None:
    pair.run("DELETE FROM later WHERE b IS NULL")
    pair.apply(row_path_count_max=SETS)
    plant(pair, "SET session_replication_role = replica", f"INSERT INTO public.later VALUES (1, {value}, 'planted')")
    pair.run(f"INSERT INTO later VALUES (2, {value}, 'x')")
    with pytest.raises(Divergence, match="later_b_key"):
        pair.apply(row_path_count_max=SETS)
