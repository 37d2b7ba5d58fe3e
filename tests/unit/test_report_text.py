"""Periods that can be asked for, and what a report says of what the history answers."""

import datetime as dt
import json
from dataclasses import replace
from typing import Any

import pytest

from consumers.history.read import Event, Sample, Totals
from data_embassy.errors import ConfigError
from operations.report.model import RegisterReport, Report, register_report
from operations.report.period import period_of
from operations.report.text import text
from operations.words import length, percent

NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
OCTOBER = period_of("2026-10-01", "2026-11-01", None, now=NOW)
SECONDS = 31 * 86400.0


def utc(moment: str) -> dt.datetime:
    return dt.datetime.fromisoformat(moment).replace(tzinfo=dt.UTC)


def totals(
    *, known: float = SECONDS, met: float = SECONDS, free: float = 0, agreed: int | None = 60, lag: float = 3.2,
    **bounds: str,
) -> Totals:  # fmt: skip
    since, until, last = (utc(bounds.get(name, or_else)) for name, or_else in (
        ("since", "2026-10-01"), ("until", "2026-11-01"), ("last", "2026-11-23 12:00"))
    )  # fmt: skip
    worst = Sample(
        at=utc("2026-10-14 03:22:10"), lag_seconds=lag, hops={}, transactions=1, backlog_envelopes=0, state="live"
    )
    return Totals(
        since=since, until=until, last=last, known_seconds=known, met_seconds=met, free_seconds=free,
        objective_seconds=agreed, worst=worst,
    )  # fmt: skip


def event(at: str, kind: str, words: str, ended: str | None = None, **also: Any) -> Event:
    values: dict[str, Any] = {"cause": None, "remedy": None} | also
    ended_at = None if ended is None else utc(ended)
    return Event(at=utc(at), register="land", kind=kind, text=words, ended_at=ended_at, **values)


def report(found: Totals | None, *events: Event, objective: int | None = 60) -> RegisterReport:
    return register_report(
        "land", tier=1, objective_seconds=objective, period=OCTOBER, totals=found, events=events[::-1]
    )


def shown(*registers: RegisterReport) -> str:
    return text(Report(site="lisbon", period=OCTOBER, registers=registers))


@pytest.mark.parametrize(
    ("since", "until", "last", "begin", "end"),
    [
        ("2026-10-01", "2026-11-01", None, "2026-10-01", "2026-11-01"),
        ("2026-10-01T10:30", None, None, "2026-10-01 10:30", "2026-11-23 12:00"),
        ("2026-11-01", "2027-01-01", None, "2026-11-01", "2026-11-23 12:00"),
        # The hour that a clock in Lisbon shows twice in this night.
        ("2026-10-25T01:30+01:00", "2026-10-25T01:30+00:00", None, "2026-10-25 00:30", "2026-10-25 01:30"),
        (None, None, "30d", "2026-10-24 12:00", "2026-11-23 12:00"),
        (None, None, "90m", "2026-11-23 10:30", "2026-11-23 12:00"),
    ],
)
def test_a_period_is_utc_and_ends_now_at_the_latest(
    since: str | None, until: str | None, last: str | None, begin: str, end: str
):
    found = period_of(since, until, last, now=NOW)
    assert (found.since, found.until) == (utc(begin), utc(end))


@pytest.mark.parametrize(
    ("since", "until", "last"),
    [
        (None, None, None), ("2026-10-01", None, "30d"), ("2026-12-01", None, None), ("October", None, None),
        ("2026-10-02", "2026-10-01", None), (None, None, "30"), (None, None, "0d"), (None, None, "99999d0"),
        ("0001-01-01T00:00+14:00", None, None),
    ],
)  # fmt: skip
def test_what_is_no_period_is_refused_with_an_example(since: str | None, until: str | None, last: str | None):
    with pytest.raises(ConfigError) as refused:
        period_of(since, until, last, now=NOW)
    assert "--last 30d" in refused.value.remedy


def test_an_objective_that_was_met_all_the_time_says_so_first():
    words = shown(report(totals(), event("2026-10-02", "verification", "equal at 0/1: 3 tables")))
    assert words.splitlines()[2] == "The objective was met all the time."
    assert "land: met." in words
    assert "1, equal" in words
    assert "Watched" not in words


def test_drills_are_told_and_counted():
    failed = event("2026-10-03", "drill", "failed, by duty: no keys at hand.", cause="DrillFailed")
    one = report(totals(), event("2026-10-02", "drill", "passed, by duty"), failed)
    assert "Drills: 2, 1 passed; the newest 2026-10-03 00:00:00, failed, by duty: no keys at hand." in " ".join(
        shown(one).split()
    )
    found = one.as_json()
    assert [each["text"] for each in found["drills"]] == ["passed, by duty", "failed, by duty: no keys at hand."]
    assert found["events"] == []
    assert "Drills" not in shown(report(totals()))


def test_seconds_that_were_missed_and_seconds_that_nobody_knows_are_told_apart():
    one = report(totals(known=SECONDS - 25, met=SECONDS - 60))
    assert one.is_met is False
    assert (round(one.missed_seconds), round(one.unknown_seconds)) == (35, 25)
    assert "Of 31 d: further behind than agreed for 35.0 s, not known for 25.0 s." in shown(one)


def test_what_is_not_known_is_never_met():
    unknown = report(totals(known=SECONDS - 25, met=SECONDS - 25))
    assert unknown.is_met is False
    assert "land: NOT KNOWN to be met." in shown(unknown)
    assert "land: NOT KNOWN to be met." in shown(report(None))
    assert "99.999 %" in shown(unknown)


def test_without_an_objective_nothing_is_judged():
    one = report(
        totals(met=0, free=SECONDS, agreed=None),
        event("2026-10-02", "outage", "of before", "2026-10-03"),
        objective=None,
    )
    assert (one.is_met, one.share, one.outages) == (None, None, ())
    assert "no objective was agreed" in shown(one)
    assert "further behind" not in shown(one)


def test_an_outage_shows_its_bounds_its_cause_and_the_worst_lag_in_it():
    outage = event("2026-10-14 03:15:58", "outage", "the link was slow or cut", "2026-10-14 03:23:11")
    words = shown(report(totals(met=SECONDS - 433, lag=433.2), outage))
    assert "2026-10-14 03:15:58 to 03:23:11 (7 min 13 s): the link was slow or cut." in words
    assert "Longest lag: 7 min 13 s at 2026-10-14 03:22:10: the link was slow or cut." in words


def test_only_what_lies_in_the_period_counts():
    one = report(
        totals(),
        event("2026-09-30 23:59", "outage", "over midnight", "2026-10-01 00:01"),
        event("2026-10-31 23:58", "outage", "over the end", "2026-11-01 00:05"),
        event("2026-10-31 23:59", "stop", "goes on", cause="Gapped", remedy="embassy register snapshot land"),
    )
    assert [span.seconds for span in one.outages] == [60, 120]
    assert [(span.seconds, span.lasts) for span in one.stops] == [(60, True)]
    assert "2026-09-30 23:59:00 to 2026-10-01 00:01:00 (1 min)" in shown(one)
    assert "      -> embassy register snapshot land" in shown(one).splitlines()


def test_a_receiver_that_is_dead_now_is_an_outage_that_lasts():
    silent = totals(known=SECONDS - 7200, met=SECONDS - 7200, last="2026-10-31 22:00")
    (outage,) = report(silent).outages
    assert (outage.lasts, outage.seconds, outage.event.cause) == (True, 7200, "ReceiverDown")
    assert [one.seconds for one in report(silent, event("2026-10-31 21:00", "outage", "a stop")).outages] == [3 * 3600]


def test_a_register_that_was_watched_for_a_part_says_for_which():
    words = shown(report(totals(since="2026-10-20", known=12 * 86400, met=12 * 86400)))
    assert "Watched from 2026-10-20 00:00:00 to 2026-11-01 00:00:00 only." in words
    assert "land: met." in words


def test_a_long_list_shows_the_longest():
    many = [event(f"2026-10-{d:02d}", "outage", f"number {d}", f"2026-10-{d:02d} 00:00:{d:02d}") for d in range(1, 31)]
    words = shown(report(totals(met=SECONDS - 465), *many))
    assert "Outages (30, 7 min 45 s in all, the 10 longest):" in words
    assert ("number 20" in words, "number 21" in words) == (False, True)


def test_many_verifications_hide_no_other_event():
    verified = [event(f"2026-10-{day:02d} 04:00", "verification", "equal at 0/1: 3 tables") for day in range(2, 32)]
    generations = [event(f"2026-10-01 00:{n:02d}", "live", f"generation {n}.1") for n in range(12)]
    words = shown(report(totals(), *generations, *verified))
    assert "Verifications: 30; the newest 2026-10-31 04:00:00" in words
    assert "Of 12 other events the newest 10" in words
    assert ("generation 1.1" in words, "generation 11.1" in words) == (False, True)


def test_json_says_the_same():
    stop = event("2026-10-02", "stop", "records are missing", "2026-10-03", cause="Gapped", remedy="snapshot")
    verified = event("2026-10-04", "verification", "equal", facts={"is_equal": True})
    found = json.loads(json.dumps(Report(
        site="lisbon", period=OCTOBER, registers=(report(totals(met=SECONDS - 60), stop, verified),)
    ).as_json()))  # fmt: skip
    (land,) = found["registers"]
    assert (found["is_objective_met"], land["is_objective_met"]) == (False, False)
    assert land["seconds"] == {"total": SECONDS, "met": SECONDS - 60, "missed": 60.0, "unknown": 0.0}
    assert land["stops"][0]["cause"] == "Gapped"
    assert land["stops"][0]["seconds"] == 86400
    assert land["verifications"][0]["is_equal"] is True
    assert found["from"] == "2026-10-01T00:00:00+00:00"


def test_shares_are_never_rounded_up_to_all():
    shares = (1.0, 0.99999999, 0.999999, 0.9999, 0.5, 0.0)
    assert [percent(one) for one in shares] == ["100 %", "99.9999 %", "99.9999 %", "99.99 %", "50.0 %", "0.0 %"]


def test_lengths_read_well():
    seconds = (0.04, 59.94, 60, 433, 3600, 3661, 86400 * 31, 86400 + 3599)
    words = ("0.0 s", "59.9 s", "1 min", "7 min 13 s", "1 h", "1 h 1 min", "31 d", "1 d")
    assert tuple(length(one) for one in seconds) == words


def test_what_was_agreed_then_counts():
    since_then_free = report(totals(met=SECONDS / 2 - 60, free=SECONDS / 2), objective=None)
    assert (since_then_free.is_met, since_then_free.missed_seconds, since_then_free.objective_seconds) == (
        False,
        60,
        60,
    )
    only_now = report(totals(met=0, free=SECONDS, agreed=None), objective=5)
    assert (only_now.is_met, only_now.share) == (True, 1)


def test_hops_explain_only_a_lag_that_they_add_up_to():
    slow = totals(lag=50.0)
    assert slow.worst is not None
    for seconds, words in (
        (48.0, "the link was slow or cut (48.0 s"),
        (0.5, "Longest lag: 50.0 s at 2026-10-14 03:22:10."),
    ):
        one = report(replace(slow, worst=replace(slow.worst, hops={"link": seconds})), objective=10)
        assert words in shown(replace(one, objective_seconds=10))
