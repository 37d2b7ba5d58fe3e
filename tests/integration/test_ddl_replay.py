"""Every schema change of the coverage list, through the register's own notes, decoding, planner and replay."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from consumers.apply.ddl.decisions import Decision
from tests.support.ddl_cases import CASES, SCHEMA, STOPS, Case
from tests.support.ddl_pair import DdlPair, ddl_pair
from tests.support.system import PlainPostgres


@pytest.fixture(scope="module")
def pair(postgres: PlainPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DdlPair]:
    with ddl_pair(postgres, tmp_path_factory.mktemp("ddl"), schema=SCHEMA) as pair:
        yield pair


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_schema_change(pair: DdlPair, case: Case) -> None:
    try:
        pair.run(*case.setup)
        assert pair.follow() is None
        pair.run(*case.run)
        stop = pair.follow()
        if case.outcome == STOPS:
            assert stop is not None
            assert case.reason in stop.reason
        else:
            assert stop is None, stop
        if stop is not None:
            pair.decisions[stop.id] = Decision(sql=case.instead)
            assert pair.follow() is None
        found = pair.new_differences()
        assert not (case.is_equal and found)
    finally:
        # The next case begins at a standby that follows, whatever became of this one.
        pair.run("ROLLBACK", "RESET ALL")
        while (stop := pair.follow()) is not None:
            pair.decisions[stop.id] = Decision(sql=None)


def test_rows_that_stay_at_home_from_now_on_leave_the_standby(pair: DdlPair) -> None:
    pair.run(
        "CREATE TABLE held (id integer PRIMARY KEY, refers integer REFERENCES held); INSERT INTO held VALUES (1, 1)"
    )
    assert pair.follow() is None
    assert pair.query("SELECT id FROM public.held") == [(1,)]
    pair.run(
        "BEGIN; INSERT INTO held VALUES (2, 1); ALTER TABLE held SET UNLOGGED; INSERT INTO held VALUES (3, 2); COMMIT"
    )
    assert pair.follow() is None
    assert pair.query("SELECT id FROM public.held") == []
    assert pair.new_differences() == []


def test_an_enum_that_is_there_already_stops_and_leaves_nothing_behind(pair: DdlPair) -> None:
    pair.standby.execute("CREATE TYPE public.taken AS ENUM ('x')")
    pair.standby.commit()
    pair.run("BEGIN; INSERT INTO base (id) VALUES (900); CREATE TYPE taken AS ENUM ('a'); COMMIT")
    stop = pair.follow()
    assert stop is not None
    assert "refused" in stop.reason
    assert pair.query("SELECT FROM public.base WHERE id = 900") == []
    pair.decisions[stop.id] = Decision(sql="ALTER TYPE public.taken RENAME VALUE 'x' TO 'a'")
    assert pair.follow() is None
    assert pair.new_differences() == []
