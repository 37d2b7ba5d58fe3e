"""Every built-in type and those of contrib, each with its extreme values as PostgreSQL reads them."""

# ruff: noqa: E501 (a matrix reads as one table)

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha512
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One type of the matrix."""

    type: str
    """As it is declared."""
    values: tuple[str, ...]
    is_key: bool = True
    """Has a btree operator class, so it may be a primary key."""
    has_array: bool = True
    group: str = ""
    note: str = ""
    is_built_here: bool = True
    """False where the tests' PostgreSQL lacks it: tried only where a server has it."""


def _noise(size: int) -> str:
    """Text that does not compress: over 2 kB it is stored out of line."""
    blocks = (sha512(str(n).encode()).hexdigest() for n in range(size // 128 + 1))
    return "".join(blocks)[:size]


_LARGE: Final = _noise(9000)
_CONTROLS: Final = "".join(map(chr, range(1, 0x20))) + "\x7f\x80\x85\xa0\u2028\ufeff\uffff\U0001f600\U0010ffff"
TEXTS: Final = (
    "", " ", "  x  ", "NULL", "null", r"\N", r"\.", "\\", '"', "'", ",", "{}", '{"a"}', "(,)", "\t", "\r\n", "\n\n",
    _CONTROLS, "e\u0301", "\u00e9", "\u0130i\u0131", "\ufffd", "x" * 127, _LARGE, "a\\tb", "$1", "%s", ";--", "&amp;",
)  # fmt: skip
_HUGE_NUMBER: Final = "-" + "9" * 131072 + "." + "1" * 16382 + "7"
_NUMBERS: Final = (
    "0", "0.0", "0.000", "1", "1.0", "1.00", "-1.10", "NaN", "Infinity", "-Infinity", "1e-16383", "1e131071", "0.1",
    "123456789012345678901234567890.123456789", _HUGE_NUMBER,
)  # fmt: skip
_FLOATS: Final = (
    "0", "-0", "NaN", "Infinity", "-Infinity", "0.1", "1e15", "1e16", "123456.789", "-1.5", "33554433",
)  # fmt: skip
_DATES: Final = ("infinity", "-infinity", "4713-11-24 BC", "0001-12-31 BC", "0001-01-01", "1582-10-15", "2000-02-29")
_STAMPS: Final = (
    "infinity", "-infinity", "4714-11-24 00:00:00 BC", "0044-03-15 12:00:00 BC", "0001-01-01", "1969-12-31 23:59:59.999999",
    "2016-12-31 23:59:60", "2024-03-31 02:30:00", "294276-12-31 23:59:59.999999",
)  # fmt: skip
_UUIDS: Final = (
    "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
)  # fmt: skip
_JSON: Final = (
    "null", "true", "0", "-0", "-0.0", "1e400", "1E+2", "12345678901234567890123456789.000", '""', '"\\u00e9"', '"é"',
    '"\\\\u0000"', "[]", "{}", '  { "b" :1, "a": [ 1 , {} ], "b":2 }  ', '{"":""}', '"\\ud83d\\ude00"', f'["{_LARGE}"]',
)  # fmt: skip
_BOXES: Final = ("(2,2),(1,1)", "(0,0),(0,0)", "(Infinity,NaN),(-Infinity,-0)", "(1e-300,1e300),(-1e300,-1e-300)")
_SNAPSHOTS: Final = ("1:1:", "10:20:10,14,15", "1:9223372036854775807:2")

KINDS: Final = tuple(
    Kind(group=group, **arguments)
    for group, types in {
        "numbers": (
            {"type": "boolean", "values": ("t", "f")},
            {"type": "smallint", "values": ("-32768", "32767", "0")},
            {"type": "integer", "values": ("-2147483648", "2147483647", "0")},
            {"type": "bigint", "values": ("-9223372036854775808", "9223372036854775807", "0")},
            {"type": "numeric", "values": _NUMBERS},
            {"type": "numeric(7,3)", "values": ("9999.999", "-0.001", "NaN", "1")},
            {"type": "numeric(3,-4)", "values": ("9990000", "-20000", "0")},
            {"type": "numeric(3,9)", "values": ("0.000000999", "-0.000000001")},
            {"type": "real", "values": (*_FLOATS, "3.4028235e38", "1e-45", "1.17549435e-38", "16777217")},
            {"type": "double precision", "values": (
                *_FLOATS, "1.7976931348623157e308", "5e-324", "2.2250738585072014e-308", "0.30000000000000004",
            )},
            {"type": "money", "values": ("-92233720368547758.08", "92233720368547758.07", "0", "-0.01", "1234567.89")},
        ),
        "text": (
            {"type": "text", "values": TEXTS},
            {"type": "character varying", "values": TEXTS},
            {"type": "character varying(3)", "values": ("", " ", "äöü", "abc", "a  ")},
            {"type": "character", "values": ("", "x", "é", "'")},
            {"type": "character(6)", "values": ("", "  a", "a  ", "äöüäöü", '"', "\\", "\n")},
            {"type": "bpchar", "values": ("", "a  ", "b", "\t")},
            {"type": "name", "values": ("", "x" * 63, 'a "quoted" name', "é", "\\", "'")},
            {"type": '"char"', "values": ("", "a", "'", "\\", '"', "\\200", "\\377", "\\001", "\n", ",")},
            {"type": "bytea", "values": (
                "\\x", "\\x00", "\\x0000ff00", "\\x5c", "\\x27", "\\x0a", "\\x" + bytes(range(256)).hex(), "\\x" + _noise(8000),
            )},
            {"type": "uuid", "values": _UUIDS},
            {"type": "json", "values": _JSON, "is_key": False},
            {"type": "jsonb", "values": tuple(v for v in _JSON if v != '"\\\\u0000"')},
            {"type": "jsonpath", "values": (
                "$", 'strict $."a b"[*] ? (@ > 1 && @.x like_regex "^\\\\d\\"" flag "i")', "lax $.a[0 to last].**{2 to 5}",
                "-1.5e10", '$.datetime("HH24:MI")', '$."\\u0001\'"', "$.a.decimal(5,-2)", '$var."x".type()',
            ), "is_key": False},
            {"type": "xml", "values": (
                "", "<a/>", "text <b>é</b> &lt;&#10;", '<?xml version="1.0" encoding="ISO-8859-1"?><a>é</a>',
                "<!DOCTYPE a><a/>", "<a b='\"'><![CDATA[<&]]><!-- x --></a>", " \n<a/> ", f"<a>{_LARGE}</a>",
            ), "is_key": False, "is_built_here": False,
            "note": "the PostgreSQL that comes with the tests is built without libxml, so nothing is tried there"},
        ),
        "times": (
            {"type": "date", "values": (*_DATES, "4714-11-24 BC", "5874897-12-31")},
            {"type": "time", "values": ("00:00:00", "24:00:00", "23:59:59.999999", "00:00:00.000001")},
            {"type": "time(2)", "values": ("00:00:00", "23:59:59.99", "24:00:00")},
            {"type": "time with time zone", "values": (
                "00:00:00+00", "24:00:00-15:59:59", "23:59:59.999999+15:59:59", "12:00:00+03", "12:00:00+00:00:01",
            )},
            {"type": "timestamp", "values": _STAMPS},
            {"type": "timestamp(0)", "values": ("infinity", "2000-01-01 00:00:00", "0044-03-15 12:00:00 BC")},
            {"type": "timestamp with time zone", "values": (
                *(f"{v[:-3]}+00 BC" if v.endswith("BC") else f"{v}+00" if ":" in v else v for v in _STAMPS),
                "2024-02-29 23:30:00.5-15:59:59", "1883-11-18 12:03:57 America/New_York",
            )},
            {"type": "interval", "values": (
                "infinity", "-infinity", "0", "-178956970 years -8 mons -2147483648 days -2562047788:00:54.775807",
                "178956970 years 7 mons 2147483647 days 2562047788:00:54.775807", "1 year -2 mons 3 days -04:05:06.000001",
                "-1 mons +1 day -00:00:00.000001", "-00:00:01", "1 day -24:00:00", "24:00:00",
            )},
            {"type": "interval day to second(3)", "values": ("1 day 02:03:04.567", "-1 day", "infinity")},
            {"type": "interval year to month", "values": ("-1-2", "0")},
        ),
        "network and bits": (
            {"type": "inet", "values": (
                "0.0.0.0", "10.1.2.3/8", "255.255.255.255/32", "::", "::ffff:1.2.3.4/96", "fe80::1/128", "2001:db8::/32",
            )},
            {"type": "cidr", "values": ("0.0.0.0/0", "10.0.0.0/8", "1.2.3.4/32", "::/0", "2001:db8::1/128")},
            {"type": "macaddr", "values": ("00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "08002b010203")},
            {"type": "macaddr8", "values": ("00:00:00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff:ff:ff", "08:00:2b:01:02:03:04:05")},
            {"type": "bit", "values": ("0", "1")},
            {"type": "bit(9)", "values": ("000000000", "111111111", "101010101")},
            {"type": "bit varying", "values": ("", "0", "00", "1" * 77)},
            {"type": "bit varying(4)", "values": ("", "0000", "1")},
        ),
        "geometry": (
            {"type": "point", "values": ("(0,-0)", "(NaN,Infinity)", "(1e-300,-1.7976931348623157e308)"), "is_key": False},
            {"type": "line", "values": ("{1,2,3}", "{0,-1,0}", "{-1e300,1e-5,NaN}", "{0.1,0.2,-0}"), "is_key": False},
            {"type": "lseg", "values": ("[(0,0),(1,1)]", "[(NaN,-0),(Infinity,0.1)]"), "is_key": False},
            {"type": "box", "values": _BOXES, "is_key": False},
            {"type": "path", "values": ("[(0,0),(1,1)]", "((0.1,-0),(1,1),(2,NaN))", "((1,1))"), "is_key": False},
            {"type": "polygon", "values": ("((0,0))", "((0,0),(1,0.1),(1,-1e300))"), "is_key": False},
            {"type": "circle", "values": ("<(0,0),0>", "<(0.1,-0),Infinity>", "<(NaN,1),1e-300>"), "is_key": False},
        ),
        "text search": (
            {"type": "tsvector", "values": (
                "", "'a':1A,2B,3C,16383", "'it''s' 'back\\\\slash':7 ' ' '\u00e9'", "a b c", "'x:1':2 ','", "'a''b\\\\''':3C",
            )},
            {"type": "tsquery", "values": (
                "", "'a' & !('b' | 'c':*AB) <-> 'd'", "'it''s \\\\ x':*", "a <3> b", "!!'x'", "'a b' | ',' & ':'",
            )},
        ),
        "identifiers": (
            {"type": "oid", "values": ("0", "4294967295", "16384")},
            {"type": "xid", "values": ("0", "4294967295"), "is_key": False},
            {"type": "xid8", "values": ("0", "18446744073709551615")},
            {"type": "cid", "values": ("0", "4294967295"), "is_key": False},
            {"type": "tid", "values": ("(0,0)", "(4294967295,65535)")},
            {"type": "pg_lsn", "values": ("0/0", "FFFFFFFF/FFFFFFFF", "16/B374D848")},
            {"type": "pg_snapshot", "values": _SNAPSHOTS, "is_key": False},
            {"type": "txid_snapshot", "values": _SNAPSHOTS, "is_key": False},
            {"type": "oidvector", "values": ("", "1 2 4294967295"), "has_array": False},
            {"type": "int2vector", "values": ("", "-32768 0 32767"), "has_array": False},
            {"type": "refcursor", "values": ("", 'x "y"', "'"), "is_key": False},
        ),
        "names of objects": (
            {"type": "regclass", "values": ("-", "pg_class", 'matrix."Tbl ""x"""', "matrix.named")},
            {"type": "regtype", "values": ("-", "integer", "timestamp with time zone", "matrix.mood", "matrix.mood[]")},
            {"type": "regprocedure", "values": ("-", "abs(integer)", "matrix.twice(integer)")},
            {"type": "regoperator", "values": ("0", "+(integer,integer)", "-(NONE,integer)")},
            {"type": "regnamespace", "values": ("-", "pg_catalog", "matrix")},
            {"type": "regconfig", "values": ("simple", "english")},
            {"type": "regdictionary", "values": ("simple", "english_stem")},
            {"type": "regcollation", "values": ("-", '"C"', "matrix.own")},
        ),
        "ranges": (
            {"type": "int4range", "values": ("empty", "(,)", "[1,2]", "(,2147483647)", "[-2147483648,)")},
            {"type": "int8range", "values": ("empty", "(,)", "[1,9223372036854775807)")},
            {"type": "numrange", "values": ("empty", "(,)", "[1.0,1.00]", "(NaN,)", "(-Infinity,Infinity]", "[1e-20,1e20)")},
            {"type": "daterange", "values": ("empty", "[4714-11-24 BC,infinity)", "(,5874897-12-31)", "[2000-01-01,2000-01-01]")},
            {"type": "tsrange", "values": ("empty", '["0044-03-15 12:00:00 BC",infinity]', "(,)")},
            {"type": "tstzrange", "values": ("empty", '(-infinity,"2000-01-01 00:00:00+01"]', "(,)")},
            {"type": "int4multirange", "values": ("{}", "{(,)}", "{[1,2],[5,9]}")},
            {"type": "int8multirange", "values": ("{}", "{[-9223372036854775808,0),[5,)}")},
            {"type": "nummultirange", "values": ("{}", "{[1.0,1.00],(3,)}", "{(NaN,)}")},
            {"type": "datemultirange", "values": ("{}", "{(,4714-11-25 BC),[2000-01-01,infinity)}")},
            {"type": "tsmultirange", "values": ("{}", '{["0044-03-15 12:00:00 BC","2000-01-01 00:00:00"]}')},
            {"type": "tstzmultirange", "values": ("{}", '{(,"2000-01-01 00:00:00+01"],(infinity,)}')},
            {"type": "matrix.textrange", "values": (
                "empty", "(,)", '["",""]', '["a,b","c""d\\\\")', '["\t","\u00e9"]', '(" ","(]")',
            )},
            {"type": "matrix.textmultirange", "values": ("{}", '{["",""],["a,}","c""d\\\\")}')},
            {"type": "matrix.floatrange", "values": ("empty", "[-0,0]", "(-Infinity,NaN]", "[0.1,0.30000000000000004)")},
            {"type": "matrix.floatmultirange", "values": ("{}", "{[-0,0],(1,NaN)}")},
        ),
        "made of others": (
            {"type": "matrix.mood", "values": ("sad", 'it\'s "ok"', "", "a,b", "NULL", "{é}")},
            {"type": "matrix.pair", "values": ("(,)", '(1,"")', '(-1,"x, ""y"" \\\\ (z)")', '(2,"\n")', '(3," ")')},
            {"type": "matrix.nested", "values": ("(,)", '("(1,""a,""""b"""""")","{NULL,""NULL"",""""}")', '("(,)",{})')},
            {"type": "matrix.named", "values": ("(1,a)", "(,)"), "note": "the row type of a table"},
            {"type": "matrix.positive", "values": ("1", "2147483647")},
            {"type": "matrix.code", "values": ("ab", "zz")},
            {"type": "matrix.positives", "values": ("{}", "{1,NULL,3}", "[0:1]={1,2}"), "has_array": False},
            {"type": "integer[]", "values": ("{}", "{NULL}", "[-3:-2]={1,2}", "{{1,2},{3,NULL}}", "[0:1][5:6]={{1,2},{3,4}}",
                                             "{{{1}}}"), "has_array": False},
            {"type": "text[]", "values": (
                "{}", '{""}', '{NULL,"NULL","null"}', '{"a,b","c\\"d","e\\\\f"," ","{}"}', '{{a,"\n"},{"\t",b}}', '{"\u00e9"}',
            ), "has_array": False},
            {"type": "matrix.mood[]", "values": ("{}", '{sad,"a,b","",NULL,"NULL"}'), "has_array": False},
            {"type": "matrix.nested[]", "values": ("{}", '{"(,)",NULL}'), "has_array": False},
            {"type": "box[]", "values": ("{(2,2),(1,1);(4,4),(3,3)}", "{}"), "is_key": False, "has_array": False,
             "note": "delimited by semicolons"},
        ),
        "contrib": (
            {"type": "public.hstore", "values": ("", '"a"=>NULL, "b"=>"NULL", ""=>""', '"x=>y"=>"\\"q\\" , \\\\"', '"\n"=>"\u00e9"')},
            {"type": "public.citext", "values": TEXTS},
            {"type": "public.ltree", "values": ("", "Top.Science.x_1", "a.b-c")},
            {"type": "public.lquery", "values": ("*.a{1,3}.!b|c@*", "a%.*{2}"), "is_key": False},
            {"type": "public.ltxtquery", "values": ("a & !b@*", "(a | b%) & c"), "is_key": False},
            {"type": "public.cube", "values": ("()", "(1,2),(3,4)", "(0.1,-0)", "(NaN),(Infinity)", "(1e-300)")},
            {"type": "public.ean13", "values": ("0220356451107", "978-0-11-000533-1", "9780110005330!")},
            {"type": "public.isbn13", "values": ("978-0-11-000533-1", "978-0-393-04002-0!")},
            {"type": "public.isbn", "values": ("0-11-000533-3", "978-0-393-04002-9", "0110005330!")},
            {"type": "public.ismn", "values": ("979-0-060-11561-5", "M-060-11562-2!")},
            {"type": "public.issn", "values": ("1436-4522", "1436-4530!")},
            {"type": "public.upc", "values": ("220356451107", "0-123456-78901-2")},
            {"type": "public.query_int", "values": ("1 & !(2 | -3)", "7"), "is_key": False},
        ),
    }.items()
    for arguments in types
)  # fmt: skip

SETUP: Final = '''
CREATE EXTENSION hstore SCHEMA public; CREATE EXTENSION citext SCHEMA public; CREATE EXTENSION ltree SCHEMA public;
CREATE EXTENSION cube SCHEMA public; CREATE EXTENSION isn SCHEMA public; CREATE EXTENSION intarray SCHEMA public;
CREATE EXTENSION btree_gist SCHEMA public;
CREATE SCHEMA matrix;
CREATE TYPE matrix.mood AS ENUM ('sad', 'it''s "ok"', '', 'a,b', 'NULL', '{é}');
CREATE TYPE matrix.pair AS (a integer, b text);
CREATE TYPE matrix.nested AS (p matrix.pair, t text[]);
CREATE DOMAIN matrix.positive AS integer CHECK (VALUE > 0);
CREATE DOMAIN matrix.code AS varchar(2) COLLATE "C" CHECK (VALUE ~ '^[a-z]+$');
CREATE DOMAIN matrix.positives AS matrix.positive[];
CREATE TYPE matrix.textrange AS RANGE (subtype = text, collation = "C");
CREATE TYPE matrix.floatrange AS RANGE (subtype = float8, subtype_diff = float8mi);
CREATE COLLATION matrix.own (locale = 'C');
CREATE FUNCTION matrix.twice(integer) RETURNS integer LANGUAGE sql IMMUTABLE RETURN $1 * 2;
CREATE TABLE matrix.named (a integer PRIMARY KEY, b text);
CREATE TABLE matrix."Tbl ""x""" (a integer PRIMARY KEY);
'''
