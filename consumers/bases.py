"""The base of a generation: the standby that home compared with, exactly behind one transaction (stream-v1 7.1).

It is the live standby where that still stands there: it is read under one snapshot, so that it may go on. Otherwise
(a kill came between, or the lane is replayed) it is built anew from the lane, in a database that goes with the end of
the load. Either way its position says that it is the right one, and the digest of each loaded table proves it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import Any, Final

import psycopg

from consumers import standby
from consumers.control import Control
from consumers.load import Base, Kept, Sink, drop_generation
from consumers.position import StandbyPosition
from consumers.refusals import WAIT, BaseMoved
from consumers.verify.asked import Asker
from data_embassy.config import Postgres
from data_embassy.postgres import Connection, connect
from schemas.content import Content, Moved, begin_snapshot
from schemas.ranges import condition, copy_rows_sql

_CHUNK_BYTES: Final = 1 << 20
_SESSION: Final = (
    b"SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET idle_session_timeout = 0"
)
_FILENODE: Final = "SELECT relfilenode::bigint FROM pg_class WHERE oid = %s"


def base_database(database: str) -> str:
    """Name of the database in which the base of a generation's database is built."""
    return f"{database}_base"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A standby's database under one snapshot."""

    position: StandbyPosition
    content: Content
    under: Connection
    look: Connection

    @property
    def base(self) -> Base:
        """What it is as a base."""
        position = self.position
        return Base(generation=position.generation, attempt=position.attempt, commit_lsn=position.last_end)


class StandbyBases:
    """Bases of one load; one thread uses it, and closes it."""

    def __init__(
        self,
        *,
        postgres: Postgres,
        register: str,
        own_database: str,
        asker: Asker | None,
        build: Callable[[Base, str], None],
    ) -> None:
        """`build` makes a base from the lane, in a database of the name given; `asker` is None where nobody asks."""
        self._postgres, self._register, self._asker, self._build = postgres, register, asker, build
        self._built = base_database(own_database)
        self._seen: Seen | None = None
        self._stack = ExitStack()

    def answer(self, record: Mapping[str, Any], attempt: int, base: Base | None) -> None:
        """Answer home; raises TransportError, BaseMissing, psycopg.Error."""
        if self._asker is None:
            return
        with self._asker.hears(record, attempt) as question:
            seen = self._live() if base is None else self._at(base)
            question.answer(None if seen is None else seen.position, None if seen is None else seen.content)

    def copy(self, base: Base, kept: Kept, write: Sink) -> None:
        """Rows of the base's ranges as COPY text; raises BaseMoved, BaseMissing."""
        seen = self._at(base)
        table = seen.content.tables.get((kept.relation_schema, kept.relation_name))
        if table is None:
            return  # The count of rows tells.
        with _moves():
            for within in kept.ranges:
                where = condition(kept.key, within)
                _copy(seen.under, kept, where, write)
            # A TRUNCATE or a rewrite behind the position makes an older snapshot see nothing.
            now = seen.look.execute(_FILENODE, (table.oid,)).fetchone()
        if now is None or now[0] != table.filenode:
            self.close()
            raise BaseMoved("the standby that serves as base was truncated or rewritten", remedy=WAIT)

    def close(self) -> None:
        """Let go of the base."""
        self._seen = None
        self._stack.close()

    def drop(self) -> None:
        """The load is over: what was built for it goes."""
        self.close()
        with closing(Control.open(self._postgres, role="receive")) as control:
            drop_generation(control.connection, self._built)

    def _live(self) -> Seen | None:
        self.close()
        with closing(Control.open(self._postgres, role="receive")) as control:
            live = [
                one.database
                for one in control.standbys(self._register)
                if one.state == "live" and control.exists(one.database)
            ]
        return self._open(live[0]) if live else None

    def _at(self, base: Base) -> Seen:
        if self._seen is not None and self._seen.base == base and not self._seen.under.closed:
            return self._seen
        self.close()
        with closing(Control.open(self._postgres, role="receive")) as control:
            found = [
                one.database
                for one in control.standbys(self._register)
                if one.run == base.run and control.exists(one.database)
            ]
        for database in found:
            seen = self._open(database)
            if seen is not None and seen.base == base:
                return seen
            self.close()
        self._build(base, self._built)
        seen = self._open(self._built)
        if seen is None or seen.base != base:
            raise BaseMoved("the base that was built is not where it should be", remedy=WAIT)
        return seen

    def _open(self, database: str) -> Seen | None:
        """None where there is no loaded standby."""
        under, look = (self._stack.enter_context(closing(self._connect(database))) for _ in range(2))
        with _moves():
            begin_snapshot(under)
            if not standby.has_position_table(under) or (position := standby.read_position(under)) is None:
                return None
            self._seen = Seen(position=position, content=Content(under, look), under=under, look=look)
        return self._seen

    def _connect(self, database: str) -> Connection:
        connection = connect(self._postgres, application_name="data-embassy base", database=database, autocommit=True)
        connection.execute(_SESSION)
        return connection


def _copy(connection: Connection, kept: Kept, where: str, write: Sink) -> None:
    query = copy_rows_sql(kept.relation_schema, kept.relation_name, kept.columns, where)
    gathered: list[bytes] = []
    size = 0
    with connection.cursor().copy(query.encode()) as copy:
        for row in copy:
            gathered.append(bytes(row))
            size += len(row)
            if size >= _CHUNK_BYTES:
                write(b"".join(gathered), len(gathered))
                gathered, size = [], 0
    if gathered:
        write(b"".join(gathered), len(gathered))


@contextmanager
def _moves() -> Iterator[None]:
    """What a base that changes its form under our eyes looks like."""
    try:
        yield
    except (Moved, psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn, psycopg.errors.LockNotAvailable):
        raise BaseMoved("the standby that serves as base changed its form", remedy=WAIT) from None
