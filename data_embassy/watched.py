"""What the pulse says of a register's publication and event triggers, compared with what it said before. Pure.

`data_embassy.watched()` tells both, every second; the row's column `watched` carries it to the embassy. A publication
that was gone for a moment, or left out an operation, let changes pass unseen; an event trigger that was off let a
schema change pass. Both sites find out for themselves: home from the register, the embassy from the stream.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

Kind = Literal["publication", "event trigger", "event_triggers"]
UNCHANGED: Final = "\0"
"""A large value that the register did not write again (stream-v1 section 4)."""
_EVENTS: Final = frozenset({"ddl_command_end", "sql_drop", "table_rewrite"})
_OPERATIONS: Final = ("insert", "update", "delete", "truncate")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is not as it must be: a text without names of the register's own objects."""

    kind: Kind
    what: str


def is_known(watched: str | None) -> bool:
    """False for what a register says before its first beat."""
    return watched not in (None, "", "{}", UNCHANGED)


def find_change(before: str | None, now: str) -> Finding | None:
    """What is wrong with `now`, or differs from `before`; None when everything is as it was.

    Raises ValueError when it cannot be read.
    """
    if now in {UNCHANGED, before}:
        return None
    try:
        present, former = json.loads(now), json.loads(before) if before is not None and is_known(before) else None
        return (
            _publication(present["publications"])
            or _triggers(present["event_triggers"])
            or _setting(present["event_triggers_setting"])
            or (None if former is None else _replaced(former, present))
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"what is watched cannot be read: {type(error).__name__}") from None


def _publication(found: list[Mapping[str, Any]]) -> Finding | None:
    if len(found) != 1:
        return Finding(kind="publication", what="the publication is gone")
    one = found[0]
    if not one["is_all_tables"]:
        return Finding(kind="publication", what="the publication no longer covers all tables")
    missing = [operation for operation in _OPERATIONS if not one[operation]]
    if missing:
        return Finding(kind="publication", what=f"the publication leaves out {', '.join(missing)}")
    if one["via_root"]:
        return Finding(kind="publication", what="the publication publishes via partition roots")
    if one.get("generated") == "n":
        return Finding(kind="publication", what="the publication leaves out stored generated columns")
    return None


def _triggers(found: list[Mapping[str, Any]]) -> Finding | None:
    missing = _EVENTS - {trigger["event"] for trigger in found}
    if missing:
        return Finding(kind="event trigger", what=f"the event trigger for {', '.join(sorted(missing))} is gone")
    off = sorted(trigger["event"] for trigger in found if trigger["enabled"] != "A")
    if off:
        return Finding(kind="event trigger", what=f"the event trigger for {', '.join(off)} does not fire always")
    return None


def _setting(value: str | None) -> Finding | None:
    if value in (None, "on"):
        return None
    return Finding(kind="event_triggers", what=f"the register's setting event_triggers is {value}")


def _replaced(former: Mapping[str, Any], present: Mapping[str, Any]) -> Finding | None:
    def oids(of: Mapping[str, Any], what: str) -> list[Any]:
        return sorted((one["name"], one["oid"]) for one in of[what])

    if oids(former, "publications") != oids(present, "publications"):
        return Finding(kind="publication", what="the publication was dropped and made again")
    if oids(former, "event_triggers") != oids(present, "event_triggers"):
        return Finding(kind="event trigger", what="an event trigger was dropped and made again")
    return None
