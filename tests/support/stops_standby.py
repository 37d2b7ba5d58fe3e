"""What somebody does to a standby, its server or this site's files so that its register stops, and how it is mended."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import psycopg
import pytest
from psycopg import sql

from consumers.apply.ddl.rows import Reader
from consumers.control import Control
from consumers.decisions import decision_log
from consumers.fetch import Ready
from consumers.writer import GroupWriter
from data_embassy.config import open_site
from schemas.records import ChangeSchema, encode
from tests.support.memory_lane import MemoryLink
from tests.support.receiving import ROLE, Link
from tests.support.stops_lane import Mend, nothing
from tests.support.synthetic_register import REPAIR, Change, parse, update


def as_superuser(link: MemoryLink, *statements: str, database: str | None = None) -> None:
    """The embassy's DBA, or somebody else who may do everything there."""
    dsn = link.embassy.server.dsn(database or link.register.name)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        for statement in statements:
            connection.execute(statement.encode())


def change(link: Link) -> None:
    """People go on working at the register."""
    link.source.commit(update(1, f"changed at {len(link.source.log)}"))
    link.source.pulse()
    link.send()


def altered(*statements: str) -> Callable[[MemoryLink], Mend]:
    """Somebody alters the standby; the next change finds it so."""

    def harm(link: MemoryLink) -> Mend:
        as_superuser(link, *statements)
        change(link)
        return nothing

    return harm


def forbidden(table: str) -> Callable[[MemoryLink], Mend]:
    """The receiver's role loses its right on a table of the standby."""

    def harm(link: MemoryLink) -> Mend:
        as_superuser(link, f"ALTER TABLE {table} OWNER TO CURRENT_USER")
        change(link)
        return lambda: as_superuser(link, f"ALTER TABLE {table} OWNER TO {ROLE}")

    return harm


def dropped(link: MemoryLink) -> Mend:
    name = sql.Identifier(link.register.name)
    with closing(Control.open(link.embassy.postgres, role="test")) as control:
        control.connection.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))
        control.disconnect_all(link.register.name)
        control.connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
    change(link)  # An idle receiver does not notice.
    return nothing


def repaired(link: MemoryLink) -> Mend:
    """Rows that were sent again and cannot be read."""
    columns = ", ".join(f"{column} text" for column in REPAIR.columns[1:])
    as_superuser(
        link,
        f"CREATE TABLE data_embassy.repair (id bigint PRIMARY KEY, {columns})",
        f"ALTER TABLE data_embassy.repair OWNER TO {ROLE}",
    )
    link.source._capture(encode("Schema", {"fingerprint": REPAIR.fingerprint, "json": REPAIR.json}))
    row = ("1", "1", "public", "person", "no json", None, None, "1", "[]", "")
    link.source.commit(Change(REPAIR, "c", after=row))
    link.send()
    return nothing


def reconnecting(link: MemoryLink) -> None:
    """The embassy's server ends the receiver's sessions, so that it begins anew."""
    as_superuser(
        link,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        f" WHERE datname = '{link.register.name}' AND usename = '{ROLE}'",
        database="postgres",
    )


class Fault:
    """A fault of this program that some registers meet; the later version has it no more."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._names: set[str] = set()
        write, names = GroupWriter.write, self._names

        def faulty(writer: GroupWriter, ready: Ready) -> bool:
            if writer._register in names:
                raise ZeroDivisionError
            return write(writer, ready)

        patch.setattr(GroupWriter, "write", faulty)

    def meet(self, link: MemoryLink) -> Mend:
        self._names.add(link.register.name)
        change(link)
        return lambda: self._names.discard(link.register.name)


def damaged_decisions(link: MemoryLink) -> Mend:
    """Somebody alters the log of decisions before the decision about a schema change is asked for."""
    row = {
        "id": "1", "transaction": "701", "at": "2024-01-01 00:00:00+00", "event": "ddl_command_end", "tag": "DO",
        "statement": "DO $$ BEGIN END $$", "statement_of": None, "search_path": "public", "role": "somebody",
        "settings": "{}", "details": "{}",
    }  # fmt: skip
    schema = ChangeSchema.build("data_embassy", "ddl", tuple(row))
    log = decision_log(open_site(link.embassy.folder), link.register.name)
    log.add(ddl=1, digest=Reader().read(row).digest, sql=None, by="somebody", now=dt.datetime.now(dt.UTC))
    path = link.embassy.folder / "state" / "decisions" / f"{link.register.name}.jsonl"
    data = path.read_bytes()
    path.write_bytes(data.replace(b"somebody", b"nobody"))
    as_superuser(link, *(f"ALTER TABLE data_embassy.ddl ADD IF NOT EXISTS {column} text" for column in schema.columns))
    parse(schema)
    link.source._capture(encode("Schema", {"fingerprint": schema.fingerprint, "json": schema.json}))
    link.source.commit(Change(schema, "c", after=tuple(row.values())))
    link.send()
    return lambda: _write(path, data)


# -- a snapshot that cannot be loaded --------------------------------------------------------------------------------


def wrong_totals(link: MemoryLink) -> Mend:
    """The snapshot states other totals than it holds."""
    link.source.snapshot()
    del link.source.log[-1]
    link.source._snapshot_n -= 1
    end = {"tables": 2, "rows": 999, "bytes": 9, "finished_at": 0, "sequences": "[]"}
    link.source._snap("SnapshotEnd", end)
    link.send()
    return nothing


def untrusted_extension(link: MemoryLink) -> Mend:
    """The register uses an extension that only a superuser may make."""
    first = b"CREATE EXTENSION IF NOT EXISTS pg_buffercache WITH SCHEMA public;\n"
    link.source.snapshot(before=first)
    link.send()
    return lambda: as_superuser(
        link, "CREATE EXTENSION pg_buffercache SCHEMA public", database=f"{link.register.name}_g1"
    )


# -- this site's keys ------------------------------------------------------------------------------------------------


def keys_harmed(harm: Callable[[Path], Mend]) -> Callable[[MemoryLink], Mend]:
    """Something happens to the embassy's key folder; the receiver reads it again when it begins anew."""

    def both(link: MemoryLink) -> Mend:
        mend = harm(link.embassy.folder / "keys")
        reconnecting(link)
        change(link)  # An idle receiver does not notice.
        return mend

    return both


def missing(keys: Path) -> Mend:
    return _moved_away(next(keys.glob("receipt*.key")))


def foreign(keys: Path) -> Mend:
    """Home's folder was put in its place."""
    own, other = keys.with_name("own-keys"), keys.with_name("other-keys")
    shutil.copytree(keys.with_name("home-keys"), other)
    keys.rename(own)
    other.rename(keys)

    def mend() -> None:
        shutil.rmtree(keys)
        own.rename(keys)

    return mend


def exposed(keys: Path) -> Mend:
    """Mended as the remedy says: 700 for the folder, 600 for its files."""
    file = next(keys.glob("*.key"))
    file.chmod(0o644)

    def mend() -> None:
        keys.chmod(0o700)
        for path in keys.glob("*.key"):
            path.chmod(0o600)

    return mend


def damaged(keys: Path) -> Mend:
    file = next(keys.glob("*.key"))
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2])
    return lambda: _write(file, data)


def peer_missing(keys: Path) -> Mend:
    """Home's public keys are gone; its bundle is imported again."""
    shutil.rmtree(keys / "peers")
    return nothing


def not_owned(keys: Path) -> Mend:
    """Another user's file, which only root can make."""
    file = next(keys.glob("*.key"))
    os.chown(file, 65534, -1)
    return lambda: os.chown(file, os.geteuid(), -1)


def _moved_away(file: Path) -> Mend:
    data = file.read_bytes()
    file.unlink()
    return lambda: _write(file, data)


def _write(file: Path, data: bytes) -> None:
    file.touch(mode=0o600)
    file.write_bytes(data)


KEYS: Final[dict[str, Callable[[Path], Mend]]] = {
    "KeyMissing": missing,
    "KeyForeign": foreign,
    "KeyExposed": exposed,
    "KeyDamaged": damaged,
    "PeerMissing": peer_missing,
}
if os.geteuid() == 0:
    KEYS["KeyNotOwned"] = not_owned
