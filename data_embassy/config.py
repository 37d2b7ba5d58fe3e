"""A site's configuration: one folder with `site.toml` and one contract per register, read once into frozen objects.

Every error of all files is reported together. Passwords stand in files of mode 0600 and never in the
configuration. Relative paths are relative to the site's folder.
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from data_embassy.errors import ConfigError

Role = Literal["home", "embassy"]
_REGISTER_NAME: Final = re.compile(r"\A[a-z][a-z0-9_]{0,47}\Z")
_LANE: Final = re.compile(r"\A[0-9a-f]{16}\Z")
REMEDY: Final = "correct the file, then: embassy config check"


class Secret:
    """A secret text; its repr shows nothing."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The text itself, for the edge that needs it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(...)"

    __str__ = __repr__


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordFile:
    """A file that holds a password: read at use, so that a rotated one counts at the next connection."""

    path: Path

    def read(self) -> Secret:
        """The password; raises ConfigError when the file is missing, empty or readable by others."""
        try:
            mode = self.path.stat().st_mode
            text = self.path.read_text(encoding="utf-8").strip("\r\n")
        except OSError as error:
            raise ConfigError(f"password file {self.path} cannot be read: {error.strerror}", remedy=REMEDY) from error
        if stat.S_IMODE(mode) & 0o077:
            raise ConfigError(f"password file {self.path} is accessible to others", remedy=f"chmod 600 {self.path}")
        if not text:
            raise ConfigError(f"password file {self.path} is empty", remedy="write the password into it")
        return Secret(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """A site's own Kafka broker: SASL PLAIN when a user name is given."""

    bootstrap: str
    username: str | None
    password: PasswordFile | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """The embassy's broker as home reaches it: TLS with home's client certificate."""

    bootstrap: str
    ca_file: Path | None
    cert_file: Path | None
    key_file: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Connect:
    """Kafka Connect's REST address."""

    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Postgres:
    """One database of a PostgreSQL server and who connects."""

    host: str
    port: int
    database: str
    user: str
    password: PasswordFile | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Home's access to a register."""

    capture: Postgres
    pulse: Postgres
    slot: str
    publication: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """A register's contract at this site."""

    name: str
    lane: str
    tier: int
    source: Source | None

    @property
    def changes_topic(self) -> str:
        """Home topic: the register's ordered truth."""
        return f"changes.{self.name}"

    @property
    def schemas_topic(self) -> str:
        """Compacted home topic with the register's schema records."""
        return f"schemas.{self.name}"

    @property
    def lane_topic(self) -> str:
        """Sealed topic at the embassy."""
        return f"lane.{self.lane}"

    @property
    def receipts_topic(self) -> str:
        """Signed receipts of the embassy."""
        return f"receipts.{self.lane}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """Loopback ports of the processes' metrics; 0 serves none."""

    forward: int
    pulse: int
    receive: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Everything a process of this site may know."""

    role: Role
    name: str
    folder: Path
    keys: Path
    state: Path
    kafka: Broker
    connect: Connect | None
    link: Link | None
    postgres: Postgres | None
    metrics: Metrics
    registers: Mapping[str, Register]

    def register(self, name: str) -> Register:
        """The register of this name; raises ConfigError."""
        try:
            return self.registers[name]
        except KeyError:
            known = ", ".join(sorted(self.registers)) or "none"
            raise ConfigError(
                f"no register {name!r} at site {self.name} (known: {known})", remedy="embassy register list"
            ) from None


class _Reader:
    """Reads tables of one file and gathers what is wrong."""

    def __init__(self, path: Path, folder: Path, problems: list[str]) -> None:
        self.path, self.folder, self.problems = path, folder, problems
        self.data: dict[str, Any] = {}
        try:
            self.data = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            problems.append(f"{path}: cannot be read: {error.strerror}")
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            problems.append(f"{path}: {error}")
        self._used: set[tuple[str, ...]] = set()

    def has(self, table: str) -> bool:
        return isinstance(self.data.get(table), dict)

    def _value(self, table: str, name: str, kind: type, default: Any, *, required: bool) -> Any:
        self._used.add((table, name))
        where = self.data.get(table, {}) if table else self.data
        value = where.get(name, default) if isinstance(where, dict) else default
        label = f"{table}.{name}" if table else name
        if value is None and required:
            self.problems.append(f"{self.path}: {label} is missing")
            return kind()
        if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
            self.problems.append(f"{self.path}: {label} must be {kind.__name__}")
            return kind()
        return value

    def text(self, table: str, name: str, default: str | None = None) -> str:
        value: str = self._value(table, name, str, default, required=True)
        return value

    def optional(self, table: str, name: str) -> str | None:
        value: str | None = self._value(table, name, str, None, required=False)
        return value

    def number(self, table: str, name: str, default: int | None, low: int, high: int) -> int:
        value: int = self._value(table, name, int, default, required=True)
        if not low <= value <= high and (table, name) in self._used:
            self.problems.append(f"{self.path}: {table}.{name} must lie between {low} and {high}")
        return value

    def file(self, table: str, name: str) -> Path | None:
        value = self.optional(table, name)
        return None if value is None else self.folder / value

    def password(self, table: str, name: str) -> PasswordFile | None:
        path = self.file(table, name)
        return None if path is None else PasswordFile(path=path)

    def finish(self) -> None:
        """Report what nobody read: a misspelt setting must not pass silently."""
        for table, content in self.data.items():
            if not isinstance(content, dict):
                if ("", table) not in self._used:
                    self.problems.append(f"{self.path}: unknown setting {table}")
                continue
            for name in content:
                if (table, name) not in self._used:
                    self.problems.append(f"{self.path}: unknown setting {table}.{name}")


def load_site(folder: Path) -> Site:
    """Read a site's folder; raises ConfigError that lists every problem found."""
    problems: list[str] = []
    folder = folder.absolute()
    reader = _Reader(folder / "site.toml", folder, problems)
    role = reader.text("site", "role")
    if role not in ("home", "embassy"):
        problems.append(f"{reader.path}: site.role must be home or embassy")
    registers = {}
    for path in sorted((folder / "registers").glob("*.toml")):
        register = _load_register(path, folder, problems, is_home=role == "home")
        registers[register.name] = register
    site = Site(
        role="home" if role == "home" else "embassy",
        name=reader.text("site", "name", role),
        folder=folder,
        keys=folder / reader.text("site", "keys", "keys"),
        state=folder / reader.text("site", "state", "state"),
        kafka=Broker(
            bootstrap=reader.text("kafka", "bootstrap"),
            username=reader.optional("kafka", "username"),
            password=reader.password("kafka", "password_file"),
        ),
        connect=Connect(url=reader.text("connect", "url")) if role == "home" else None,
        link=_load_link(reader) if role == "home" else None,
        postgres=_load_postgres(reader) if role == "embassy" else None,
        metrics=Metrics(
            forward=reader.number("metrics", "forward", 0, 0, 65535),
            pulse=reader.number("metrics", "pulse", 0, 0, 65535),
            receive=reader.number("metrics", "receive", 0, 0, 65535),
        ),
        registers=registers,
    )
    reader.finish()
    lanes = [register.lane for register in registers.values()]
    problems += [f"{folder}: lane {lane} is used twice" for lane in {x for x in lanes if lanes.count(x) > 1}]
    if problems:
        raise ConfigError("the configuration cannot be used:\n  " + "\n  ".join(problems), remedy=REMEDY)
    return site


def _load_link(reader: _Reader) -> Link:
    return Link(
        bootstrap=reader.text("link", "bootstrap"),
        ca_file=reader.file("link", "ca_file"),
        cert_file=reader.file("link", "cert_file"),
        key_file=reader.file("link", "key_file"),
    )


def _load_postgres(reader: _Reader) -> Postgres:
    return Postgres(
        host=reader.text("postgres", "host"),
        port=reader.number("postgres", "port", 5432, 1, 65535),
        database=reader.text("postgres", "database", "data_embassy"),
        user=reader.text("postgres", "user", "data_embassy"),
        password=reader.password("postgres", "password_file"),
    )


def _load_register(path: Path, folder: Path, problems: list[str], *, is_home: bool) -> Register:
    reader = _Reader(path, folder, problems)
    name = path.stem
    if not _REGISTER_NAME.match(name):
        problems.append(f"{path}: a register's name is lower-case letters, digits and _, at most 48, a letter first")
    lane = reader.text("", "lane")
    if not _LANE.match(lane):
        problems.append(f"{path}: lane must be 16 lower-case hex digits")
    tier = reader.number("", "tier", 1, 1, 9)
    source = None
    if is_home:

        def access(who: str) -> Postgres:
            return Postgres(
                host=reader.text("source", "host"),
                port=reader.number("source", "port", 5432, 1, 65535),
                database=reader.text("source", "database", name),
                user=reader.text("source", f"{who}_user", f"data_embassy_{who}"),
                password=reader.password("source", f"{who}_password_file"),
            )

        source = Source(
            capture=access("capture"),
            pulse=access("pulse"),
            slot=reader.text("source", "slot", f"data_embassy_{name}"),
            publication=reader.text("source", "publication", "data_embassy"),
        )
    reader.finish()
    return Register(name=name, lane=lane, tier=tier, source=source)


def site_folder(explicit: Path | None) -> Path:
    """The folder given on the command line, else `EMBASSY_SITE`; raises ConfigError when neither is there."""
    if explicit is not None:
        return explicit
    named = os.environ.get("EMBASSY_SITE")
    if not named:
        raise ConfigError("no site was chosen", remedy="give --site FOLDER or set EMBASSY_SITE")
    return Path(named)
