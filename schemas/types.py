"""Types whose values cannot be carried exactly as PostgreSQL's text, and what a register should use instead.

Every value travels as the text that PostgreSQL's output function gives under the pinned settings (stream-v1 section 8)
and is read again by the input function at the embassy. That is exact for every type but these.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from importlib.resources import files
from typing import Final


class Verdict(Enum):
    """What a limit means for a register that has a column of the type."""

    REFUSED = "refused"
    """Some values would arrive changed, or stop the standby: no register may be captured with it."""
    BY_NAME = "by name"
    """Exact as long as what a value names exists: a value whose object was dropped is a bare number, and a number may
    name something else in the standby."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeLimit:
    """One type that is not carried like the others."""

    name: str
    """As in pg_type, without its schema: none of these names has another common use."""
    verdict: Verdict
    reason: str
    remedy: str


_INPUT: Final = "PostgreSQL writes its values as text and cannot read that text"
_INDEX: Final = "it exists inside indexes only; its text cannot be read"
_STATISTICS: Final = "store the statistics object's name, or the value's text in a column of type text"
_BY_NAME: Final = "a value whose object is dropped is a bare number, which may name something else in the standby"
_AS_TEXT: Final = "ALTER TABLE ... ALTER COLUMN ... TYPE text"

_LIMITS: Final = (
    ("regproc", Verdict.REFUSED, "the text of an overloaded function names several",
     "ALTER TABLE ... ALTER COLUMN ... TYPE regprocedure, whose text has the arguments"),
    ("regoper", Verdict.REFUSED, "the text of an overloaded operator names several",
     "ALTER TABLE ... ALTER COLUMN ... TYPE regoperator, whose text has the operands"),
    ("regrole", Verdict.REFUSED, "roles belong to a server, and the embassy's has others", _AS_TEXT),
    ("aclitem", Verdict.REFUSED, "it names roles, which belong to a server, and the embassy's has others", _AS_TEXT),
    ("seg", Verdict.REFUSED, "its text has six digits, its values have more: different keys would become one",
     "ALTER TABLE ... ALTER COLUMN ... TYPE numrange, or two columns"),
    ("pg_node_tree", Verdict.REFUSED, _INPUT, "store pg_get_expr(...) in a column of type text"),
    ("pg_ndistinct", Verdict.REFUSED, _INPUT, _STATISTICS),
    ("pg_dependencies", Verdict.REFUSED, _INPUT, _STATISTICS),
    ("pg_mcv_list", Verdict.REFUSED, _INPUT, _STATISTICS),
    ("pg_brin_bloom_summary", Verdict.REFUSED, _INPUT, _AS_TEXT),
    ("pg_brin_minmax_multi_summary", Verdict.REFUSED, _INPUT, _AS_TEXT),
    *((name, Verdict.REFUSED, _INDEX, _AS_TEXT) for name in (
        "gtsvector", "ghstore", "ltree_gist", "intbig_gkey", "gbtreekey2", "gbtreekey4", "gbtreekey8", "gbtreekey16",
        "gbtreekey32", "gbtreekey_var", "gtrgm", "bloom_internal",
    )),
    *((name, Verdict.BY_NAME, _BY_NAME, "keep the objects that values name, or " + _AS_TEXT) for name in (
        "regclass", "regtype", "regprocedure", "regoperator", "regnamespace", "regconfig", "regdictionary",
        "regcollation",
    )),
)  # fmt: skip

TYPE_LIMITS: Final[dict[str, TypeLimit]] = {
    name: TypeLimit(name=name, verdict=verdict, reason=reason, remedy=remedy)
    for name, verdict, reason, remedy in _LIMITS
}
"""By the name in pg_type."""


def limited_columns_sql() -> str:
    """A query for a register: (schema, table, column, type as declared, limited type inside it).

    Takes one parameter, `%(names)s`: the names of TYPE_LIMITS. Looks through arrays, domains, ranges, multiranges and
    composite types, at permanent tables that are published.
    """
    return files(__package__).joinpath("limited_columns.sql").read_text(encoding="utf-8")
