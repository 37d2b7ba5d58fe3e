"""A register of the local system: the DBA's part, and our own commands run at a site as a person would run them."""

import subprocess

import psycopg
from psycopg import sql

from connectors.prepare import prepare_sql
from data_embassy.config import load_site
from deploy.local.apart import enter_command
from deploy.local.layout import Layout
from deploy.local.machine import LocalError
from deploy.local.processes import embassy_script
from deploy.local.services import home_postgres
from deploy.local.sites import CAPTURE_ROLE, PULSE_ROLE

COMMAND_SECONDS_MAX = 1800
TRIES = 3
_UNREACHABLE = 3


def databases(layout: Layout) -> dict[str, str]:
    """Database at home of every register that the embassy knows; a register of a home that is gone keeps its name."""
    named = {name: name for name in load_site(layout.site("embassy")).registers}
    if (layout.site("home") / "site.toml").exists():
        for name, register in load_site(layout.site("home")).registers.items():
            if register.source is not None:
                named[name] = register.source.capture.database
    return named


def prepare(layout: Layout, name: str) -> None:
    """Run the DBA's script in the register's database as superuser and set the passwords of its two roles."""
    register = load_site(layout.site("home")).register(name)
    source = register.source
    assert source is not None
    with psycopg.connect(home_postgres(layout).dsn(source.capture.database), autocommit=True) as connection:
        connection.execute(prepare_sql(register).encode())
        for role, target in ((CAPTURE_ROLE, source.capture), (PULSE_ROLE, source.pulse)):
            assert target.password is not None
            secret = sql.Literal(target.password.read().reveal())
            connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), secret))


def command(layout: Layout, site: str, *arguments: str) -> str:
    """Run `embassy` at a site, again where a service did not answer in time; returns its output.

    Raises LocalError with the last lines.
    """
    for _ in range(TRIES):
        done = subprocess.run(
            [*enter_command(layout, site), str(embassy_script()), "--site", str(layout.site(site)), *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
            timeout=COMMAND_SECONDS_MAX,
        )  # fmt: skip
        if done.returncode != _UNREACHABLE:
            break
    if done.returncode != 0:
        raise LocalError(f"embassy {' '.join(arguments)} at {site} failed:\n{done.stdout[-2000:]}", remedy="see above")
    return done.stdout
