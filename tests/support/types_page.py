"""docs/reference/types.md, made from the type matrix: `python -m tests.support.types_page docs/reference/types.md`."""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path

from schemas.types import TYPE_LIMITS, TypeLimit, Verdict
from tests.support.type_values import KINDS, Kind

_SHOWN_MAX = 60
_INTRODUCTION = """\
<!-- Generated from the type matrix by `make docs`; a test compares it. -->

# Types

Every value travels as PostgreSQL's own text under pinned settings ([stream v1](../spec/stream-v1.md), section 8) and
arrives as the value that has this text. What follows is tried by `tests/integration/test_types_stream.py` through the
snapshot and the live stream: inserts, updates, deletes, key changes, unchanged large values; as sets and row by row;
afterwards every row of every table is equal as text.

- *beside a key*: the column, an array of the type (empty, with NULLs, of two dimensions, with a lower bound), a domain
  over it and a composite type that holds both, in a table with another key.
- *as key*: a primary key of the type, where it has a btree operator class; also changed to another spelling of an equal
  value (`1.0` and `1.00`, `0` and `-0`, `A` and `a` in citext).
- *without key*: the same columns in a table with replica identity FULL.
- *not tried*: the tests' PostgreSQL lacks the type. The test tries it on a server that has it.

What does not depend on the type: NULL and an empty value are kept apart; a large value that an update did not touch is
not sent again and stays as it is.
"""
_LIMITED = """\
## Carried by name

`embassy register check` warns: these values name an object. They arrive as the same name, and mean the same object.
"""
_REFUSED = """\
## Refused

`embassy register check` refuses a register with a permanent table whose column is of such a type, or of an array, a
domain, a range or a composite type made of it.
"""


def page() -> str:
    """The whole page."""
    parts = [_INTRODUCTION]
    for group, kinds in groupby(KINDS, key=lambda kind: kind.group):
        parts.append(f"## {group.capitalize()}\n\n| type | beside a key | as key | without key | tried with |\n"
                     "|---|---|---|---|---|\n" + "\n".join(map(_line, kinds)) + "\n")  # fmt: skip
    for text, verdict in ((_LIMITED, Verdict.BY_NAME), (_REFUSED, Verdict.REFUSED)):
        limits = (limit for limit in TYPE_LIMITS.values() if limit.verdict is verdict)
        parts.append(f"{text}\n| type | why | instead |\n|---|---|---|\n" + "\n".join(map(_limit, limits)) + "\n")
    return "\n".join(parts)


def _line(kind: Kind) -> str:
    note = f" ({kind.note})" if kind.note else ""
    yes = "yes" if kind.is_built_here else "not tried"
    key = yes if kind.is_key else "no btree"
    return f"| `{kind.type}`{note} | {yes} | {key} | {yes} | {' '.join(map(_show, kind.values))} |"


def _show(value: str) -> str:
    text = value.encode("unicode_escape").decode().replace("|", "&#124;").replace("`", "&#96;")
    short = text if len(text) <= _SHOWN_MAX else f"{text[:20]}… {len(value)} characters"
    escaped = short.replace("&#124;", "\0").replace("&", "&amp;").replace("\0", "&#124;").replace("<", "&lt;")
    return f"<code>{escaped}</code>" if short.strip() else f"<code>'{short}'</code>"


def _limit(limit: TypeLimit) -> str:
    return f"| `{limit.name}` | {limit.reason} | {limit.remedy} |"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
