"""Judgements over replication slots: head-room, our own slot, what slots retain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from connectors.preflight.findings import Check, Context, Finding, Row, human_bytes, info, stop, warn

SLOTS_NEEDED: Final = 2
"""The permanent slot, and a temporary one for a snapshot or a verification."""
_WAL_RETAINED_MIN: Final = 1_000_000_000

_SLOTS: Final = """
SELECT s.slot_name::text AS name, s.slot_type AS type, s.plugin::text AS plugin, s.database::text AS database,
       s.active, s.wal_status, coalesce(to_jsonb(s) ->> 'invalidation_reason', '') AS invalidation,
       coalesce((to_jsonb(s) ->> 'failover')::boolean, false) AS failover,
       coalesce((to_jsonb(s) ->> 'two_phase')::boolean, false) AS two_phase,
       s.temporary, s.safe_wal_size,
       CASE WHEN pg_is_in_recovery() THEN 0
            ELSE coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn), 0) END::bigint AS retained,
       current_setting('max_replication_slots')::integer AS slots_max,
       current_setting('max_wal_senders')::integer AS senders_max,
       (SELECT count(*) FROM pg_stat_get_wal_senders()) AS senders,
       current_database()::text AS here
  FROM (SELECT 1) AS always LEFT JOIN pg_replication_slots s ON true
 ORDER BY s.slot_name
"""


def judge_slots(rows: Sequence[Row], context: Context) -> Iterator[Finding]:
    """Head-room for slots and senders, what slots retain, our own slot."""
    slots = [row for row in rows if row["name"] is not None]
    own = next((row for row in slots if row["name"] == context.slot), None)
    # The permanent slot and its walsender are needed only when they are not there yet.
    yield from _room("max_replication_slots", rows[0]["slots_max"], len(slots), SLOTS_NEEDED - (own is not None))
    is_sending = own is not None and own["active"]
    yield from _room("max_wal_senders", rows[0]["senders_max"], rows[0]["senders"], SLOTS_NEEDED - is_sending)
    for row in slots:
        if row["name"] != context.slot and not row["active"] and row["retained"] > _WAL_RETAINED_MIN:
            yield warn(
                "slots", f"slot {row['name']}",
                f"it is inactive and keeps {human_bytes(row['retained'])} of WAL: it may fill the register's disk",
                f"find its owner, or drop it: SELECT pg_drop_replication_slot('{row['name']}')",
            )  # fmt: skip
    if own is None:
        yield info(
            "slots", f"slot {context.slot}", "it does not exist yet: the first snapshot makes it",
            f"embassy register snapshot {context.register}",
        )  # fmt: skip
    else:
        yield from _own_slot(own, context)


def _room(setting: str, most: int, used: int, needed: int) -> Iterator[Finding]:
    if most - used < needed:
        yield stop(
            "slots", setting, f"{used} of {most} are in use and {needed} more are needed",
            f"ALTER SYSTEM SET {setting} = {max(most * 2, used + needed + 4)}; then restart the server",
        )  # fmt: skip
    elif most - used < needed + 2:
        yield warn(
            "slots", setting, f"{used} of {most} are in use and {needed} more are needed: nothing is left over",
            f"ALTER SYSTEM SET {setting} = {most + 8}; then restart the server",
        )  # fmt: skip


def _own_slot(row: Row, context: Context) -> Iterator[Finding]:
    about = f"slot {row['name']}"
    if row["plugin"] != "pgoutput" or row["database"] != row["here"] or row["temporary"]:
        yield stop(
            "slots", about, "it belongs to something else: another plugin, another database or a temporary one",
            "name another slot in the register's contract",
        )  # fmt: skip
        return
    if row["wal_status"] == "lost" or row["invalidation"]:
        yield stop(
            "slots", about,
            f"it is invalid ({row['invalidation'] or 'its WAL was removed'}): changes are missing that nothing can"
            " bring back", f"embassy register snapshot {context.register}",
        )  # fmt: skip
        return
    if row["two_phase"]:
        yield stop(
            "slots", about, "it decodes prepared transactions before they commit, which the stream does not know",
            f"drop it, then: embassy register snapshot {context.register}",
        )  # fmt: skip
        return
    size = human_bytes(row["retained"])
    left = "" if row["safe_wal_size"] is None else f", {human_bytes(max(0, row['safe_wal_size']))} more are allowed"
    if row["wal_status"] == "unreserved":
        yield warn(
            "slots", about, f"it keeps {size} of WAL and is about to be invalidated",
            f"embassy connector status {context.register}; raise max_slot_wal_keep_size",
        )  # fmt: skip
    elif not row["active"]:
        yield warn(
            "slots", about, f"nobody reads it; it keeps {size} of WAL{left}",
            f"embassy connector status {context.register}",
        )  # fmt: skip
    else:
        yield info("slots", about, f"in use; it keeps {size} of WAL{left}")


CHECKS: Final = (Check(name="slots", title="Replication slots and senders", query=_SLOTS, judge=judge_slots),)
