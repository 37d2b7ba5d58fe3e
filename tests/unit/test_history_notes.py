"""Which outages and pauses are noted, with which bounds and words."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from consumers.history.coverage import Look
from consumers.history.notes import Notes, Watched
from consumers.history.store import Happening

NOON = dt.datetime(2026, 10, 1, 12, tzinfo=dt.UTC)
Facts = Mapping[str, Any]


def after(seconds: float) -> dt.datetime:
    return NOON + dt.timedelta(seconds=seconds)


def watched(second: float, lag: float | None, *, pause: str | None = None, **also: Any) -> Watched:
    values: dict[str, Any] = {"state": "live", "objective_seconds": 10, "is_lag_trusted": True} | also
    return Watched(look=Look(at=after(second), lag_seconds=lag, **values), pause=pause)


def noted(looks: Iterable[Watched], notes: Notes | None = None) -> list[Happening]:
    notes = notes or Notes("land")
    for one in looks:
        notes.take(one)
    return notes.tear_off(is_last=True)[1]


def cut(seconds: int, **also: Any) -> list[Watched]:
    """Fine, then nothing arrives for so long, then fine."""
    before = [watched(second, 1.0) for second in range(-5, 0)]
    return [*before, *(watched(second, 1.0 + second, **also) for second in range(seconds)), watched(seconds, 0.5)]


def test_an_outage_begins_when_the_lag_passes_the_objective_and_ends_when_it_is_back():
    found = noted(cut(60))
    assert [(one.kind, one.at, one.ended_at) for one in found] == [("outage", after(9), after(60))]
    assert found[0].text == "nothing arrived from home: the link, or something at home, stood still"
    assert (found[0].facts["worst_lag_seconds"], found[0].facts["worst_at"]) == (60, after(59).isoformat())


def test_an_outage_begins_between_two_looks():
    (outage,) = noted(watched(second, 1.6 + second) for second in range(20))
    assert outage.at == after(8.4)


def test_the_hop_of_the_slowest_change_says_where_it_stood_still():
    slow = watched(60, 0.5, hops={"capture": 0.2, "link": 58.0, "apply": 0.1})
    (outage,) = noted([*cut(60)[:-1], slow, watched(61, 0.5, hops={"capture": 0.2, "link": 0.1})])
    assert outage.text == "the link was slow or cut (58.0 s from home to the embassy's broker)"
    assert outage.facts["hop"] == "link"


def test_a_cause_says_more_than_a_hop():
    (outage,) = noted(cut(60, state="stopped", cause="Gapped", hops={"link": 50.0}))
    assert (outage.cause, outage.text) == ("Gapped", "records are missing on the lane")
    assert outage.remedy == "at home: embassy register snapshot land"


def test_a_cause_of_a_moment_explains_no_outage():
    looks = cut(60)
    looks[20] = watched(15, 16.0, state="waiting", cause="Unreachable")
    (outage,) = noted(looks)
    assert outage.cause is None


def test_more_than_can_be_applied_is_told_from_nothing():
    (outage,) = noted(cut(60, backlog_envelopes=9))
    assert outage.text == "more arrived than the standby could apply"


def test_a_gap_is_an_outage_of_a_receiver_that_did_not_run():
    (outage,) = noted([watched(0, 1.0), watched(1, 1.0), watched(100, 1.0), watched(101, 1.0)])
    assert (outage.at, outage.ended_at, outage.cause) == (after(1), after(100), "ReceiverDown")
    assert outage.text.startswith("nobody looked")


def test_a_register_without_a_standby_meets_no_objective():
    (outage,) = noted(watched(second, None, state="loading") for second in range(5))
    assert (outage.at, outage.ended_at, outage.text) == (after(0), None, "there was no standby yet")


def test_clocks_that_differ_are_named():
    (outage,) = noted([*cut(0), *(watched(second, 0.1, is_lag_trusted=False) for second in range(1, 40))])
    assert (outage.cause, outage.ended_at) == ("ClocksDiffer", None)


def test_without_an_objective_there_are_no_outages():
    assert noted(cut(60, objective_seconds=None)[5:-1]) == []


def test_an_outage_goes_on_over_a_restart():
    notes = Notes("land")
    (before,) = noted(cut(60)[:-1], notes)
    (again,) = noted([watched(300, 301.0), watched(301, 0.5)], Notes("land", outage=before))
    assert (again.at, again.ended_at) == (before.at, after(301))
    assert again.facts["worst_lag_seconds"] == 301


def test_a_pause_lasts_until_it_is_over():
    pauses = [watched(0, 1.0), watched(1, 1.0, pause="upgrade"), watched(2, 1.0, pause="upgrade"), watched(3, 1.0)]
    (pause,) = noted(pauses)
    assert (pause.kind, pause.at, pause.ended_at, pause.text) == ("pause", after(1), after(3), "paused: upgrade")
    (began,) = noted(pauses[:2])
    (ended,) = noted(pauses[3:], Notes("land", pause=began))
    assert (ended.at, ended.ended_at) == (after(1), after(3))


def test_five_looks_become_one_entry():
    notes = Notes("land")
    for second in range(11):
        notes.take(watched(second, float(second)))
    entries, _ = notes.tear_off()
    assert [(one.at, one.span_seconds, one.lag_seconds) for one in entries] == [(after(4), 4, 4), (after(9), 5, 9)]
    assert notes.tear_off(is_last=True)[0][0].span_seconds == 1


def test_rows_that_were_sent_again_are_a_repair_once():
    times = (None, after(0), after(0), None, None, after(4), after(4))
    looks = [replace(watched(n, 1.0), mended_at=at) for n, at in enumerate(times)]
    assert [(one.kind, one.at) for one in noted(looks)] == [("repair", after(0)), ("repair", after(4))]
