"""What must never be seen in a register, nor in a standby: each check counts the offending rows."""

from collections.abc import Mapping

from psycopg import Connection
from psycopg.pq import TransactionStatus


def violations(connection: Connection[tuple[object, ...]], checks: Mapping[str, str]) -> dict[str, int]:
    """Run every check (name: query of one number); return those that found something, with how often.

    Under one snapshot, or inside the caller's transaction where there is one.
    """
    found: dict[str, int] = {}
    is_outermost = connection.info.transaction_status == TransactionStatus.IDLE
    with connection.transaction():
        if is_outermost:
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        for name, text in checks.items():
            row = connection.execute(text.encode()).fetchone()
            if row is None or not isinstance(row[0], int):
                raise TypeError(f"the check {name} is no count")
            if row[0] > 0:
                found[name] = row[0]
    return found
