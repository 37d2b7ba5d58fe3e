"""Which statements may give other values the second time: asked of a real catalog."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from consumers.apply.ddl.determinism import may_change
from consumers.apply.ddl.text import evaluated
from consumers.apply.ddl.tokens import split
from data_embassy.postgres import Connection
from tests.support.register_pair import connect
from tests.support.system import PlainPostgres

OBJECTS = (
    "CREATE FUNCTION pg_temp.plain(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1'",
    "CREATE FUNCTION pg_temp.format(int) RETURNS int LANGUAGE sql STABLE AS 'SELECT $1'",
    "CREATE FUNCTION pg_temp.dice() RETURNS int LANGUAGE sql VOLATILE AS 'SELECT 4'",
    "CREATE DOMAIN pg_temp.fixed AS int DEFAULT 4",
    "CREATE DOMAIN pg_temp.drawn AS int DEFAULT pg_temp.dice()",
    "CREATE FUNCTION pg_temp.near(int, int) RETURNS boolean LANGUAGE sql STABLE AS 'SELECT true'",
    "CREATE OPERATOR pg_temp.<~> (LEFTARG = int, RIGHTARG = int, FUNCTION = pg_temp.near)",
)


@pytest.fixture(scope="module")
def connection(postgres: PlainPostgres) -> Iterator[Connection]:
    with connect(postgres.dsn("postgres"), autocommit=True) as made:
        for statement in OBJECTS:
            made.execute(statement)
        yield made


def changes(connection: Connection, text: str) -> bool:
    (statement,) = split(text)
    return may_change(connection, evaluated(statement))


@pytest.mark.parametrize(
    ("text", "is_other"),
    [
        ("ALTER TABLE a ALTER b TYPE bigint", False),
        ("ALTER TABLE a ALTER b TYPE text USING upper(b)", False),
        ("ALTER TABLE a ALTER b TYPE text USING to_char(b, 'YYYY')", False),
        ("ALTER TABLE a ADD b uuid DEFAULT gen_random_uuid()", True),
        ("ALTER TABLE a ADD b timestamptz DEFAULT now()", True),
        ("ALTER TABLE a ADD b int DEFAULT plain(1)", False),
        ("ALTER TABLE a ALTER b TYPE int USING dice()", True),
        ("ALTER TABLE a ALTER b TYPE int USING (a).dice", True),
        ("ALTER TABLE a ALTER b TYPE int USING pg_temp.format(1)", True),
        ("ALTER TABLE a ADD b fixed", False),
        ("ALTER TABLE a ADD b drawn", True),
        ("ALTER TABLE a ALTER b TYPE boolean USING b <~> 1", True),
        ("ALTER TABLE a ALTER b TYPE boolean USING b < 1", False),
    ],
)
def test_a_statement_may_give_other_values(connection: Connection, text: str, is_other: bool) -> None:
    assert changes(connection, text) is is_other


def test_a_cast_that_somebody_made_may_give_other_values(connection: Connection) -> None:
    with connection.transaction(force_rollback=True):
        connection.execute("CREATE TYPE public.shade AS ENUM ('a')")
        connection.execute(
            "CREATE FUNCTION public.shade(int) RETURNS public.shade LANGUAGE sql STABLE AS $$SELECT 'a'::public.shade$$"
        )
        assert not changes(connection, "ALTER TABLE a ALTER b TYPE bigint")
        connection.execute("CREATE CAST (int AS public.shade) WITH FUNCTION public.shade(int)")
        assert changes(connection, "ALTER TABLE a ALTER b TYPE bigint")
