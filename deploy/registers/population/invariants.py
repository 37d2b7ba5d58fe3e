"""What must never be seen in the register, nor in a standby: each file of `checks/` counts the offending rows."""

from importlib.resources import files

from psycopg import Connection
from psycopg.pq import TransactionStatus


def violations(connection: Connection[tuple[object, ...]]) -> dict[str, int]:
    """Run every check; return the names of those that found something, with how often.

    Under one snapshot, or inside the caller's transaction where there is one.
    """
    found: dict[str, int] = {}
    is_outermost = connection.info.transaction_status == TransactionStatus.IDLE
    with connection.transaction():
        if is_outermost:
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        for name, text in sorted(_checks().items()):
            row = connection.execute(text.encode()).fetchone()
            if row is not None and isinstance(row[0], int) and row[0] > 0:
                found[name] = row[0]
    return found


def _checks() -> dict[str, str]:
    folder = files(__package__).joinpath("checks")
    return {
        file.name.removesuffix(".sql"): file.read_text(encoding="utf-8")
        for file in folder.iterdir()
        if file.name.endswith(".sql")
    }
