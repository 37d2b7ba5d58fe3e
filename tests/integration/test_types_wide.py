"""Tables as wide as PostgreSQL allows, too wide for a staging table beside them."""

from __future__ import annotations

import pytest

from tests.support.register_pair import register_pair
from tests.support.system import PlainPostgres

WIDTH = 1600


@pytest.mark.parametrize("key", ["PRIMARY KEY", ""])
def test_row_of_as_many_columns_as_there_can_be(postgres: PlainPostgres, key: str) -> None:
    columns = ", ".join(f"v{i} smallint" for i in range(WIDTH - 1))
    tables = [f"CREATE TABLE t (id integer {key}, {columns})", "ALTER TABLE t REPLICA IDENTITY FULL"]
    with register_pair(postgres.dsn, *tables[: 1 if key else 2]) as pair:
        pair.run("INSERT INTO t (id, v7) SELECT g, 8 FROM generate_series(1, 5) g")
        pair.apply(row_path_count_max=0)
        pair.run(f"UPDATE t SET v{WIDTH - 2} = id", "UPDATE t SET id = id + 100 WHERE id < 3")
        pair.run("UPDATE t SET v0 = 1, v200 = 3 WHERE id = 4", "DELETE FROM t WHERE id = 5")
        pair.apply(row_path_count_max=0)
        pair.assert_equal()
