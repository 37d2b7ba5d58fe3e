"""docs/reference/ddl.md, made from the cases that are tried."""

import sys
from itertools import groupby
from pathlib import Path

from tests.support.ddl_cases import CASES, NOTHING, REPLAYS, STOPS

_HEAD = """<!-- Generated from the tried cases by `make docs`; a test compares it. -->

# Schema changes

Every change of a register's schema travels in commit order beside the rows, and the standby makes it at its place, in
the transaction in which the register made it. `tests/integration/test_ddl_replay.py` tries what follows, with rows
written before, between and after; afterwards tables, columns, constraints, indexes, views and every row are equal.

- **replays**: the statement's own text, under its own `search_path`, time zone and other settings, where it was one
  statement or provably one of its string. Owners, tablespaces and CONCURRENTLY are left out. What came out is compared
  with what the register's catalog said; any difference undoes the change and stops the register.
- **nothing to do**: no content of a standby.
- **stops**: the standby stays at the commit before, with the cause `DdlNotReplayed` and three choices:
  `embassy register decide NAME` shows the statement; with `--ddl N --run-file FILE` SQL of your own runs at its place,
  with `--ddl N --skip` nothing does; `embassy register snapshot NAME` at home begins a new generation. Decisions are
  signed, kept at the embassy, and used again whenever the register is rebuilt from the lane.

Any other kind of change, any statement that PostgreSQL refuses at the embassy, and any change that the register could
not note stops too. Statements run with the rights of the embassy's own role, one at a time; what is no schema change is
never run. Whenever no change lies between, the fingerprint of tables, columns, indexes and enums in the pulse must be
the standby's own: otherwise `CatalogDiffers`.
"""
_MEANINGS = {REPLAYS: "replays", NOTHING: "nothing to do", STOPS: "**stops**"}


def page() -> str:
    """The page."""
    parts = [_HEAD]
    for group, cases in groupby(CASES, key=lambda case: case.group):
        parts.append(f"\n## {group}\n\n| change | standby | |\n|---|---|---|\n")
        parts += [f"| {_cell(case.title)} | {_MEANINGS[case.outcome]} | {_cell(case.note)} |\n" for case in cases]
    return "".join(parts)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
