"""Judgements over the server: versions, encoding, settings, clock, disk, switch-over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from connectors.preflight.findings import Check, Context, Finding, Row, human_bytes, info, stop, warn

MAJORS: Final = (15, 18)
# Before these, changes of a transaction that overlaps a CREATE TABLE or ALTER PUBLICATION could be left out.
_MINOR_MIN: Final = {15: 14, 16: 10, 17: 6, 18: 0}
_CLOCK_OFFSET_MAX_US: Final = 1_000_000
_SENDER_TIMEOUT_MIN_MS: Final = 10_000

_SERVER: Final = """
SELECT pg_is_in_recovery() AS in_recovery, current_setting('wal_level') AS wal_level,
       current_setting('fsync') AS fsync, current_setting('full_page_writes') AS full_page_writes,
       coalesce(current_setting('event_triggers', true), 'on') AS event_triggers,
       pg_encoding_to_char(d.encoding) AS encoding, d.datname::text AS database,
       (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS clock_us,
       EXISTS (SELECT FROM pg_namespace WHERE nspname = 'embassy_local') AS has_embassy_local
  FROM pg_database d WHERE d.datname = current_database()
"""


def judge_server(rows: Sequence[Row], context: Context) -> Iterator[Finding]:
    """Version, role in replication, encoding, WAL level, clock."""
    (row,) = rows
    yield from _version(context)
    if row["in_recovery"]:
        yield stop(
            "server", "server", "it is in recovery: changes, snapshot and clock need the primary",
            "name the primary's address in the register's contract",
        )  # fmt: skip
    if row["wal_level"] != "logical":
        yield stop(
            "server", "wal_level", f"it is {row['wal_level']}: changes cannot be decoded",
            "ALTER SYSTEM SET wal_level = logical; then restart the server",
        )  # fmt: skip
    if row["fsync"] == "off" or row["full_page_writes"] == "off":
        yield warn(
            "server", "fsync, full_page_writes",
            "one of them is off: after a crash the register may have lost commits that the embassy already holds",
            "ALTER SYSTEM RESET fsync; ALTER SYSTEM RESET full_page_writes; SELECT pg_reload_conf()",
        )  # fmt: skip
    if row["event_triggers"] == "off":
        yield stop(
            "server", "event_triggers", "it is off: schema changes would not be noted and the standby would diverge",
            "ALTER SYSTEM RESET event_triggers; SELECT pg_reload_conf()",
        )  # fmt: skip
    yield from _encoding(row["database"], row["encoding"])
    if row["has_embassy_local"]:
        yield stop(
            "server", "schema embassy_local", "this name is reserved: at the embassy it holds the standby's position",
            "rename or drop the schema (a database restored from a standby has one: DROP SCHEMA embassy_local CASCADE)",
        )  # fmt: skip
    offset = row["clock_us"] - context.home_clock_us
    if abs(offset) > _CLOCK_OFFSET_MAX_US:
        yield warn(
            "server", "clock", f"the register's clock is {offset / 1e6:+.1f} s off home's: lag cannot be trusted",
            "synchronise both machines' clocks (chrony, ntp)",
        )  # fmt: skip


def _version(context: Context) -> Iterator[Finding]:
    major, minor = divmod(context.server_version, 10000)
    if not MAJORS[0] <= major <= MAJORS[1]:
        yield stop(
            "server", "version", f"PostgreSQL {major}: supported are {MAJORS[0]} to {MAJORS[1]}",
            "upgrade the register's server first",
        )  # fmt: skip
        return
    if minor < _MINOR_MIN[major]:
        yield warn(
            "server", "version",
            f"PostgreSQL {major}.{minor} has known faults in logical decoding: changes beside a CREATE TABLE can be"
            " left out", f"update to {major}.{_MINOR_MIN[major]} or newer",
        )  # fmt: skip
    if context.standby_version is None:
        yield info(
            "server", "version", f"PostgreSQL {major}: the embassy's server must be {major} or newer, which home cannot"
            " see", "ask the embassy for its version and check again with --standby-version",
        )  # fmt: skip
    elif context.standby_version < major:
        yield stop(
            "server", "version", f"PostgreSQL {major} here, {context.standby_version} at the embassy: a standby cannot"
            " be older than its register", f"upgrade the embassy's server to {major} or newer",
        )  # fmt: skip


def _encoding(database: str, encoding: str) -> Iterator[Finding]:
    if encoding in ("SQL_ASCII", "MULE_INTERNAL"):
        yield stop(
            "server", f"database {database}", f"encoding {encoding}: its text cannot be carried exactly",
            "dump and restore the database into one with encoding UTF8",
        )  # fmt: skip
    elif encoding != "UTF8":
        yield info(
            "server", f"database {database}",
            f"encoding {encoding}: text travels as UTF8 and the standby's database has {encoding} again",
        )  # fmt: skip


_SETTINGS: Final = """
SELECT name, setting, unit, source FROM pg_settings
 WHERE name IN ('max_slot_wal_keep_size', 'idle_replication_slot_timeout', 'wal_sender_timeout',
                'max_replication_slots', 'max_wal_senders')
"""


def judge_settings(rows: Sequence[Row], _context: Context) -> Iterator[Finding]:
    """Settings that decide how long capture may be away."""
    settings = {row["name"]: int(row["setting"]) for row in rows}
    keep_mb = settings["max_slot_wal_keep_size"]
    if keep_mb < 0:
        yield warn(
            "settings", "max_slot_wal_keep_size",
            "unlimited: while capture is down the slot keeps all WAL, until the register's own disk is full",
            "ALTER SYSTEM SET max_slot_wal_keep_size to what the disk can spare (docs/sizing.md); beyond it the slot"
            " is lost and a new snapshot is needed, but the register lives",
        )  # fmt: skip
    else:
        yield info(
            "settings", "max_slot_wal_keep_size",
            f"{human_bytes(keep_mb * 2**20)}: capture that is further behind loses its slot and needs a new snapshot",
            "compare it with the WAL of the longest outage to endure (docs/sizing.md)",
        )  # fmt: skip
    idle = settings.get("idle_replication_slot_timeout", 0)
    if idle > 0:
        yield warn(
            "settings", "idle_replication_slot_timeout",
            f"{idle} s: capture that is away for longer loses its slot and needs a new snapshot",
            "ALTER SYSTEM SET idle_replication_slot_timeout = 0; SELECT pg_reload_conf()",
        )  # fmt: skip
    timeout = settings["wal_sender_timeout"]
    if timeout == 0:
        yield warn(
            "settings", "wal_sender_timeout", "0: a capture that vanished keeps the slot busy, its successor must wait",
            "ALTER SYSTEM RESET wal_sender_timeout; SELECT pg_reload_conf()",
        )  # fmt: skip
    elif timeout < _SENDER_TIMEOUT_MIN_MS:
        yield warn(
            "settings", "wal_sender_timeout", f"{timeout} ms: a short pause of capture ends its connection",
            "ALTER SYSTEM SET wal_sender_timeout = '60s'; SELECT pg_reload_conf()",
        )  # fmt: skip


_WAL: Final = """
SELECT count(*) AS files, coalesce(sum(size), 0)::bigint AS bytes,
       (SELECT pg_size_bytes(current_setting('max_wal_size'))) AS max_wal_size FROM pg_ls_waldir()
"""


def judge_wal(rows: Sequence[Row], _context: Context) -> Iterator[Finding]:
    """What pg_wal holds. SQL shows no free space."""
    (row,) = rows
    text = f"{human_bytes(row['bytes'])} in {row['files']} files, max_wal_size is {human_bytes(row['max_wal_size'])}"
    if row["bytes"] > 3 * row["max_wal_size"]:
        yield warn(
            "wal", "pg_wal", f"{text}: something keeps WAL (a slot, an archive command that fails)",
            "SELECT * FROM pg_replication_slots; SELECT * FROM pg_stat_archiver",
        )  # fmt: skip
    else:
        yield info(
            "wal", "pg_wal", f"{text}; free space is not visible in SQL",
            "make sure that its disk holds the WAL of the longest outage (docs/sizing.md)",
        )  # fmt: skip


_FAILOVER: Final = """
SELECT (SELECT count(*) FROM pg_replication_slots WHERE slot_type = 'physical')
       + (SELECT count(*) FROM pg_stat_get_wal_senders() w JOIN pg_stat_activity a USING (pid)
           WHERE NOT EXISTS (SELECT FROM pg_replication_slots s WHERE s.active_pid = w.pid)
             AND a.application_name !~ 'pg_basebackup|pg_receivewal') AS standbys,
       coalesce(current_setting('synchronized_standby_slots', true), '') AS awaited,
       (SELECT coalesce((to_jsonb(s) ->> 'failover')::boolean, false) FROM pg_replication_slots s
         WHERE s.slot_name = %(slot)s) AS failover
"""


def judge_failover(rows: Sequence[Row], context: Context) -> Iterator[Finding]:
    """Whether capture survives a switch-over of the register to its own physical standby."""
    (row,) = rows
    if not row["standbys"]:
        return
    if context.major < 17:
        yield warn(
            "failover", "physical standby", f"PostgreSQL {context.major} does not synchronise logical slots: after a"
            " switch-over a new snapshot is needed", "plan a new snapshot after each switch-over, or upgrade to 17",
        )  # fmt: skip
        return
    if row["failover"] is False:
        yield warn(
            "failover", f"slot {context.slot}", "it is not marked for failover: after a switch-over of the register a"
            " new snapshot is needed", f"while capture is stopped, on a replication connection of"
            f' {context.capture_role}: ALTER_REPLICATION_SLOT "{context.slot}" (FAILOVER true)',
        )  # fmt: skip
    if not row["awaited"]:
        yield warn(
            "failover", "synchronized_standby_slots", "empty: after an unplanned switch-over the embassy may hold"
            " commits that the new primary never had",
            "ALTER SYSTEM SET synchronized_standby_slots = '<the physical standby''s slot>'; SELECT pg_reload_conf()",
        )  # fmt: skip
    yield info(
        "failover", "physical standby", "its own settings are not visible from the primary",
        "on the standby: sync_replication_slots = on, hot_standby_feedback = on, primary_slot_name set, a dbname in"
        " primary_conninfo; before a switch-over the slot must be there with synced = true",
    )  # fmt: skip


CHECKS: Final = (
    Check(name="server", title="Server and database", query=_SERVER, judge=judge_server),
    Check(name="settings", title="How long capture may be away", query=_SETTINGS, judge=judge_settings),
    Check(name="wal", title="Write-ahead log on disk", query=_WAL, judge=judge_wal),
    Check(name="failover", title="Switch-over to a physical standby", query=_FAILOVER, judge=judge_failover),
)
