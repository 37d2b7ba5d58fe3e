"""Repair: what the last verification found different is sent again through the lane, in commit order (DESIGN 9).

For each table: a short SHARE lock keeps writers out, the rows of its differing ranges are read and written into
`data_embassy.repair`, the transaction commits. The embassy replaces exactly those ranges when it comes to that place.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import psycopg

from data_embassy.config import Register, Site
from data_embassy.errors import CheckFailed, ContractError
from data_embassy.keys import load_home_keys
from data_embassy.postgres import Connection, connect
from data_embassy.verifications import is_signed, reports
from operations.verify.errors import NotPrepared
from schemas.content import Name
from schemas.digest import quote
from schemas.ranges import EVERYTHING, KeyColumn, KeyRange, condition

PART_BYTES: Final = 8 << 20
"""Rows of one record of the stream; the largest record is 64 MiB."""
_TABLE: Final = b"""
SELECT ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0
                AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY a.attnum),
       ARRAY(SELECT ARRAY[a.attname::text, format_type(a.atttypid, -1)]
               FROM pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY k(number, place), pg_attribute a
              WHERE i.indrelid = c.oid AND i.indisprimary AND a.attrelid = c.oid AND a.attnum = k.number
                AND k.place <= i.indnkeyatts ORDER BY k.place)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = %s AND c.relname = %s AND c.relkind = 'r' AND c.relpersistence = 'p'
"""
_SEND: Final = "SELECT data_embassy.send_again(%s, %s, %s, %s, %s, %s, %s, %s, %s)"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRepair:
    """A table to be repaired: its differing ranges, or everything where it has no key."""

    name: Name
    ranges: tuple[KeyRange, ...]
    rows: int

    @property
    def label(self) -> str:
        """For people."""
        return ".".join(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a repair will do, and what it leaves to people."""

    verification: str
    position: str
    tables: tuple[TableRepair, ...]
    left: tuple[str, ...]
    """What rows cannot repair, each with what to do."""

    def as_json(self) -> dict[str, Any]:
        """For --json."""
        return {
            "verification": self.verification,
            "position": self.position,
            "tables": [
                {"table": one.label, "rows": one.rows, "ranges": [within.as_json() for within in one.ranges]}
                for one in self.tables
            ],
            "left": list(self.left),
        }


def plan(site: Site, register: Register) -> Plan | None:
    """What the last verification asks to repair; None when it found everything equal. Raises CheckFailed."""
    found = list(reports(site.state, register.name))
    if not found:
        raise CheckFailed(
            f"{register.name} was never verified at this site", remedy=f"embassy register verify {register.name}"
        )
    path, document = found[-1]
    if not is_signed(document, load_home_keys(site.keys).signer):
        raise CheckFailed(
            f"the report {path.name} does not bear this site's signature",
            remedy=f"remove it and verify again: embassy register verify {register.name}",
        )
    return plan_of(document["report"])


def plan_of(report: Mapping[str, Any]) -> Plan | None:
    """The plan from a report."""
    if report["equal"]:
        return None
    tables, left = [], []
    rebuild = f"at home: embassy register snapshot {report['register']}"
    for table in report["tables"]:
        if table["equal"] or table.get("derived"):
            continue
        if str(table["reason"]).startswith(("is missing", "exists only")):
            left.append(f"{table['table']} {table['reason']}: {rebuild}")
            continue
        ranges = tuple(KeyRange.parse([one["from"], one["before"]]) for one in table["ranges"]) or (EVERYTHING,)
        rows = sum(one["rows"] for one in table["ranges"]) if table["ranges"] else table["rows"]
        name = table["relation"][0], table["relation"][1]
        tables.append(TableRepair(name=name, ranges=ranges, rows=rows))
    left += [f"{line}: {rebuild}" for line in report["definitions"]]
    left += [f"{line}: restart the receiver, which sets it by the next pulse" for line in report["sequences"]]
    return Plan(
        verification=report["verification"], position=report["position"], tables=tuple(tables), left=tuple(left)
    )


def send_again(register: Register, chosen: Plan, *, tell: Callable[[str], None]) -> list[str]:
    """Send the rows of every table of the plan; returns what could not be sent, in words.

    Raises NotPrepared, ContractError, TransportError.
    """
    if register.source is None:
        raise ContractError(f"{register.name} has no source at this site", remedy="run this at home")
    left = []
    with connect(register.source.capture, application_name="data-embassy repair", autocommit=True) as connection:
        for table in chosen.tables:
            try:
                with connection.transaction():
                    sent = _send_table(connection, chosen.verification, table)
            except psycopg.errors.UndefinedFunction:
                raise NotPrepared(
                    f"{register.name} was not prepared for repair",
                    remedy=f"embassy register prepare {register.name} --print-sql, to be run again by its DBA",
                ) from None
            except psycopg.errors.LockNotAvailable:
                left.append(f"{table.label} is in use: run the repair again")
            except psycopg.errors.RaiseException:
                left.append(
                    f"{table.label} is no ordinary table: refresh the materialized view at home,"
                    f" or embassy register snapshot {register.name}"
                )
            else:
                tell(f"{table.label}: {sent} rows in {len(table.ranges)} ranges sent again")
    return left


def _send_table(connection: Connection, verification: str, table: TableRepair) -> int:
    # What was committed before the lock was granted must be seen.
    connection.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
    connection.execute("SELECT data_embassy.lock_for_repair(%s, %s)", table.name)
    row = connection.execute(_TABLE, table.name).fetchone()
    assert row is not None
    columns, key = row[0], [KeyColumn(*pair) for pair in row[1]]
    ranges = table.ranges if key else (EVERYTHING,)

    def send(within: KeyRange, part: int, rows: str) -> None:
        start, end = (None if bound is None else json.dumps(bound) for bound in within.as_json())
        keys = json.dumps([[column.name, column.type_text] for column in key])
        connection.execute(_SEND, (verification, *table.name, keys, start, end, part, json.dumps(columns), rows))

    for within in ranges:
        send(within, 1, "")
    sent = 0
    for within in ranges:
        for part, (text, count) in enumerate(_rows(connection, table.name, columns, condition(key, within)), start=2):
            send(within, part, text)
            sent += count
    return sent


def _rows(connection: Connection, name: Name, columns: Sequence[str], where: str) -> list[tuple[str, int]]:
    """COPY text of the rows and their number, in parts; all of them, because the connection sends them next."""
    names = ", ".join(f"t.{quote(column)}" for column in columns)
    source = f"SELECT {names} FROM ONLY {quote(name[0])}.{quote(name[1])} AS t"  # noqa: S608 (quoted)
    query = f"COPY ({source}{f' WHERE {where}' if where else ''}) TO STDOUT".encode()
    parts: list[tuple[str, int]] = []
    gathered: list[bytes] = []
    size = 0
    with connection.cursor().copy(query) as copy:
        for line in copy:
            gathered.append(bytes(line))
            size += len(line)
            if size >= PART_BYTES:
                parts.append((b"".join(gathered).decode(), len(gathered)))
                gathered, size = [], 0
    if gathered:
        parts.append((b"".join(gathered).decode(), len(gathered)))
    return parts
