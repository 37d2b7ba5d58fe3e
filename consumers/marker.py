"""What a session marker must say so that nothing is missing before its session (stream-v1 section 5, rule 4). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from consumers.refusals import (
    NEW_GENERATION,
    HomeLogRewritten,
    RegisterWentBack,
    SessionGap,
    SystemChanged,
    TimelineForked,
)
from data_embassy.types import Lsn, SessionNumber


def check_marker(
    marker: Mapping[str, Any],
    *,
    last_end: int,
    system_identifier: str,
    timeline: int,
    is_before_point: bool,
    is_rewritten: bool = False,
) -> None:
    """Raise the StreamError that this marker deserves behind a stream that ended at `last_end`.

    Before the snapshot's point a marker knows nothing of the consistent point, which `last_end` is there.
    `is_rewritten`: home's log was another one when `last_end` was read.
    """
    end = Lsn(last_end)
    if marker["system_identifier"] != system_identifier:
        raise SystemChanged(
            f"the register is another database system: {marker['system_identifier']} where {system_identifier} was",
            remedy=NEW_GENERATION,
        )
    _check_timeline(marker, timeline, end)
    if marker["confirmed_flush_lsn"] > end:
        where = (
            f"session {SessionNumber(marker['session'])} starts at {Lsn(marker['confirmed_flush_lsn'])},"
            f" behind the last transaction at {end}"
        )
        if is_rewritten:
            raise HomeLogRewritten(
                f"home's log was rewritten and lost changes that had not been sealed: {where}", remedy=NEW_GENERATION
            )
        raise SessionGap(
            f"{where}: the slot was advanced, or dropped and made again, by somebody else", remedy=NEW_GENERATION
        )
    if marker["insert_lsn"] < end and not is_before_point:
        raise RegisterWentBack(
            f"the register's log ends at {Lsn(marker['insert_lsn'])}, before the last transaction at {end}",
            remedy=NEW_GENERATION,
        )


def _check_timeline(marker: Mapping[str, Any], timeline: int, end: Lsn) -> None:
    new = marker["timeline"]
    if new == timeline:
        return
    if new < timeline:
        raise TimelineForked(f"the register went back from timeline {timeline} to {new}", remedy=NEW_GENERATION)
    forks = {fork["timeline"]: fork["switch_lsn"] for fork in marker["timeline_forks"]}
    fork = forks.get(timeline)
    if fork is None or fork < end:
        left = "never" if fork is None else f"at {Lsn(fork)}"
        raise TimelineForked(f"timeline {new} left timeline {timeline} {left}, before {end}", remedy=NEW_GENERATION)
