"""What the receiver says of a register, from what its workers do; and the words an operator of either site reads."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from consumers.receipts import Condition
from consumers.refusals import Gapped, Unreachable
from consumers.telling import Told, ToldFiles, condition_of
from consumers.worker import Phase
from data_embassy.clock import Comparison
from tests.unit.test_receive_parts import standby


def worker(phase: Phase = Phase.APPLYING, *, stopped: bool = False, trouble: bool = False, **fields: Any) -> Any:
    error = Gapped(expected=1, found=3)
    return SimpleNamespace(
        phase=phase,
        stopped=SimpleNamespace(error=error) if stopped else None,
        trouble=Unreachable("away", remedy="r") if trouble else None,
        position=fields.get("position"),
        lane_end=fields.get("lane_end"),
        progress=fields.get("progress"),
    )


def said(
    *, live: Any = None, has_live: bool = False, others: Any = (), is_paused: bool = False, trouble: str | None = None
) -> Condition:
    return condition_of(live=live, has_live=has_live, others=others, is_paused=is_paused, trouble=trouble)


@pytest.mark.parametrize(
    ("condition", "state", "cause"),
    [
        (said(), "empty", None),
        (said(others=[(standby(1), worker(Phase.LOADING))]), "loading", None),
        (said(others=[(standby(1), worker(stopped=True))]), "stopped", "Gapped"),
        (said(others=[(standby(1), worker(stopped=True)), (standby(2), worker(Phase.LOADING))]), "loading", None),
        (said(live=worker(), has_live=True), "live", None),
        (said(live=None, has_live=True), "live", None),
        (said(live=worker(stopped=True), has_live=True), "stopped", "Gapped"),
        (said(live=worker(trouble=True), has_live=True), "waiting", "Unreachable"),
        (said(live=worker(), has_live=True, is_paused=True), "paused", None),
        (said(trouble="Unreachable"), "waiting", "Unreachable"),
    ],
)
def test_state_and_cause(condition, state, cause):
    assert (condition.state, condition.cause) == (state, cause)


def test_a_candidate_that_stopped_stands_beside_a_healthy_live_one():
    progress = SimpleNamespace(rows=7, bytes=70, tables_done=1)
    condition = said(live=worker(), has_live=True, others=[(standby(2), worker(stopped=True, progress=progress))])
    assert condition.state == "live"
    assert condition.candidate == {
        "generation": 2, "attempt": 1, "state": "stopped", "cause": "Gapped", "rows": 7, "bytes": 70, "tables_done": 1,
    }  # fmt: skip


def test_the_backlog_is_what_stands_on_the_lane_behind_the_position():
    live = worker(position=SimpleNamespace(lane_offset=4), lane_end=10)
    assert said(live=live, has_live=True).backlog_envelopes == 5
    assert said(live=worker(), has_live=True).backlog_envelopes is None


def test_what_was_told_comes_back(tmp_path):
    files = ToldFiles(tmp_path)
    assert files.read("land") is None
    told = Told.of(Condition(state="stopped", cause="Gapped"), Comparison(), at=5.0, trouble=None)
    files.write("land", told)
    assert files.read("land") == told
    (tmp_path / "receive" / "told" / "land.json").write_text('{"at": 1}')
    assert files.read("land") is None
