"""Records that stop a register at the embassy, one for each rule of the stream; a new generation clears each."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from schemas.records import encode
from tests.support.memory_lane import MemoryLink
from tests.support.stops_lane import Mend, nothing
from tests.support.synthetic_register import CHECKPOINT, PERSON, PULSE, Change, SyntheticRegister, change, insert

_AT: Final = "2024-01-01 00:00:00+00"
_EVENTS: Final = ("ddl_command_start", "ddl_command_end", "sql_drop", "table_rewrite")


def sent(records: Callable[[SyntheticRegister], object]) -> Callable[[MemoryLink], Mend]:
    """Home sends what it should never have read."""

    def harm(link: MemoryLink) -> Mend:
        records(link.source)
        link.send()
        return nothing

    return harm


def other_fingerprint(source: SyntheticRegister) -> None:
    source._capture(encode("Schema", {"fingerprint": bytes(8), "json": CHECKPOINT.json}))


def unknown_origin(source: SyntheticRegister) -> None:
    source.append(7, 1, 1, encode("Begin", {"transaction": 1}))


def no_marker(source: SyntheticRegister) -> None:
    source._run, source._n = source._run + 1, 0
    source.commit(insert(1000, "x"))


def begin_twice(source: SyntheticRegister) -> None:
    source.begin()
    source.begin()


def hole_in_order(source: SyntheticRegister) -> None:
    source.begin()
    source.changes([insert(1000, "x")], first_order=2)
    source.end(1)


def not_announced(source: SyntheticRegister) -> None:
    source.commit(Change(CHECKPOINT, "c", after=("1",) + (None,) * 6))


def damaged(source: SyntheticRegister) -> None:
    source.begin()
    source.changes([insert(1000, "a name that ends early")])
    key, value = source.log.pop()
    source.log.append((key, value[:-4]))
    source.end(1)


def no_key(source: SyntheticRegister) -> None:
    source.begin()
    source._capture(
        change(PERSON, "d", order=1, transaction=source.transaction, lsn=source.lsn + 8, before=(None, None))
    )
    source.end(1)


def other_catalog(source: SyntheticRegister) -> None:
    for _ in range(3):
        beat(source, catalog="another")


def beat(source: SyntheticRegister, *, catalog: str = "", watched: str = "{}") -> None:
    source.beat += 1
    source.commit(Change(PULSE, "u", after=("t", str(source.beat), _AT, "[]", catalog, watched)))


def watched(**changes: Any) -> Callable[[SyntheticRegister], None]:
    """Two beats: what is watched is whole at the first and not at the second."""
    whole = {
        "publications": [
            {
                "name": "data_embassy", "oid": 1, "is_all_tables": True, "insert": True, "update": True,
                "delete": True, "truncate": True, "via_root": False,
            }
        ],
        "event_triggers": [{"name": event, "oid": 1, "event": event, "enabled": "A"} for event in _EVENTS],
        "event_triggers_setting": "on",
    }  # fmt: skip

    def records(source: SyntheticRegister) -> None:
        beat(source, watched=json.dumps(whole))
        beat(source, watched=json.dumps(whole | changes))

    return records


def forked(source: SyntheticRegister) -> None:
    source.timeline = 2
    source.session()


def rewritten(link: MemoryLink) -> Mend:
    """Another home log begins, and its first session starts behind what was applied."""
    link.sealer = link.new_sealer(incarnation=2)
    link.source.session(confirmed=link.source.lsn + 1000)
    link.send()
    return nothing


STREAMS: Final[dict[str, Callable[[MemoryLink], Mend]]] = {
    "StreamError": sent(other_fingerprint),
    "UnknownOrigin": sent(unknown_origin),
    "RunWithoutMarker": sent(no_marker),
    "FrameBroken": sent(begin_twice),
    "BrokenFrame": sent(hole_in_order),
    "UnknownSchema": sent(not_announced),
    "DamagedChange": sent(damaged),
    "BeatSkipped": sent(lambda source: source.pulse(step=2)),
    "SessionGap": sent(lambda source: source.session(confirmed=source.lsn + 1000)),
    "SystemChanged": sent(lambda source: source.session(system_identifier="8000000000000000001")),
    "TimelineForked": sent(forked),
    "RegisterWentBack": sent(lambda source: source.session(insert_lsn=source.lsn - 1000)),
    "HomeLogRewritten": rewritten,
    "PublicationChanged": sent(watched(publications=[])),
    "EventTriggerChanged": sent(watched(event_triggers=[])),
    "EventTriggersOff": sent(watched(event_triggers_setting="off")),
    "CatalogDiffers": sent(other_catalog),
    "UnidentifiedRow": sent(no_key),
    "DdlNotReplayed": sent(SyntheticRegister.ddl),
}
"""Cleared by a new generation."""
