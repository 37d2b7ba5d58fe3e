"""What a snapshot reads, in which pieces, and which generation it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.prepare import prepare_sql
from data_embassy.config import Postgres, Register, Source
from data_embassy.errors import ContractError
from pipelines.snapshot.generation import Attempt, following
from pipelines.snapshot.plan import (
    PAGE_BYTES,
    RANGE_PAGES,
    Table,
    bare_sql,
    chunks,
    copy_sql,
    kept_entries,
    parts,
    ranges,
    refresh_order,
)
from schemas.digest import digest_sql, quote


def table(heap_bytes: int = 0, columns: tuple[str, ...] = ("a", 'b"c')) -> Table:
    return Table(
        number=1, oid=20000, filenode=20000, relation_schema="s", relation_name='t"; --', columns=columns,
        estimated_rows=0, heap_bytes=heap_bytes,
    )  # fmt: skip


@given(st.integers(0, 1 << 40))
def test_ranges_cover_every_page_once(heap_bytes: int):
    found = ranges(table(heap_bytes))
    assert found[0].first == 0
    assert found[-1].end is None
    assert [piece.end for piece in found[:-1]] == [piece.first for piece in found[1:]]
    assert len(found) == max(1, -(-heap_bytes // (PAGE_BYTES * RANGE_PAGES)))


def test_copy_reads_one_range_of_one_table_alone():
    first, last = ranges(table(PAGE_BYTES * (RANGE_PAGES + 1)))
    assert copy_sql(first) == (
        """COPY (SELECT "a", "b""c" FROM ONLY "s"."t""; --" WHERE ctid < '(4096,0)'::tid) TO STDOUT"""
    )
    assert "WHERE ctid >= '(4096,0)'::tid) TO" in copy_sql(last)
    assert "WHERE" not in copy_sql(ranges(table())[0])


@given(st.lists(st.binary(min_size=1, max_size=50)), st.integers(1, 100))
def test_chunks_hold_every_row_in_order_and_end_at_rows(rows: list[bytes], target: int):
    found = list(chunks(rows, target=target))
    assert b"".join(data for data, _ in found) == b"".join(rows)
    assert sum(count for _, count in found) == len(rows)
    assert all(count == 1 or len(data) <= target for data, count in found)


def test_a_row_wider_than_the_target_goes_alone():
    assert list(chunks([b"a", b"bbbb", b"c", b"d"], target=2)) == [(b"a", 1), (b"bbbb", 1), (b"cd", 2)]


@given(st.binary(max_size=50), st.integers(1, 20))
def test_parts_join_to_the_section(text: bytes, size: int):
    found = parts(text, size=size)
    assert found
    assert b"".join(found) == text


HEAD = b"--\n-- PostgreSQL database dump\n--\n\n\\restrict aBc1\n\n-- Dumped\n\nSET transaction_timeout = 0;\n\n"
FOOT = b"\n--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict aBc1\n\n"


def test_head_and_foot_are_cut_and_nothing_between():
    body = b"--\n-- Name: f(); Type: FUNCTION\n--\n\nCREATE FUNCTION f AS $$\n" + FOOT + HEAD + b"$$;\n\n"
    assert bare_sql(HEAD + body + FOOT) == body + b"\n"


def test_an_empty_section_has_no_text():
    assert bare_sql(HEAD + FOOT) == b""


def test_an_unexpected_end_is_refused():
    with pytest.raises(ValueError, match="end"):
        bare_sql(HEAD + b"--\n-- Name: f\n--\nCREATE")


def test_what_must_not_exist_twice_is_left_out():
    listing = (
        "; a comment\n"
        "3466; 3466 16491 EVENT TRIGGER - data_embassy_ddl_command_end postgres\n"
        "3467; 3466 16492 EVENT TRIGGER - theirs postgres\n"
        "3468; 1255 16493 FUNCTION public x() postgres\n"
        "3469; 1418 16494 USER MAPPING - USER MAPPING x SERVER y postgres\n"
    )
    assert [line.split(";")[0] for line in kept_entries(listing).splitlines()] == ["", "3467", "3468"]


def test_materialized_views_come_behind_what_they_read():
    views = {1: ("s", "reads view 5"), 2: ("s", "reads nothing"), 3: ("s", "reads 1")}
    order = refresh_order(views, [(1, 5), (5, 2), (3, 1)])
    assert order == [views[2], views[1], views[3]]


def test_a_complete_generation_is_followed_by_the_next():
    assert following(None) == Attempt(generation=1, attempt=1)
    assert following(Attempt(generation=3, attempt=4, is_complete=True)) == Attempt(generation=4, attempt=1)
    assert following(Attempt(generation=3, attempt=4)) == Attempt(generation=3, attempt=5)
    assert Attempt(generation=3, attempt=5).run == 3 << 32 | 5


def test_identifiers_are_always_quoted():
    assert quote('a"b') == '"a""b"'
    assert b'ROW(t."x", t."y""")::text' in digest_sql("s", "t", ("x", 'y"'))
    assert b"ROW()::text" in digest_sql("s", "t", ())
    with pytest.raises(ValueError, match="identifier"):
        quote("a\0b")


def register(**changes: str) -> Register:
    names = {"capture": "cap", "pulse": "pul", "database": 'the "db"', "publication": "it's"} | changes
    access = {
        who: Postgres(host="h", port=1, database=names["database"], user=names[who], password=None)
        for who in ("capture", "pulse")
    }
    source = Source(capture=access["capture"], pulse=access["pulse"], slot="s", publication=names["publication"])
    return Register(name="r", lane="0" * 16, tier=1, source=source)


def test_the_script_names_the_contracts_roles_quoted():
    script = prepare_sql(register())
    assert 'ALTER ROLE "cap" LOGIN REPLICATION' in script
    assert 'ALTER ROLE "cap" IN DATABASE "the ""db""" SET "DateStyle" TO \'ISO, YMD\';' in script
    assert "WHERE pubname = 'it''s'" in script
    assert ':"' not in script.replace('::"', "")
    assert " PASSWORD " not in script.upper()


@pytest.mark.parametrize("name", ["", "x" * 64, "a$data_embassy$b", "a\nb"])
def test_names_that_could_break_out_are_refused(name: str):
    with pytest.raises(ContractError):
        prepare_sql(register(capture=name))
