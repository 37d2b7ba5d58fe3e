"""Seeded histories of both sites' pure core: crashes, repeats, overlaps, torn tails, stale tasks, two forwarders."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable

import pytest

from tests.support.simulation import Outcome, Violation, simulate, world
from tests.support.simulation.embassy import Embassy

FIRST = int(os.environ.get("EMBASSY_SEED", "1"))
SEEDS = 150
BROKE = (6213, 200441, 202317, 418402, 423092, 427666, 445445, 516134, 586566)
"""Histories that broke a promise once (docs/reports/simulation.md)."""


def play(seeds: Iterable[int]) -> list[Outcome]:
    return [simulate(seed) for seed in seeds]


@pytest.mark.parametrize("part", range(3))
def test_every_standby_is_a_prefix_at_every_commit_and_comes_level_in_the_end(part):
    done: Counter[str] = Counter()
    for seed in range(FIRST + part * SEEDS // 3, FIRST + (part + 1) * SEEDS // 3):
        outcome = simulate(seed)
        done += outcome.steps
        done["commits"] += outcome.commits
    # A simulation in which nothing happens proves nothing.
    assert done["commits"] > SEEDS
    assert all(done[step] for step in world.STEPS_BY_NAME)


@pytest.mark.parametrize("seed", BROKE)
def test_a_history_that_broke_a_promise_once_keeps_it(seed):
    assert simulate(seed).commits


def test_the_simulation_sees_a_standby_that_is_no_prefix(monkeypatch):
    advance = Embassy._advance

    def forget_a_row(self, standby, *, crashes):
        stop = advance(self, standby, crashes=crashes)
        standby.rows.pop(next(iter(standby.rows), ""), None)
        return stop

    monkeypatch.setattr(Embassy, "_advance", forget_a_row)
    with pytest.raises(Violation):
        play(range(FIRST, FIRST + 20))


def test_a_seed_plays_the_same_history_again():
    once, again = simulate(FIRST), simulate(FIRST)
    assert (once.steps, once.commits, once.envelopes) == (again.steps, again.commits, again.envelopes)
