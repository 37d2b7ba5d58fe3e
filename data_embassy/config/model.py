"""What a site's processes may know: frozen objects, read once from its folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from data_embassy.config.secret import PasswordFile
from data_embassy.errors import ConfigError, ContractError

Role = Literal["home", "embassy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """A site's own Kafka brokers: SASL PLAIN when a user name is given."""

    bootstrap: str
    username: str | None
    password: PasswordFile | None
    replicas: int
    """Of each topic that is made there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """The embassy's broker as home reaches it: TLS with home's client certificate."""

    bootstrap: str
    ca_file: Path | None
    cert_file: Path | None
    key_file: Path | None
    place: Place | None = None
    """Where the embassy stands."""


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
class Excluded:
    """Tables whose rows stay at home by agreement: at the register they are UNLOGGED, so that nothing decodes them."""

    table: str
    """`schema.table` as the catalog spells them; `*` stands for any characters, `?` for one."""
    reason: str
    promotion: str
    """What it means for those who work with the standby once it was promoted: it finds these tables empty."""

    def covers(self, relation_schema: str, relation_name: str) -> bool:
        """True when this is about the table."""
        return fnmatchcase(f"{relation_schema}.{relation_name}", self.table.replace("[", "[[]"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What an institution and this service agreed on for a register; None where nothing was."""

    institution: str | None = None
    contact: str | None = None
    rpo_seconds: int | None = None
    """How far behind the standby may be."""
    rto_seconds: int | None = None
    """How soon it must be open for work after the decision."""
    home_hours: int = 24
    """How long home keeps what the embassy confirmed."""
    expected_extensions: tuple[str, ...] | None = None
    excluded: tuple[Excluded, ...] = ()

    def exclusion(self, relation_schema: str, relation_name: str) -> Excluded | None:
        """What was agreed about a table that stays at home; None for one that crosses."""
        return next((one for one in self.excluded if one.covers(relation_schema, relation_name)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a site stands, in degrees; north and east are positive."""

    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """A register's contract at this site."""

    name: str
    lane: str
    tier: int
    source: Source | None
    terms: Terms = Terms()

    @property
    def changes_topic(self) -> str:
        """Home topic: the register's ordered truth."""
        return changes_topic(self.name)

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


def changes_topic(name: str) -> str:
    """Home topic of a register."""
    return f"changes.{name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """Loopback ports of the processes' metrics; 0 serves none."""

    forward: int
    pulse: int
    receive: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Where the status page listens, and what it asks of who looks."""

    bind: str = "127.0.0.1"
    port: int = 8440
    hosts: tuple[str, ...] = ()
    """Names under which it is reached, beside those of this machine's loopback address."""
    token: PasswordFile | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    client_ca_file: Path | None = None
    """Whose certificates a browser must show."""


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
    page: Page = Page()
    place: Place | None = None
    disks: tuple[Path, ...] = ()
    """Folders whose disks are watched, beside the state folder's."""
    registers: Mapping[str, Register]
    """Those whose contracts can be used."""
    faults: Mapping[str, ContractError] = field(default_factory=dict)
    """What is wrong with the other contracts, by register."""

    def require(self, name: str) -> None:
        """Raises ConfigError for a name of which this site has no contract; one that cannot be used is one."""
        if name not in self.faults:
            self.register(name)

    def register(self, name: str) -> Register:
        """The register of this name; raises ConfigError, for a contract that cannot be used its ContractError."""
        if name in self.faults:
            raise self.faults[name]
        try:
            return self.registers[name]
        except KeyError:
            known = ", ".join(sorted(self.registers)) or "none"
            raise ConfigError(
                f"no register {name!r} at site {self.name} (known: {known})", remedy="embassy register list"
            ) from None
