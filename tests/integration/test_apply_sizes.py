"""Single values of tens of megabytes and very wide rows pass by both paths."""

import pytest

from tests.support.register_pair import register_pair
from tests.support.system import PlainPostgres

BOTH_PATHS = pytest.mark.parametrize("limit", [0, 10**9])
WIDTH = 400


@BOTH_PATHS
def test_value_of_thirty_megabytes(postgres: PlainPostgres, limit: int) -> None:
    with register_pair(postgres.dsn, "CREATE TABLE t (id int PRIMARY KEY, scan bytea, v int)") as pair:
        pair.run("INSERT INTO t VALUES (1, decode(repeat('c0ffee', 10000000), 'hex'), 0), (2, '', 0)")
        pair.run("UPDATE t SET v = 1", "UPDATE t SET id = 3 WHERE id = 1")
        pair.apply(row_path_count_max=limit)
        query = "SELECT id, md5(scan), length(scan), v FROM public.t ORDER BY id"
        assert pair.register.execute(query).fetchall() == pair.standby.execute(query).fetchall()


@BOTH_PATHS
def test_row_of_hundreds_of_columns(postgres: PlainPostgres, limit: int) -> None:
    columns = ", ".join(f"v{i} text" for i in range(WIDTH))
    with register_pair(postgres.dsn, f"CREATE TABLE t (id int PRIMARY KEY, {columns})") as pair:
        pair.run(
            "INSERT INTO t (id, v7) SELECT g, 'x' FROM generate_series(1, 30) g", f"UPDATE t SET v{WIDTH - 1} = id"
        )
        pair.run("UPDATE t SET v0 = 'y', v200 = '' WHERE id > 3", "DELETE FROM t WHERE id = 9")
        pair.apply(row_path_count_max=limit)
        pair.assert_equal()
