"""A standby that is not what the stream says stops the apply; nothing is committed, no value is told."""

from collections.abc import Iterator

import pytest

from consumers.apply import Divergence, Refused, ShapeMismatch, TableMissing, UnidentifiedRow
from data_embassy.errors import DataEmbassyError
from tests.support.register_pair import RegisterPair, register_pair, rows_as_text
from tests.support.system import PlainPostgres

SETS, ROWS = 0, 10**9
SECRET = "planted-secret"
TABLES = (
    "CREATE TABLE t (id int PRIMARY KEY, v text, code text UNIQUE)",
    "CREATE TABLE d (id int PRIMARY KEY, place int UNIQUE DEFERRABLE)",
    "CREATE TABLE n (v text)",
    "ALTER TABLE n REPLICA IDENTITY FULL",
)


@pytest.fixture
def pair(postgres: PlainPostgres) -> Iterator[RegisterPair]:
    with register_pair(postgres.dsn, *TABLES) as made:
        made.run(f"INSERT INTO t SELECT g, '{SECRET}' || g, '{SECRET}' || g FROM generate_series(1, 50) g")
        made.run("INSERT INTO d SELECT g, g FROM generate_series(1, 50) g")
        made.run(f"INSERT INTO n SELECT '{SECRET}' || g % 5 FROM generate_series(1, 50) g")
        made.apply(row_path_count_max=SETS)
        yield made


CASES = {
    "row_to_update_is_missing": ("DELETE FROM t WHERE id = 7", "UPDATE t SET v = 'x'"),
    "row_to_delete_is_missing": ("DELETE FROM t WHERE id = 7", "DELETE FROM t"),
    "row_to_insert_is_there": (f"INSERT INTO t VALUES (99, '{SECRET}')", f"INSERT INTO t VALUES (99, '{SECRET}')"),
    "unique_value_is_there": (
        f"INSERT INTO t VALUES (99, 'x', '{SECRET}')",
        f"INSERT INTO t VALUES (100, 'y', '{SECRET}')",
    ),
    "row_to_replace_is_missing": ("DELETE FROM t WHERE id = 7", f"UPDATE t SET code = '{SECRET}' WHERE id = 7"),
    "row_that_changes_key_is_missing": ("DELETE FROM t WHERE id = 7", "UPDATE t SET id = 700 WHERE id = 7"),
    "alike_row_to_delete_is_missing": (
        f"DELETE FROM n WHERE ctid = (SELECT ctid FROM n WHERE v = '{SECRET}1' LIMIT 1)",
        f"DELETE FROM n WHERE v = '{SECRET}1'",
    ),
    "alike_row_to_update_is_missing": ("DELETE FROM n", f"UPDATE n SET v = 'x' WHERE v = '{SECRET}1'"),
}


@pytest.mark.parametrize("limit", [SETS, ROWS])
@pytest.mark.parametrize("name", CASES)
def test_difference_stops(pair: RegisterPair, name: str, limit: int) -> None:
    planted, change = CASES[name]
    pair.standby.execute(f"SET search_path = public; {planted}; SET search_path = pg_catalog")
    pair.standby.commit()
    before = {table: rows_as_text(pair.standby, "public", table) for table in "tdn"}
    pair.run("INSERT INTO d VALUES (1000, 1000)", change)
    error = _refusal(pair, limit)
    assert isinstance(error, Divergence)
    assert {table: rows_as_text(pair.standby, "public", table) for table in "tdn"} == before


def _refusal(pair: RegisterPair, limit: int) -> DataEmbassyError:
    with pytest.raises(DataEmbassyError) as caught:
        pair.apply(row_path_count_max=limit)
    error = caught.value
    assert SECRET not in error.diagnostics()
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None
    return error


def test_deferrable_unique_is_checked_with_its_group(pair: RegisterPair) -> None:
    pair.standby.execute("SET session_replication_role = replica")
    pair.standby.execute("INSERT INTO public.d VALUES (1000, 77)")
    pair.standby.commit()
    pair.run("INSERT INTO d VALUES (77, 77)")
    assert "d_place_key" in str(_refusal(pair, ROWS))


def test_deferrable_unique_is_checked_after_the_last_piece(pair: RegisterPair) -> None:
    pair.standby.execute("SET session_replication_role = replica")
    pair.standby.execute("INSERT INTO public.d VALUES (1000, 77)")
    pair.standby.commit()
    pair.run("INSERT INTO d VALUES (77, 77)", "INSERT INTO n VALUES ('x'), ('y'), ('z')")
    with pair.applying(row_path_count_max=SETS) as standby, pytest.raises(Divergence, match="d_place_key"):
        standby.apply(pair.transactions(), piece_size=2)


def test_group_is_taken_after_the_difference_is_mended(pair: RegisterPair) -> None:
    pair.standby.execute("DELETE FROM public.t WHERE id = 7")
    pair.standby.commit()
    pair.run("UPDATE t SET v = 'new'", "DELETE FROM n", "DELETE FROM t WHERE id > 45")
    group = pair.transactions()
    with pair.applying(row_path_count_max=SETS) as standby:
        with pytest.raises(Divergence):
            standby.apply(group)
        pair.standby.execute("INSERT INTO public.t SELECT 7, 'v', code FROM (VALUES ('planted-secret7')) AS x(code)")
        pair.standby.commit()
        standby.apply(group)
    pair.assert_equal()


def test_missing_table_stops(pair: RegisterPair) -> None:
    pair.standby.execute("DROP TABLE public.n")
    pair.standby.commit()
    pair.run("INSERT INTO n VALUES ('x')")
    assert isinstance(_refusal(pair, SETS), TableMissing)


@pytest.mark.parametrize("limit", [SETS, ROWS])
@pytest.mark.parametrize("ddl", ["ADD COLUMN more int", "DROP COLUMN v", "RENAME COLUMN v TO w"])
def test_other_columns_stop(pair: RegisterPair, ddl: str, limit: int) -> None:
    pair.standby.execute(f"ALTER TABLE public.t {ddl}")
    pair.standby.commit()
    pair.run("INSERT INTO t VALUES (99, 'x', 'y')")
    assert isinstance(_refusal(pair, limit), ShapeMismatch)


@pytest.mark.parametrize("limit", [SETS, ROWS])
def test_lost_identity_stops(pair: RegisterPair, limit: int) -> None:
    pair.standby.execute("ALTER TABLE public.t REPLICA IDENTITY NOTHING")
    pair.standby.commit()
    pair.run("UPDATE t SET v = 'x' WHERE id = 7")
    assert isinstance(_refusal(pair, limit), UnidentifiedRow)


@pytest.mark.parametrize("limit", [SETS, ROWS])
def test_narrower_type_stops(pair: RegisterPair, limit: int) -> None:
    pair.standby.execute("ALTER TABLE public.t ALTER v TYPE varchar(20)")
    pair.standby.commit()
    pair.run(f"UPDATE t SET v = repeat('{SECRET}', 3) WHERE id = 7")
    error = _refusal(pair, limit)
    assert isinstance(error, Refused)
    assert error.sqlstate == "22001"


@pytest.mark.parametrize("limit", [SETS, ROWS])
def test_schema_change_is_seen_after_forget(pair: RegisterPair, limit: int) -> None:
    with pair.applying(row_path_count_max=limit) as standby:
        pair.run("UPDATE t SET v = 'x'", "DELETE FROM n WHERE v LIKE '%1'", "INSERT INTO t VALUES (70, 'x')")
        standby.apply(pair.transactions())
        pair.standby.execute("ALTER TABLE public.t ALTER id TYPE bigint")
        pair.standby.commit()
        pair.alter("public", "t", "ALTER id TYPE bigint")
        standby.applier.forget()
        pair.run("INSERT INTO t VALUES (5000000000, 'x')", "UPDATE t SET v = 'y'", "DELETE FROM t WHERE id = 3")
        standby.apply(pair.transactions())
    pair.assert_equal()
