"""Judgements over what runs now: transactions that a new slot would wait for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from connectors.preflight.findings import Check, Context, Finding, Row, warn

_LONG_SECONDS: Final = 300

_TRANSACTIONS: Final = """
SELECT 'transaction of pid ' || pid AS name, NULL AS gid, pid,
       format('user %%s, application %%s, %%s', usename, quote_ident(application_name), state) AS who,
       extract(epoch FROM clock_timestamp() - xact_start)::bigint AS seconds
  FROM pg_stat_activity
 WHERE backend_xid IS NOT NULL AND backend_type <> 'walsender' AND xact_start IS NOT NULL
UNION ALL
SELECT 'prepared transaction', gid, NULL, format('owner %%s, database %%s', owner, database),
       extract(epoch FROM clock_timestamp() - prepared)::bigint
  FROM pg_prepared_xacts
 ORDER BY seconds DESC, 1
"""


def judge_transactions(rows: Sequence[Row], _context: Context) -> Iterator[Finding]:
    """Old transactions of the whole server: a slot begins only when they have ended."""
    for row in rows:
        if row["seconds"] < _LONG_SECONDS:
            continue
        remedy = (
            f"end it: SELECT pg_terminate_backend({row['pid']})"
            if row["gid"] is None
            else "end it in its database: COMMIT PREPARED or ROLLBACK PREPARED (SELECT gid FROM pg_prepared_xacts)"
        )
        yield warn(
            "transactions", row["name"], f"open for {row['seconds']} s ({row['who']}): a snapshot and each"
            " verification wait for it, and the slot keeps WAL from its begin on", remedy,
        )  # fmt: skip


CHECKS: Final = (Check(name="transactions", title="Long transactions", query=_TRANSACTIONS, judge=judge_transactions),)
