"""Two databases read as a verification reads them: every planted difference is found and named, nothing else is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from consumers.sequences import Sequences
from consumers.verify.mend import mend
from operations.verify.bisect import Bisection
from operations.verify.compare import Compared, compare_definitions, compare_sequences, compare_tables
from operations.verify.model import DifferingRange
from operations.verify.repair import plan_of, send_again
from schemas.content import Moved, live_sequences
from schemas.digest import Algorithm
from schemas.ranges import EVERYTHING, Cut, condition
from tests.support.prepared_register import PreparedRegister, prepared_register
from tests.support.system import PlainPostgres
from tests.support.verify_pair import SCHEMA, Pair, copied


@dataclass
class Found:
    """What the comparison of a pair says."""

    tables: dict[str, Compared]
    ranges: dict[str, tuple[DifferingRange, ...]]
    definitions: list[str]

    @property
    def differing(self) -> list[str]:
        return sorted(name for name, one in self.tables.items() if one.reason is not None)


def compare(pair: Pair, algorithm: Algorithm = Algorithm.HASH) -> Found:
    with pair.contents() as (home, standby):
        mine, theirs = ({name: one.digest(name, algorithm) for name in one.tables} for one in (home, standby))
        compared, moved = compare_tables(mine, theirs)
        assert moved == []
        keyed = [one for one in compared if one.reason and one.standby_rows is not None and home.tables[one.name].key]
        search = Bisection((one.name, one.rows, one.standby_rows) for one in keyed)
        while ready := search.next_round():
            for one in ready:
                bounds = home.bounds(one.name, one.within, one.rows)
                if not bounds:
                    search.settle(one)
                    continue
                parts = (side.parts(one.name, one.within, bounds, algorithm) for side in (home, standby))
                search.learn(Cut(one, bounds), next(parts), next(parts))
        return Found(
            tables={".".join(one.name): one for one in compared},
            ranges={".".join(one.name): search.found(one.name) for one in keyed},
            definitions=compare_definitions(home.catalog(), standby.catalog()),
        )


@pytest.fixture(scope="module")
def home(postgres: PlainPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PreparedRegister]:
    with prepared_register(postgres, tmp_path_factory.mktemp("home"), schema=SCHEMA) as one:
        yield one


@pytest.fixture
def pair(home: PreparedRegister, tmp_path: Path) -> Iterator[Pair]:
    with copied(home, tmp_path) as one:
        yield one


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_a_copy_is_equal_by_either_algorithm(pair, algorithm):
    found = compare(pair, algorithm)
    assert found.differing == found.definitions == []
    assert {"public.plain", "public.counted", "public.parted_1", "data_embassy.pulse"} <= found.tables.keys()
    assert "public.scratch" not in found.tables
    with pair.contents() as sides:
        assert [side.left_out() for side in sides] == [[("public", "scratch")]] * 2
    assert found.tables["public.plain"].rows == 5000


def test_a_single_bit_a_missing_and_an_extra_row_are_found_by_their_keys(pair):
    pair.plant("UPDATE plain SET data = set_bit(data, 5, 1 - get_bit(data, 5)) WHERE id = 1717")
    pair.plant("DELETE FROM plain WHERE id = 3000")
    pair.plant("INSERT INTO plain (id) VALUES (9000)")
    found = compare(pair, Algorithm.SHA256)
    assert found.differing == ["public.plain"]
    assert [(one.within.start, one.within.end, one.rows, one.standby_rows) for one in found.ranges["public.plain"]] == [
        (("1717",), ("1718",), 1, 1),
        (("3000",), ("3001",), 1, 0),
        (("5000",), None, 1, 2),
    ]


def test_composite_keys_with_odd_names_and_values_are_cut_too(pair):
    table = 'public."x"'.replace("public", '"Odd ✎"').replace('"x"', '"two \\ keys\'"')
    pair.plant(f"UPDATE {table} SET flag = NOT flag WHERE number = 77")
    found = compare(pair)
    (where,) = found.ranges["Odd ✎.two \\ keys'"]
    assert where.within.start == (f"a\\'{77 % 7}", "77.00")
    assert where.rows == 1


def test_neighbouring_ranges_hold_every_row_once(home, pair):
    with pair.contents() as (content, _):
        table, bounds = content.tables["public", "plain"], content.bounds(("public", "plain"), EVERYTHING, 5000)
    assert len(bounds) > 1
    ids: list[tuple[int]] = []
    for within in EVERYTHING.cut(bounds):
        ids += home.query(f"SELECT id FROM plain AS t WHERE {condition(table.key, within)} ORDER BY id")
    assert ids == home.query("SELECT id FROM plain ORDER BY id")


def test_tables_without_key_and_views_are_compared_as_wholes(pair):
    pair.plant("INSERT INTO keyless SELECT * FROM keyless LIMIT 1; REFRESH MATERIALIZED VIEW counted")
    pair.plant("UPDATE parted SET id = 7 WHERE id = 2")
    found = compare(pair)
    assert found.differing == ["public.counted", "public.keyless", "public.parted_1"]
    assert found.tables["public.keyless"].reason == "100 rows here, 101 in the standby"
    assert list(found.ranges) == ["public.parted_1"]


def test_changed_column_order_missing_index_and_type_are_named(pair):
    pair.plant("DROP INDEX plain_note; ALTER TABLE keyless ADD COLUMN c integer")
    pair.plant("CREATE TABLE swapped (LIKE plain INCLUDING ALL); DROP TABLE swapped")
    pair.plant("ALTER TABLE plain DROP COLUMN note; ALTER TABLE plain ADD COLUMN note text")
    lines = compare(pair).definitions
    assert any("index public.plain_note is missing" in line for line in lines)
    assert any("public.keyless column c exists only in the standby" in line for line in lines)
    assert any("public.plain column note differs: 2 text" in line for line in lines)


def test_a_truncate_or_a_schema_change_meanwhile_is_no_difference_but_asks_for_another_point(pair):
    with pair.contents() as (_, standby):
        pair.plant("TRUNCATE plain")
        with pytest.raises(Moved):
            standby.digest(("public", "plain"), Algorithm.HASH)
        pair.plant("ALTER TABLE keyless RENAME COLUMN a TO z")
        pair.plant(  # As the replay of the change leaves it.
            "INSERT INTO data_embassy.ddl (transaction, at, event, tag, details)"
            " VALUES (pg_current_xact_id(), now(), 'ddl_command_end', 'ALTER TABLE', '{}')"
        )
        with pytest.raises(Moved):
            standby.digest(("public", "keyless"), Algorithm.HASH)
        with pytest.raises(Moved):
            standby.catalog()
        assert standby.digest(("public", "parted_1"), Algorithm.HASH).rows == 2


def test_a_read_table_is_not_kept_locked_and_a_held_one_is(pair):
    with pair.contents() as (_, standby):
        standby.digest(("public", "plain"), Algorithm.HASH)
        pair.plant("SET lock_timeout = '2s'; TRUNCATE plain")
        standby.hold([("public", "keyless")])
        with pytest.raises(psycopg.errors.LockNotAvailable):
            pair.plant("SET lock_timeout = '300ms'; TRUNCATE keyless")


def test_a_sequence_behind_the_pulse_is_named_and_the_next_pulse_sets_it(pair):
    states = '[{"schema": "public", "name": "numbers", "last_value": 41, "is_called": true}]'
    pair.plant(f"UPDATE data_embassy.pulse SET sequences = '{states}'")
    with pair.connect(pair.database) as connection, pair.contents() as (_, standby):
        found = compare_sequences(standby.pulse_sequences(), live_sequences(connection))
        assert list(found.values()) == [
            "sequence public.numbers is at 1 (not called) in the standby, at 41 by the pulse"
        ]
        Sequences(connection).follow([{"sequences": states}, {"sequences": "\0"}])
        assert compare_sequences(standby.pulse_sequences(), live_sequences(connection)) == {}


def test_a_repair_sends_exactly_the_ranges_that_differ(pair):
    pair.plant("UPDATE plain SET note = 'edited' WHERE id IN (10, 11, 4000); DELETE FROM plain WHERE id = 1")
    pair.plant("INSERT INTO keyless VALUES (99, '{}')")
    pair.plant('UPDATE "Odd ✎"."two \\ keys\'" SET flag = NULL WHERE number = 3')
    found = compare(pair)
    tables = [
        {"table": name, "relation": list(found.tables[name].name), "equal": False, "rows": found.tables[name].rows,
         "reason": found.tables[name].reason, "ranges": [one.as_json() for one in found.ranges.get(name, ())]}
        for name in found.differing
    ]  # fmt: skip
    verification = "00000000-0000-4000-8000-000000000001"
    report = {"register": "r", "equal": False, "position": "0/1", "verification": verification, "tables": tables,
              "definitions": [], "sequences": []}  # fmt: skip
    chosen = plan_of(report)
    assert chosen is not None
    assert {one.label: one.rows for one in chosen.tables} == {
        "public.plain": 4, "public.keyless": 100, "Odd ✎.two \\ keys'": 1,
    }  # fmt: skip
    assert send_again(pair.home.register, chosen, tell=lambda _: None) == []
    with pair.connect(pair.home.register.name) as home, pair.connect(pair.database) as connection:
        cursor = home.cursor(row_factory=psycopg.rows.dict_row)
        rows = cursor.execute("SELECT * FROM data_embassy.repair ORDER BY id").fetchall()
        home.execute("DELETE FROM data_embassy.repair")
        home.execute("SELECT setval('data_embassy.repair_id_seq', 1, false)")
        mend(connection, [{name: None if v is None else str(v) for name, v in row.items()} for row in rows])
    assert compare(pair).differing == []
    assert [one.label for one in chosen.tables if one.ranges == (EVERYTHING,)] == ["public.keyless"]
