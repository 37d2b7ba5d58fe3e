"""Where a group has to end: at a replay's goal, before a verification holds, behind rows that were sent again. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from consumers.apply import Decoded
from consumers.group import Group
from consumers.verify.hold import Question, asks_to_hold


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """Where a replay ends: at a commit LSN, at a lane offset, whichever comes first."""

    commit_lsn: int | None = None
    lane_end: int | None = None


def frames_to_goal(group: Group, goal: Goal) -> int | None:
    """How many of its transactions lie before the goal; None when all do."""
    until = goal.commit_lsn
    if until is None:
        return None
    for place, frame in enumerate(group.frames):
        if frame.commit_lsn is not None and frame.commit_lsn > until:
            return place
    return None


def last_before_cut(decoded: Decoded, *, can_hold: bool) -> tuple[int | None, Question | None]:
    """The first frame that has to be the last of its group: one that asks to hold, or that sends rows again."""
    asked = asks_to_hold(row.row for row in decoded.checkpoints) if can_hold else []
    holds = [
        (row.frame, question)
        for row, question in zip(decoded.checkpoints, asked, strict=False)
        if question is not None and decoded.frames[row.frame].commit_lsn is not None
    ]
    end = len(decoded.frames) - 1
    repaired = min((row.frame for row in decoded.repairs if row.frame < end), default=None)
    if not holds or (repaired is not None and repaired < holds[0][0]):
        return repaired, None
    return holds[0]
