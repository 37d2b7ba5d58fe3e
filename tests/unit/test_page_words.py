"""What the status page says of what was seen: its first sentence, who was heard when, its memory and its charts."""

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from data_embassy.status import DataKey, Part, Position, RegisterStatus
from operations.page.behind import behind, hush_seconds
from operations.page.charts import backlog_chart, lag_chart, rate_chart, rates_of
from operations.page.facts import facts
from operations.page.headline import headline
from operations.page.overview import stops
from operations.page.recent import EVENTS_MAX, Recent
from operations.page.register import register_page
from operations.page.scale import nice, nice_seconds
from operations.page.snapshot import SPANS, Past, Sample, Seen, Snapshot
from operations.page.words import age, ago, agreed, data_key
from operations.words import amount, size
from tests.support.staged_page import at_home, now, past, register, silent, stopped, well

NOW = dt.datetime(2026, 3, 4, 5, 6, 7, tzinfo=dt.UTC)
SECOND = dt.timedelta(seconds=1)


def seen(*found: RegisterStatus, role: str = "embassy", age_seconds: float = 0.5) -> Snapshot:
    taken = NOW - age_seconds * SECOND
    return Snapshot(number=1, site="x", role=role, taken_at=taken, seen=Seen(registers=found))  # type: ignore[arg-type]


def said(*found: RegisterStatus, **more: object) -> str:
    return headline(seen(*found, **more), NOW).text  # type: ignore[arg-type]


def one(**more: Any) -> RegisterStatus:
    """A register without times of today in it."""
    return replace(register("land"), position=None, **more)


def test_the_most_serious_thing_is_said_first():
    late = one(is_objective_met=False)
    assert said(one()) == "Land is within its objective."
    assert said(one(), one()) == "Both registers are within their objectives."
    assert said(one(objective_seconds=None)) == "Land is kept warm."
    assert said(one(), late) == "Land is further behind than agreed."
    assert said(one(), late, one(state="down")) == "Nobody works on land."
    assert said(late, one(state="down"), stopped(one())) == "Land stands still."
    assert said(*[stopped(one())] * 3) == "All three registers stand still."
    assert said(*[stopped(one())] * 13, one()) == "13 of 14 registers stand still."
    assert said() == "No registers yet."
    assert headline(Snapshot(number=0, site="x", role="home"), NOW).text == "Looking for the first time."
    assert headline(seen(late, stopped(one()), one()), NOW).below.endswith(
        "Also 1 late. One of three goes on as it should."
    )


def test_nothing_is_claimed_of_what_was_seen_long_ago():
    assert said(one(), age_seconds=3) == "Land is within its objective."
    assert said(one(), age_seconds=125) == "Nothing was seen here for 2 min 5 s."


def test_home_is_called_dark_only_when_nothing_at_all_comes_and_all_works_here():
    dark = [replace(each, position=None) for each in silent(well(), 90.0)]
    assert said(*dark) == "Nothing has come from home for 1 min 30 s."
    commits = Position(commit_lsn="0/1", source_committed_at=(NOW - SECOND).isoformat(), home_offset=1, generation=1)
    for less in (
        {"lag_seconds": 3.0},
        {"position": commits},
        {"backlog": replace(dark[0].backlog, envelopes=5)},
        {"backlog": replace(dark[0].backlog, envelopes=None)},
    ):
        assert hush_seconds([replace(dark[0], **less), *dark[1:]], "embassy", NOW) is None
    assert hush_seconds([replace(each, state="down") for each in dark], "embassy", NOW) is None
    assert hush_seconds([replace(each, is_lag_trusted=False) for each in dark], "embassy", NOW) is None


def test_registers_to_which_no_pulse_comes_count_for_a_dark_home_all_the_same():
    dark = [replace(each, position=None, state="waiting", cause="PulseSilent") for each in silent(well(), 90.0)]
    assert said(*dark) == "Nothing has come from home for 1 min 30 s."
    below = headline(replace(seen(*dark), role="embassy"), NOW).below
    assert below.endswith("The link is cut, home is dark, or nobody captures or forwards there.")
    assert said(dark[0], one()) == f"{dark[0].register.capitalize()} waits for a service."


def test_a_cut_link_is_told_from_an_embassy_that_says_nothing():
    cut = at_home([one()], heard_seconds=95)
    assert "The link is cut, or it is dark." in headline(replace(seen(*cut), role="home"), NOW).below
    parts = tuple(replace(part, cause="EmbassySilent") for part in cut[0].parts[-1:])
    mute = replace(cut[0], cause="EmbassySilent", parts=parts)
    assert "The link works:" in headline(replace(seen(mute), role="home"), NOW).below


def test_a_wrong_clock_is_no_site_in_order():
    apart = one(is_lag_trusted=False, clock_offset_seconds=-3600.2)
    found = headline(seen(apart, one()), NOW)
    assert (found.text, found.tone) == ("The clocks of the sites differ by 60 min.", "late")
    assert found.below.startswith("Set it (chronyc tracking")
    assert said(one(is_lag_trusted=False, clock_offset_seconds=0.1)).startswith(
        "A clock is wrong: a site's, or that of"
    )
    assert said(apart, stopped(one())) == "Land stands still."
    assert "The clocks of the sites differ by 60 min. Set it" in headline(seen(apart, stopped(one())), NOW).below
    (heard, *_) = facts(seen(replace(apart, lag_seconds=None)), NOW)
    assert (heard.text, heard.below) == ("not known", "the clocks differ")


def test_what_the_link_carried_is_not_said_while_nobody_forwards():
    def link(cause: str | None) -> str:
        shown = one(parts=(Part(name="forward", state="down", cause=cause),))
        return next(fact.text for fact in facts(seen(shown, role="home"), NOW) if fact.label == "Link")

    assert (link(None), link("ForwarderDown")) == ("answers", "not known")


def test_what_is_lost_soon_has_its_command():
    (found,) = stops(one(runs_out_seconds={"slot": 600.0, "lane": 80_000.0}))
    assert (found.title, found.text) == ("SlotNearLoss", "The slot loses what is still needed in about 10 min.")
    assert str(found.remedy).startswith("embassy connector apply land")


def test_a_silent_embassy_is_at_most_as_far_behind_as_it_was_plus_its_silence():
    (heard,) = at_home([one(lag_seconds=0.8)], heard_seconds=2)
    (quiet,) = at_home([one(lag_seconds=0.8)], heard_seconds=95)
    assert (behind(heard, "home").seconds, behind(heard, "home").is_bound) == (0.8, False)
    assert behind(quiet, "home").seconds == pytest.approx(95.8)
    assert behind(quiet, "home").is_bound
    assert not behind(quiet, "embassy").is_bound
    assert behind(replace(quiet, lag_seconds=None), "home").seconds is None
    assert hush_seconds([heard, quiet], "home", NOW) is None
    assert hush_seconds([quiet], "home", NOW) == 95


def test_memory_keeps_the_worst_of_what_it_thins():
    recent = Recent()
    for at in range(0, 7200, 2):
        lag = 50.0 if at == 100 else None if at == 7000 else 1.0
        recent.add([one(lag_seconds=lag)], NOW + at * SECOND, "embassy")
    until = NOW + 7200 * SECOND
    day = recent.samples("land", since=until - SPANS["day"].length, until=until)
    assert len(day) < 40
    assert max(each.lag_seconds or 0 for each in day) == 50.0
    hour = recent.samples("land", since=until - SPANS["hour"].length, until=until, points_max=60)
    assert len(hour) <= 61
    assert [each.lag_seconds for each in hour].count(None) == 1
    assert recent.samples("nobody", since=NOW, until=until) == []


def test_memory_tells_what_happened_from_its_beginning_to_its_end():
    recent, gone_on = Recent(), one()
    for at, state in enumerate(
        [gone_on, stopped(gone_on), stopped(gone_on), one(state="down", cause="ReceiverDown"), gone_on]
    ):
        recent.add([state], NOW + at * SECOND, "embassy")
    down, stop = recent.events("land", since=NOW, until=NOW + 9 * SECOND, limit=9)
    assert (stop.kind, stop.cause, stop.at, stop.ended_at) == ("stopped", "Gapped", NOW + SECOND, NOW + 3 * SECOND)
    assert (down.kind, down.ended_at) == ("down", NOW + 4 * SECOND)
    assert recent.events("land", since=NOW + 3.5 * SECOND, until=NOW + 9 * SECOND, limit=9) == [down]
    for at in range(10, 3 * EVENTS_MAX):
        recent.add([stopped(gone_on) if at % 2 else gone_on], NOW + at * SECOND, "embassy")
    assert len(recent.events("land", since=NOW, until=NOW + 9999 * SECOND, limit=9999)) <= EVENTS_MAX
    recent.add([], NOW, "embassy")
    assert recent.events("land", since=NOW, until=NOW + 9999 * SECOND, limit=9) == []


def test_chart_says_in_words_what_it_draws():
    chart = lag_chart(past("land", SPANS["hour"], now()), 30)
    assert chart.words.startswith("In the last 1 hour at worst 3")
    assert chart.words.endswith("agreed are at most 30 s.")
    assert [name for name, _ in chart.legend][:2] == ["hop-capture", "hop-home_topic"]
    assert len(chart.rows) == 12
    assert chart.rows[0][0] != chart.rows[-1][0]
    assert {band.tone for band in chart.bands} == {"paused"}
    assert chart.mark_y is not None


def test_chart_is_broken_where_nothing_is_known():
    def at(second: int, lag: float | None, done: int | None = None) -> Sample:
        return Sample(
            at=NOW + second * SECOND, lag_seconds=lag, hops={}, transactions=done, backlog_envelopes=None, state="live"
        )

    samples = (
        at(10, 1.0, 5),
        at(20, 1.0, 25),
        at(30, None),
        at(40, 2.0),
        at(50, 2.0),
        at(1900, 1.0, 9),
        at(1910, 1.0, 8),
    )
    some = Past(span=SPANS["hour"], since=NOW, until=NOW + SPANS["hour"].length, samples=samples)
    (line,) = lag_chart(some, None).shapes
    assert line.path.count("M") == 3
    assert [rate for _, rate in rates_of(samples)] == [2.0, None, None, None, None, None]
    assert rate_chart(replace(some, samples=samples[3:])) is None
    assert backlog_chart(some) is None
    assert lag_chart(replace(some, samples=()), 30).words == "Nothing is known of this time."


@pytest.mark.parametrize(
    ("most", "counts", "seconds"), [(0.3, 0.5, 0.5), (7, 10, 10), (66, 100, 90), (61, 100, 90), (4000, 5000, 7200)]
)
def test_axes_end_at_round_numbers(most, counts, seconds):
    assert (nice(most), nice_seconds(most)) == (counts, seconds)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (None, "not known now"),
        (DataKey(envelopes=1204), "has sealed 1\u202f204 envelopes so far; how long it is in use is known at home"),
        (DataKey(), "has sealed \u2013 envelopes so far; how long it is in use is known at home"),
        (
            DataKey(age_seconds=183_600.0, envelopes=9, used=0.129, left_seconds=3600.0),
            "in use for 2 d 3 h; 12 % of what it may seal is used; a new one in 1 h at the latest",
        ),
        (
            DataKey(age_seconds=90_000.0, envelopes=0, used=0.0, left_seconds=-1.0),
            "in use for 1 d 1 h; less than 1 % of what it may seal is used; a new one with the next envelope",
        ),
        (
            DataKey(age_seconds=60.0, envelopes=9, used=1.0, left_seconds=3600.0),
            "in use for 1 min; 100 % of what it may seal is used; a new one with the next envelope",
        ),
    ],
)
def test_a_data_key_is_said_as_far_as_it_is_known(key, words):
    assert data_key(key) == words
    page = register_page(seen(one(data_key=key)), one(data_key=key), SPANS["hour"], NOW)
    assert page.data_key == words


def test_numbers_are_said_as_people_say_them():
    assert [age(each) for each in (0.4, 59.9, 61, 599, 3599, 86400 * 9)] == [
        "0 s",
        "59 s",
        "1 min 1 s",
        "9 min 59 s",
        "60 min",
        "9 d",
    ]
    assert [ago(each) for each in (-1, 1.9, 2, 90)] == ["just now", "just now", "2 s ago", "1 min 30 s ago"]
    assert [agreed(each) for each in (30, 60, 90, 300)] == ["30 s", "1 min", "1 min 30 s", "5 min"]
    assert [amount(each) for each in (None, 0, 0.5, 9.25, 1234567)] == [
        "\u2013",
        "0",
        "0.5",
        "9.2",
        "1\u202f234\u202f567",
    ]
    assert [size(each) for each in (None, 12, 1200, 123456, 7.5e9)] == ["\u2013", "12 B", "1.2 kB", "123 kB", "7.5 GB"]
