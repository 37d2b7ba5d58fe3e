"""The SQL tokenizer: what stands in quotes, comments and brackets is never mistaken for structure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.apply.ddl.tags import may_be_silent, tag_of
from consumers.apply.ddl.tokens import Unreadable, split, tokenize


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        ("", []),
        (" ; ;; -- nothing\n", []),
        ("CREATE TABLE a (x text DEFAULT ';'); DROP TABLE b", ["CREATE TABLE a (x text DEFAULT ';')", "DROP TABLE b"]),
        ('CREATE TABLE ";" (a int)', ['CREATE TABLE ";" (a int)']),
        ('CREATE TABLE "a"";" (a int);', ['CREATE TABLE "a"";" (a int)']),
        ("SELECT 'it''s; ' ; SELECT 2", ["SELECT 'it''s; '", "SELECT 2"]),
        (r"SELECT 'a\'; SELECT 2", [r"SELECT 'a\'", "SELECT 2"]),
        (r"SELECT E'a\'; b'; SELECT 2", [r"SELECT E'a\'; b'", "SELECT 2"]),
        ("SELECT $$;$$; SELECT $x$ $$ ; $y$ $x$", ["SELECT $$;$$", "SELECT $x$ $$ ; $y$ $x$"]),
        ("SELECT a$b$c; SELECT 1", ["SELECT a$b$c", "SELECT 1"]),
        ("SELECT 1 /* ; /* ; */ ; */; SELECT 2 -- ; \n", ["SELECT 1", "SELECT 2"]),
        ("SELECT 1 -- ;\r; SELECT 2", ["SELECT 1", "SELECT 2"]),
        ("CREATE RULE r AS ON UPDATE TO t DO (SELECT 1; SELECT 2)",
         ["CREATE RULE r AS ON UPDATE TO t DO (SELECT 1; SELECT 2)"]),
        ("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 1 END; END; SELECT 3",
         ["CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 1 END; END", "SELECT 3"]),
        ("SELECT 1 +-- ;\n 2; SELECT 1 */* ; */ 2", ["SELECT 1 +-- ;\n 2", "SELECT 1 */* ; */ 2"]),
        ("SELECT U&'\\0061;' , x'1;', \"ü;\", ñ$;", None),
    ],
)  # fmt: skip
def test_statements_are_cut_where_postgresql_cuts_them(text: str, statements: list[str] | None) -> None:
    found = [statement.text for statement in split(text)]
    assert found == ([text[:-1]] if statements is None else statements)


def test_backslashes_quote_without_standard_strings() -> None:
    assert [s.text for s in split(r"SELECT 'a\'; b'; SELECT 2", standard_strings=False)] == [
        r"SELECT 'a\'; b'", "SELECT 2",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "'",
        '"a',
        "$$ ",
        "$a$ $b$",
        "/* /* */",
        "(",
        "a)",
        "CREATE FUNCTION f() BEGIN ATOMIC SELECT 1;",
        "a\0",
        "a \x01",
        "$1$",
    ],
)
def test_what_does_not_end_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        split(text)


def test_a_name_with_escapes_is_kept_as_written() -> None:
    (token,) = tokenize('U&"d\\0061t\\+000061"')
    assert token.is_name
    assert token.value == 'U&"d\\0061t\\+000061"'
    assert [t.value for t in tokenize("a $1 + $23")] == ["a", "$1", "+", "$23"]


@given(st.text(alphabet="ab'\"$;-/*\\\n()Ee_1 ", max_size=40))
def test_tokens_cover_the_text_in_order(text: str) -> None:
    try:
        tokens = tokenize(text)
    except Unreadable:
        return
    end = 0
    for token in tokens:
        assert token.start >= end
        assert token.end > token.start
        end = token.end


@given(st.text(max_size=30))
def test_quoted_text_is_one_token(text: str) -> None:
    text = text.replace("\0", "")
    literal = "'" + text.replace("'", "''") + "'"
    name = '"' + text.replace('"', '""') + '"'
    assert [token.value for token in tokenize(f"{literal} {name} $q${text.replace('$', '')}$q$")][:2] == [literal, text]


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("create unlogged table a (b int)", "CREATE TABLE"),
        ("CREATE TABLE a AS SELECT 1", "CREATE TABLE AS"),
        ("CREATE TABLE a (b, c) AS (SELECT 1)", "CREATE TABLE AS"),
        ("CREATE TABLE a (b int GENERATED ALWAYS AS (1) STORED)", "CREATE TABLE"),
        ("WITH x AS (SELECT 1) SELECT * INTO y FROM x", "SELECT INTO"),
        ("SELECT f(into_) FROM t", ""),
        ("CREATE OR REPLACE CONSTRAINT TRIGGER x", "CREATE TRIGGER"),
        ("CREATE UNIQUE INDEX CONCURRENTLY x ON y (z)", "CREATE INDEX"),
        ("CREATE OR REPLACE RECURSIVE VIEW v (n) AS SELECT 1", "CREATE VIEW"),
        ("DROP MATERIALIZED VIEW x", "DROP MATERIALIZED VIEW"),
        ("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO x", "ALTER DEFAULT PRIVILEGES"),
        ("ALTER TEXT SEARCH DICTIONARY x (y = z)", "ALTER TEXT SEARCH DICTIONARY"),
        ("CREATE FOREIGN DATA WRAPPER x", "CREATE FOREIGN DATA WRAPPER"),
        ("CREATE OPERATOR CLASS x", "CREATE OPERATOR CLASS"),
        ("ALTER PROCEDURAL LANGUAGE x RENAME TO y", "ALTER LANGUAGE"),
        ("CREATE 'x'", "CREATE"),
        ("COMMENT ON TABLE x IS ''", "COMMENT"),
        ("DO $$ $$", ""),
        ("SET ROLE x", ""),
        ("COPY t FROM PROGRAM 'x'", ""),
    ],
)
def test_tags(text: str, tag: str) -> None:
    (statement,) = split(text)
    assert tag_of(statement) == tag


@pytest.mark.parametrize(
    ("text", "is_silent"),
    [
        ("INSERT INTO t VALUES (1)", True),
        ("CREATE TEMP TABLE t (a int)", True),
        ("DROP TABLE IF EXISTS t", True),
        ("CREATE ROLE x", True),
        ("REASSIGN OWNED BY x TO y", True),
        ("DROP OWNED BY x", False),
        ("CREATE TABLE t (a int)", False),
        ("CREATE TABLE t (a int CHECK (if(exists(a))))", False),
    ],
)
def test_silent_statements(text: str, is_silent: bool) -> None:
    (statement,) = split(text)
    assert may_be_silent(statement) is is_silent
