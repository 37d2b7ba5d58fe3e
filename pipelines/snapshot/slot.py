"""The slot that exports the snapshot: made within a bound, with the name of whoever holds it up.

From PostgreSQL 17 on the permanent slot is a failover slot: a physical standby that syncs slots has it too, and capture
goes on there after a switchover (docs/switchover.md).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg import sql

from data_embassy.postgres import Connection
from data_embassy.types import Lsn
from pipelines.snapshot.errors import SlotTimeout, SnapshotRefused

_LOOK_SECONDS: Final = 2.0
_CANCEL_SECONDS: Final = 15.0
_FAILOVER_VERSION: Final = 170000

# Who a new slot waits for: transactions that were running when it was begun, and prepared ones.
_BLOCKERS: Final = """
SELECT format('pid %%s, user %%s, application %%s, state %%s, open since %%s', pid, usename,
              quote_ident(application_name), state, to_char(xact_start, 'YYYY-MM-DD HH24:MI:SS TZ'))
  FROM pg_stat_activity
 WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid() AND backend_type <> 'walsender'
   AND xact_start < %(begun)s
UNION ALL
SELECT format('prepared transaction of %%s since %%s', owner, to_char(prepared, 'YYYY-MM-DD HH24:MI:SS TZ'))
  FROM pg_prepared_xacts WHERE prepared < %(begun)s
 ORDER BY 1 LIMIT 10
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedSlot:
    """A slot that was just made, and its snapshot: valid while the connection that made it stays idle."""

    name: str
    is_temporary: bool
    consistent_point: Lsn
    snapshot: str


def create_slot(
    replication: Connection,
    look: Connection,
    *,
    name: str,
    is_temporary: bool,
    seconds_max: float,
    report: Callable[[str], None],
) -> ExportedSlot:
    """Create the slot on `replication`; `look` is another, autocommitting connection of the same role.

    Raises SlotTimeout with the blocking transactions when older transactions do not end in time.
    """
    begun = look.execute("SELECT clock_timestamp()").fetchone()
    assert begun is not None
    is_failover = not is_temporary and look.info.server_version >= _FAILOVER_VERSION
    command = sql.SQL("CREATE_REPLICATION_SLOT {}{} LOGICAL pgoutput (SNAPSHOT 'export'{})").format(
        sql.Identifier(name),
        sql.SQL(" TEMPORARY" if is_temporary else ""),
        sql.SQL(", FAILOVER" if is_failover else ""),
    )
    deadline = time.monotonic() + seconds_max
    with ThreadPoolExecutor(1, thread_name_prefix="slot") as pool:
        future = pool.submit(replication.execute, command)
        try:
            _wait(look, future, begun[0], deadline=deadline, seconds_max=seconds_max, report=report)
        except BaseException:
            # Also when the operator gives up: the executor would wait for ever for a slot that nobody wants.
            _give_up(replication, look, future)
            raise
        try:
            cursor = future.result()
        except psycopg.Error as error:
            raise SnapshotRefused(
                f"the slot cannot be made: {error.diag.message_primary or type(error).__name__}",
                remedy="check max_replication_slots, max_wal_senders and the capture role's REPLICATION right",
            ) from error
    row = cursor.fetchone()
    assert row is not None
    return ExportedSlot(name=row[0], is_temporary=is_temporary, consistent_point=Lsn.parse(row[1]), snapshot=row[2])


def _wait(
    look: Connection,
    future: Future[Any],
    begun: object,
    *,
    deadline: float,
    seconds_max: float,
    report: Callable[[str], None],
) -> None:
    told: list[str] = []
    while not _settled(future, _LOOK_SECONDS):
        blockers = [row[0] for row in look.execute(_BLOCKERS, {"begun": begun})]
        if time.monotonic() >= deadline:
            raise SlotTimeout(
                f"the slot could not be made in {seconds_max:.0f} s: it waits for "
                + ("; ".join(blockers) or "a transaction that ended meanwhile"),
                remedy="end these transactions, or wait until they end, then run the snapshot again",
            )
        if blockers != told:
            report("the slot waits for older transactions: " + "; ".join(blockers))
            told = blockers


def _settled(future: Future[Any], seconds: float) -> bool:
    try:
        future.exception(timeout=seconds)
    except FutureTimeoutError:
        return False
    return True


def _give_up(replication: Connection, look: Connection, future: Future[Any]) -> None:
    replication.cancel_safe(timeout=_CANCEL_SECONDS)
    if not _settled(future, _CANCEL_SECONDS):
        look.execute("SELECT pg_terminate_backend(%s)", (replication.info.backend_pid,))
        _settled(future, _CANCEL_SECONDS)
