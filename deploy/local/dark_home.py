"""What the embassy does when home is gone and a standby as well: it makes the standby again from its own log."""

import psycopg
from psycopg import sql

from data_embassy.errors import CheckFailed
from deploy.local import registers
from deploy.local.compare import contents
from deploy.local.processes import of_site
from deploy.local.system import LocalSystem


def lose_and_rebuild(system: LocalSystem, name: str) -> tuple[str, int]:
    """Stop home, drop a standby, replay it; what the command said, and how many tables hold what they held.

    The receiver stays stopped. Raises CheckFailed when a table differs.
    """
    standby_dsn = system.env()["registers"][name]["standby_dsn"]
    before = contents(standby_dsn)
    system.stop(*of_site("home", system.layout), "receive")
    with psycopg.connect(system.env()["embassy_postgres"], autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
    said = registers.command(system.layout, "embassy", "register", "replay", name)
    after = contents(standby_dsn)
    different = sorted(table for table in before.keys() | after.keys() if before.get(table) != after.get(table))
    if different:
        raise CheckFailed(f"the rebuilt {name} differs in {', '.join(different)}", remedy="embassy local logs receive")
    return said.strip().splitlines()[-1], len(after)
