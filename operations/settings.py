"""The reference page of the configuration: every setting that the readers of `data_embassy.config` ask for.

Names, kinds and defaults are read from their source text; what a setting means stands here. A setting without a
meaning, or a meaning without a setting, makes `make docs` and its test fail.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from data_embassy.config import contract, site

_KINDS: Final = {
    "text": "text",
    "words": "text",
    "optional": "text",
    "number": "whole number",
    "limit": "whole number",
    "degrees": "degrees",
    "texts": "list of texts",
    "file": "path",
    "password": "path",
}
_WHO: Final = ("capture", "pulse")

_INTRODUCTION: Final = """\
A site is one folder: `site.toml`, one contract per register below `registers/`, passwords in files of their own.
Commands find it by `--site` or `EMBASSY_SITE`. Relative paths are relative to the folder. All errors are reported
together (`embassy config check`); an unknown setting is an error. Workers look at the contracts once a second: a new
one starts its register, a removed one ends it.
"""
_EXCLUDED: Final = """\
## Excluded tables

Sessions, caches, queues of a moment, or what may not leave the country: rows that stay at home, by agreement.

```toml
[[excluded]]
table = "public.session"
reason = "who is logged in now"
promotion = "everybody logs in again"
```

A table is excluded by being UNLOGGED at the register (`ALTER TABLE ... SET UNLOGGED`, or created so); the contract says
why, and what that means later. PostgreSQL writes no log of such rows, so nobody decodes them: no change, TRUNCATE or
count of them is in the stream, and no foreign key can lead from a table that crosses to one that does not. The table
itself is part of the schema: snapshot, schema changes and fingerprint carry it, the standby has it UNLOGGED as well and
knows by itself that it holds nothing of it, also when it is rebuilt without home. Verifications compare its definition
and leave its rows out. The price: PostgreSQL empties it at home after a crash of the server. What must survive that and
must not cross belongs into a database of its own ([ADR 12](../adr/0012-excluded-tables-are-unlogged.md)).

Contract and register have to agree. `embassy register check` names unlogged tables that no contract explains, entries
that fit no table, and stops for an entry that fits a table whose rows would cross; so does a snapshot, before it sends
anything. While a register runs, such a table stops it (`ExcludedRows`): the pulse looks every half minute, and the
forwarder seals no row of it. SET UNLOGGED replays at its place in the stream, and empties the standby's table; SET
LOGGED stops the standby until a new generation (`embassy register snapshot NAME`). `embassy status`, `embassy plan` and
`embassy register check` show what is excluded, and why.
"""
MEANINGS: Final[dict[str, dict[str, str]]] = {
    "site.toml": {
        "site.role": "`home` or `embassy`: what this site is.",
        "site.name": "What status and logs call it.",
        "site.keys": "Folder with this site's keys and the others' public bundles.",
        "site.state": "Folder with stops, pauses and reports. Small.",
        "site.latitude": "Where this site stands, north positive; `embassy plan` says how far the sites are apart.",
        "site.longitude": "The same, east positive.",
        "site.disks": "Folders whose disks' free space the metrics show, beside the state folder's: the broker's, the"
        " databases', as far as they are of this machine.",
        "kafka.bootstrap": "The site's own broker, `host:port[,host:port]`.",
        "kafka.username": "User for SASL PLAIN; without it the broker asks for none.",
        "kafka.password_file": "File of mode 0600 with that user's password.",
        "kafka.replicas": "Of each topic made there; a write is acknowledged once all but one of them have it.",
        "connect.url": "Home only: Kafka Connect's REST address.",
        "link.bootstrap": "Home only: the embassy's broker as home reaches it.",
        "link.ca_file": "Home only: the embassy's CA; with it the link is TLS.",
        "link.cert_file": "Home only: home's certificate for the link.",
        "link.key_file": "Home only: its key, mode 0600.",
        "link.latitude": "Home only: where the embassy stands.",
        "link.longitude": "Home only: the same, east positive.",
        "postgres.host": "Embassy only: the server with the standbys.",
        "postgres.port": "Embassy only: its port.",
        "postgres.database": "Embassy only: the control database.",
        "postgres.user": "Embassy only: the role that owns the standbys ([privileges](../privileges.md)).",
        "postgres.password_file": "Embassy only: file of mode 0600 with its password.",
        "metrics.forward": "Loopback port of the forwarder's metrics; 0 serves none.",
        "metrics.pulse": "Loopback port of the pulse's metrics; 0 serves none.",
        "metrics.receive": "Loopback port of the receiver's metrics; 0 serves none.",
        "page.bind": "Address of the status page; beyond loopback it needs TLS, and a token or client certificates.",
        "page.port": "Port of the status page.",
        "page.hosts": "Names under which browsers reach the page, beside `localhost` and loopback addresses.",
        "page.token_file": "File of mode 0600 with the token that the page asks for, as a password.",
        "page.cert_file": "The page's certificate.",
        "page.key_file": "Its key, mode 0600.",
        "page.client_ca_file": "CA of the certificates that the page asks of browsers.",
    },
    "registers/NAME.toml": {
        "lane": "The lane's id: 16 lower-case hex digits, the same at both sites; says nothing about the register.",
        "tier": "Which registers go first when the link cannot carry everything; 1 goes first.",
        "owner.institution": "Whose register it is.",
        "owner.contact": "Who decides for it.",
        "objectives.rpo_seconds": "How far behind the standby may be; the status shows where it is not kept.",
        "objectives.rto_seconds": "How soon the standby must be open for work after the decision.",
        "retention.home_hours": "Home only: how long the home topic keeps what the embassy confirmed.",
        "expected_extensions": "Extensions that the register may have; `embassy register check` names others.",
        "excluded.table": "In each `[[excluded]]` ([below](#excluded-tables)): `schema.table` of a table whose rows"
        " stay at home; `*` and `?` stand for other characters.",
        "excluded.reason": "Why they stay.",
        "excluded.promotion": "What its absence means for those who work with the standby once it was promoted.",
        "source.host": "Home only: the register's server.",
        "source.port": "Home only: its port.",
        "source.database": "Home only: the register's database.",
        "source.capture_user": "Home only: the role that reads ([privileges](../privileges.md)).",
        "source.capture_password_file": "Home only: file of mode 0600 with its password, where Connect may read it.",
        "source.pulse_user": "Home only: the role that advances the clock.",
        "source.pulse_password_file": "Home only: file of mode 0600 with its password.",
        "source.slot": "Home only: the permanent replication slot.",
        "source.publication": "Home only: the publication, FOR ALL TABLES.",
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting as a reader asks for it."""

    name: str
    kind: str
    default: str


def settings(of: str) -> list[Setting]:
    """What is asked for in a file: `site.toml` or `registers/NAME.toml`."""
    found: dict[str, Setting] = {}
    for node in ast.walk(ast.parse(inspect.getsource(site if of == "site.toml" else contract))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _KINDS:
            if not isinstance(node.func.value, ast.Name) or node.func.value.id != "reader":
                continue
            for setting in _asked(node, node.func.attr):
                found[setting.name] = setting
    return list(found.values())


def _asked(call: ast.Call, method: str) -> Iterator[Setting]:
    table, name, *more = (ast.unparse(argument) for argument in call.args)
    is_needed = method in ("text", "words", "number") and not more
    has_default = method in ("text", "number") and more
    default = "required" if is_needed else f"`{more[0].strip(chr(39))}`" if has_default else "none"
    kind = _KINDS[method]
    if method in ("number", "limit"):
        kind += f", {more[-2]} to {more[-1]}"
    elif method == "degrees":
        kind += f", -{more[0]} to {more[0]}"
    for who in _WHO if "{who}" in name + default else ("",):
        path = ".".join(part for part in (_plain(table, who), _plain(name, who)) if part)
        yield Setting(name=path, kind=kind, default=_spelt(_plain(default, who)))


def _plain(source: str, who: str) -> str:
    """A literal's text, with the role's name filled in."""
    return source.replace("f'", "").replace("'", "").replace("{who}", who)


def _spelt(default: str) -> str:
    """Defaults that follow from another value."""
    return {"`role`": "the role", "`name`": "the register's name"}.get(default, default.replace("{name}", "NAME"))


def configuration_page() -> str:
    """Every setting of both files: name, kind, default, meaning. Raises KeyError for one without a meaning."""
    lines = [
        "<!-- Generated from the code by `make docs`; a test compares it. -->\n",
        "# Configuration\n",
        _INTRODUCTION,
    ]
    for file, meanings in MEANINGS.items():
        lines += [f"## `{file}`\n", "| setting | kind | default | meaning |", "|---|---|---|---|"]
        asked = {setting.name: setting for setting in settings(file)}
        if asked.keys() != meanings.keys():
            raise KeyError(f"{file}: settings and meanings differ: {sorted(asked.keys() ^ meanings.keys())}")
        lines += [
            f"| `{name}` | {asked[name].kind} | {asked[name].default} | {text} |" for name, text in meanings.items()
        ]
        lines.append("")
    return "\n".join([*lines, _EXCLUDED])
