"""Every type of a server is either in the matrix or among the limits, and each limit is there for a reason."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from data_embassy.postgres import PINNED_SETTINGS
from schemas.types import TYPE_LIMITS, Verdict, limited_columns_sql
from tests.support import type_matrix
from tests.support.type_values import Kind

Database = psycopg.Connection[tuple[Any, ...]]
ALL_TYPES = """
SELECT t.oid, t.typname FROM pg_type t
WHERE t.typtype IN ('b', 'r', 'm') AND t.typcategory <> 'A' AND t.typname !~ '^(over|with)_'
"""


@pytest.fixture(scope="module")
def matrix(postgres) -> Iterator[tuple[Database, list[Kind]]]:
    with psycopg.connect(postgres.dsn(), autocommit=True) as admin:
        admin.execute("CREATE DATABASE type_limits")
    with psycopg.connect(postgres.dsn("type_limits"), autocommit=True, prepare_threshold=None) as db:
        kinds = type_matrix.create(db)
        db.execute("CREATE EXTENSION seg SCHEMA public; CREATE EXTENSION pg_trgm SCHEMA public")
        for name, value in PINNED_SETTINGS.items():
            db.execute("SELECT set_config(%s, %s, false)", (name, value))
        yield db, kinds
    with psycopg.connect(postgres.dsn(), autocommit=True) as admin:
        admin.execute("DROP DATABASE type_limits")


def test_every_type_is_tried_or_limited(matrix):
    db, kinds = matrix
    covered = type_matrix.covered(db, kinds)
    aliases = {"isbn13", "ismn13", "issn13", "xml"}  # The same code as the short ones; xml: not in every build.
    found = db.execute(ALL_TYPES).fetchall()
    left = {name for oid, name in found if oid not in covered} - TYPE_LIMITS.keys() - aliases
    assert left == set()
    tried = {name for oid, name in found if oid in covered}
    assert tried & TYPE_LIMITS.keys() == {n for n, limit in TYPE_LIMITS.items() if limit.verdict is Verdict.BY_NAME}


def test_the_query_finds_limited_types_wherever_they_hide(matrix):
    db, _ = matrix
    with db.transaction(force_rollback=True):
        db.execute("""
            CREATE TYPE public.inner_seg AS (a int, b public.seg[]);
            CREATE DOMAIN public.roles AS regrole[];
            CREATE TYPE public.segrange AS RANGE (subtype = public.seg);
            CREATE TABLE public."Odd t" (fine int, "in a composite" public.inner_seg[], "in a domain" public.roles,
                "in a range" public.segmultirange, plain regproc, named regclass, virtual regrole
                GENERATED ALWAYS AS (NULL) VIRTUAL);
            CREATE TEMPORARY TABLE passing (a regproc);
            CREATE UNLOGGED TABLE public.unlogged (a regproc)
        """)
        rows = db.execute(limited_columns_sql(), {"names": list(TYPE_LIMITS)}).fetchall()
    assert [row[2:] for row in rows if row[1] == "Odd t"] == [
        ("in a composite", "public.inner_seg[]", "seg"),
        ("in a domain", "public.roles", "regrole"),
        ("in a range", "public.segmultirange", "seg"),
        ("plain", "regproc", "regproc"),
        ("named", "regclass", "regclass"),
    ]
    assert {row[1] for row in rows} - {"Odd t"} <= {
        f"{role} {name}" for role in ("beside", "key", "keyless")
        for name, limit in TYPE_LIMITS.items() if limit.verdict is Verdict.BY_NAME
    }  # fmt: skip


def reread(db: Database, expression: str, type_name: str, equals: str) -> bool:
    """Whether a value survives the way through its own text."""
    return bool(db.execute(
        f"SELECT v::text::{type_name} OPERATOR({equals}) v FROM (SELECT {expression}) AS s(v)".encode()
    ).fetchone() == (True,))  # fmt: skip


def test_segments_of_many_digits_would_change(matrix):
    db, _ = matrix
    assert reread(db, "'1.25'::public.seg", "public.seg", "public.=")
    assert not reread(db, "'1.23456789'::public.seg", "public.seg", "public.=")


@pytest.mark.parametrize(
    ("value", "target"),
    [
        ("1397::oid::regproc", "regproc"),
        ("551::oid::regoper", "regoper"),
        ("(SELECT stxdndistinct FROM pg_statistic_ext_data LIMIT 1)", "pg_ndistinct"),
        ("(SELECT adbin FROM pg_attrdef LIMIT 1)", "pg_node_tree"),
    ],
)
def test_text_that_cannot_be_read_again(matrix, value, target):
    db, _ = matrix
    db.execute("CREATE TABLE IF NOT EXISTS public.counted (a int DEFAULT 1, b int)")
    with db.transaction(force_rollback=True):
        db.execute("CREATE STATISTICS public.both (ndistinct) ON a, b FROM public.counted")
        db.execute("INSERT INTO public.counted SELECT g, g % 3 FROM generate_series(1, 100) g")
        db.execute("ANALYZE public.counted")
        (text,) = db.execute(f"SELECT ({value})::text".encode()).fetchone() or (None,)
        assert text
        with pytest.raises((psycopg.errors.AmbiguousFunction, psycopg.errors.FeatureNotSupported)):
            db.execute(f"SELECT CAST(%s AS {target})".encode(), (text,))


def test_every_limit_says_what_to_do():
    for limit in TYPE_LIMITS.values():
        assert limit.reason
        assert limit.remedy
