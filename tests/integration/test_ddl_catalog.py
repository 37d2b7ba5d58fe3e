"""The catalog's fingerprint: the same after a dump, another after any change that a schema change would make."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from connectors.prepare import template
from consumers.apply.ddl.fingerprint import CatalogWatch
from consumers.refusals import CatalogDiffers
from data_embassy.postgres import Connection
from deploy.local.postgres import bin_folder
from schemas.shared import CATALOG_FINGERPRINT, DDL_DEFINITION
from tests.support.prepared_register import PreparedRegister, prepared_register
from tests.support.register_pair import connect
from tests.support.system import PlainPostgres

ODD = (Path(__file__).parents[1] / "support" / "odd_schema.sql").read_text(encoding="utf-8")
MORE = """
CREATE TABLE public.dropped (a integer, b integer PRIMARY KEY, c text NOT NULL);
ALTER TABLE public.dropped DROP COLUMN a, ADD COLUMN a2 text DEFAULT now()::text;
CREATE INDEX ON public.dropped (c DESC) INCLUDE (a2) WHERE b > 0;
CREATE TABLE public.parent (x integer);
CREATE TABLE public.child (y integer) INHERITS (public.parent);
ALTER TABLE public.parent ADD COLUMN z text;
CREATE TYPE public.hue AS ENUM ('red', 'green');
ALTER TYPE public.hue ADD VALUE 'blue' BEFORE 'green';
"""


@pytest.fixture(scope="module")
def register(postgres: PlainPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PreparedRegister]:
    with prepared_register(postgres, tmp_path_factory.mktemp("catalog"), schema=ODD) as one:
        one.run(MORE)
        yield one


@pytest.fixture
def standby(register: PreparedRegister) -> Iterator[Connection]:
    """The schema as a dump restores it."""
    server, name = register.server, f"{register.register.name}_copy"
    with psycopg.connect(server.dsn(), autocommit=True) as control:
        control.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        try:
            dump = subprocess.run(
                [str(bin_folder() / "pg_dump"), "-s", "--no-publications", server.dsn(register.register.name)],
                capture_output=True, check=True,
            ).stdout  # fmt: skip
            restore = [str(bin_folder() / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", server.dsn(name)]
            subprocess.run(restore, input=dump, capture_output=True, check=True)
            with connect(server.dsn(name), autocommit=True) as connection:
                connection.execute("DROP EVENT TRIGGER data_embassy_ddl_command_end")
                connection.execute("DROP EVENT TRIGGER data_embassy_sql_drop")
                connection.execute("DROP EVENT TRIGGER data_embassy_table_rewrite")
                yield connection
        finally:
            control.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def told(register: PreparedRegister) -> str:
    ((text,),) = register.query("SELECT data_embassy.catalog_fingerprint()")
    return str(text)


def test_a_dump_has_the_same_fingerprint_and_each_change_another(
    register: PreparedRegister, standby: Connection
) -> None:
    home = told(register)
    watch = CatalogWatch(standby)
    watch.follow([{"catalog": "at first it may be late"}, {"catalog": home}, {"catalog": ""}, {"catalog": home}])
    for change in (
        "ALTER TABLE public.dropped ALTER c DROP NOT NULL",
        "ALTER TABLE public.dropped RENAME a2 TO a3",
        "ALTER TABLE public.dropped ALTER a2 DROP DEFAULT",
        "DROP INDEX public.dropped_c_a2_idx",
        "ALTER TYPE public.hue RENAME VALUE 'blue' TO 'cyan'",
        "CREATE TABLE public.surplus (a integer)",
        "ALTER TABLE public.dropped REPLICA IDENTITY FULL",
    ):
        with standby.transaction(force_rollback=True):
            standby.execute(change.encode())
            watch.forget()
            watch.follow([{"catalog": home}])
            with pytest.raises(CatalogDiffers):
                watch.follow([{"catalog": home}])


def test_no_fingerprint_while_an_index_is_made_concurrently(register: PreparedRegister) -> None:
    with register.connect() as connection, register.connect() as other:
        connection.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'dropped_c_a2_idx'::regclass")
        other.execute("BEGIN")
        other.execute("LOCK TABLE public.dropped IN SHARE UPDATE EXCLUSIVE MODE")
        connection.execute("SELECT data_embassy.beat()")
        row = connection.execute("SELECT catalog FROM data_embassy.pulse").fetchone()
        other.execute("ROLLBACK")
        connection.execute("UPDATE pg_index SET indisvalid = true WHERE indexrelid = 'dropped_c_a2_idx'::regclass")
        connection.execute("SELECT data_embassy.beat()")
        assert row == ("",)
    assert told(register).count(":") == 2


def test_both_sites_ask_the_same() -> None:
    prepared = template()
    assert CATALOG_FINGERPRINT in prepared
    assert DDL_DEFINITION in prepared
