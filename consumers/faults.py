"""What PostgreSQL or this program itself met with a register's data, told without values of rows."""

from __future__ import annotations

import traceback

import psycopg

from consumers.refusals import REPORT, RESTART, Faulted, StandbyRefused
from data_embassy.errors import TransportError


def refused(error: psycopg.Error) -> StandbyRefused:
    """A statement that PostgreSQL refused: it will again."""
    # PostgreSQL's text may quote values of rows: only its code is kept.
    return StandbyRefused(
        f"PostgreSQL refused a statement: {type(error).__name__} (SQLSTATE {error.sqlstate})", remedy=RESTART
    )


def unreachable(error: psycopg.Error) -> TransportError:
    """A server that failed: it is waited for."""
    return TransportError(
        f"the standby's server failed: {type(error).__name__} (SQLSTATE {error.sqlstate or 'none'})",
        remedy="the receiver tries again by itself; check that the server runs",
    )


def fault(error: Exception) -> Faulted:
    """An error of this program: the other registers go on."""
    # Its text may hold values of rows: only its kind and its place are kept.
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else "unknown"
    return Faulted(f"a fault of this program: {type(error).__name__} at {place}", remedy=REPORT)
