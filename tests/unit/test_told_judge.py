"""What the program that looks at faults makes of pages, alerts and figures: also that it sees what is not said."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext

from bench.told_faults import BUSY, IDLE, Fault, Says
from bench.told_judge import ZEROS, is_well, judge
from bench.told_watch import Alarm, Look, lines

FINE = {"home": ("Both registers are within their objectives.",), "embassy": ("Both registers are kept warm.",)}
DEAD = FINE | {"home": ("Both registers wait for a service.", "Kafka Connect does not answer")}
QUERY = ("home", "embassy_connect_up == 0")
DOWN = Alarm("home", "ConnectDown")
FAULT = Fault(
    name="connect",
    title="t",
    breaks=lambda _: nullcontext(),
    says=(
        Says("home", "page", "Kafka Connect does not", 10),
        Says("home", "metric", QUERY[1], 10),
        Says("home", "alert", "ConnectDown", 70),
    ),
    follows=("CaptureDown",),
    concerns=(BUSY,),
    silent=("ForwarderDown",),
)


def look(at: float, pages: Mapping[str, tuple[str, ...]] = FINE, alarms: dict[Alarm, str] | None = None) -> Look:
    return Look(at=at, pages=pages, alarms=alarms or {}, values={QUERY: 0.0 if pages is not FINE else None})


def told(*more: Look) -> list[Look]:
    looks = [look(100), look(103, DEAD), look(110, DEAD, {DOWN: "pending"}), look(165, DEAD, {DOWN: "firing"}), *more]
    return sorted(looks, key=lambda one: one.at)


def test_what_is_said_in_time_and_ends_is_as_it_has_to_be():
    outcome = judge(FAULT, told(look(175), look(180)), 100, 170)
    assert outcome.failures == []
    assert [one.after for one in outcome.findings] == [3, 3, 65]
    assert (outcome.findings[2].pending_after, outcome.findings[1].words) == (10, "0")
    assert outcome.well_after == {"home": 5, "embassy": 5, "alerts": 5}
    assert outcome.fired == ["home: ConnectDown"]


def test_what_is_said_too_late_or_never_is_a_failure():
    outcome = judge(FAULT, told(look(175))[2:], 100, 170)
    assert outcome.findings[0].after == 10
    late = judge(FAULT, [look(100), look(112, DEAD), look(175)], 100, 170)
    assert [one.is_kept for one in late.findings] == [False, False, False]
    assert len(late.failures) == 3


def test_what_is_not_true_is_a_failure():
    other = {DOWN: "firing", Alarm("home", "LinkDown"): "firing"}
    assert judge(FAULT, told(look(168, DEAD, other), look(175)), 100, 170).failures == ["firing: home: LinkDown"]
    for register, failures in ((BUSY, []), (IDLE, [f"firing: home: CaptureDown {IDLE}"])):
        more = {DOWN: "firing", Alarm("home", "CaptureDown", register): "firing"}
        assert judge(FAULT, told(look(168, DEAD, more), look(175)), 100, 170).failures == failures
    lying = DEAD | {"embassy": ("Both registers are kept warm.", "ForwarderDown at home")}
    assert judge(FAULT, told(look(120, lying), look(175)), 100, 170).failures == [
        "embassy's page: ForwarderDown at home"
    ]


def test_a_lag_of_nought_is_a_failure():
    zero = Look(at=120, pages=DEAD, alarms={}, values={QUERY: 0.0, ZEROS[1]: 0.0})
    assert judge(FAULT, told(zero, look(175)), 100, 170).failures == ["embassy: a lag of 0"]


def test_what_stays_behind_the_mending_is_a_failure():
    late = judge(FAULT, told(look(175), look(180, DEAD)), 100, 170)
    assert late.failures == ["not well again: home"]
    assert not is_well(look(1, FINE, {DOWN: "pending"}))
    assert is_well(look(1, FINE, {Alarm("home", "ObjectiveBurns", BUSY): "firing"}))


def test_a_lag_that_is_not_so_is_a_failure():
    outcome = judge(FAULT, told(look(175)), 100, 170)
    outcome.true_lag, outcome.shown_lag = 60.0, {"home": 58.0, "embassy": 0.0}
    assert outcome.failures == ["embassy shows a lag of 0.0, and it is 60.0 s"]
    outcome.shown_lag = {"home": float("nan")}
    assert outcome.failures == ["home shows a lag of nan, and it is 60.0 s"]


def test_of_a_page_only_what_a_reader_sees_is_read():
    html = (
        '<head><title>x</title></head><body><a class="skip">Skip</a><main><h1>All  is<br> well.</h1>'
        '<p class="unseen">hidden</p><div hidden><p>not this</p></div><dl><div><dt>Link</dt><dd>away</dd></div></dl>'
        "<table><thead><tr><th>Register</th></tr></thead><tr><td>land</td><td><svg><title>dot</title></svg>live"
        "</td></tr></table></main></body>"
    )
    assert lines(html) == ("All is well.", "Link away", "land", "live")
