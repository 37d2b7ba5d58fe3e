"""One sentence that says how a site is, and one below it: the most serious thing first. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from data_embassy.clock import OFFSET_SECONDS_MAX
from data_embassy.status import RegisterStatus
from operations.page.behind import HUSH_SECONDS, behind, hush_seconds
from operations.page.snapshot import Snapshot
from operations.page.words import LATE, age, clock, lag, tone_of

_ORDER: Final = ("stopped", "down", "unknown", "waiting", LATE, "paused", "loading", "empty")
_SAID: Final = {
    "stopped": ("{name} stands still.", "{who} registers stand still."),
    "down": ("Nobody works on {name}.", "{who} registers have nobody working on them."),
    "unknown": ("Nothing is known of {name}.", "Nothing is known of {who} registers."),
    "waiting": ("{name} waits for a service.", "{who} registers wait for a service."),
    LATE: ("{name} is further behind than agreed.", "{who} registers are further behind than agreed."),
    "paused": ("{name} is paused.", "{who} registers are paused."),
    "loading": ("{name} is being loaded.", "{who} registers are being loaded."),
    "empty": ("{name} is still empty.", "{who} registers are still empty."),
}
_ALSO: Final = {
    "stopped": "stopped", "down": "down", "unknown": "not heard of", "waiting": "waiting", LATE: "late",
    "paused": "paused", "loading": "loading", "empty": "empty",
}  # fmt: skip

_SET: Final = "Set it (chronyc tracking, at both sites): lags are not to be trusted."


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The first words of the overview."""

    text: str
    below: str
    tone: str


def headline(snapshot: Snapshot, now: dt.datetime) -> Headline:
    """How the site is, as of the snapshot; that nobody knows, when it is too old."""
    found = snapshot.seen.registers
    if snapshot.taken_at is None:
        return Headline(text="Looking for the first time.", below="Nothing is known yet.", tone="unknown")
    old = (now - snapshot.taken_at).total_seconds()
    if old > HUSH_SECONDS:
        below = f"What stands below is how it was at {clock(snapshot.taken_at)} UTC."
        return Headline(text=f"Nothing was seen here for {age(old)}.", below=below, tone="unknown")
    if not found:
        return Headline(
            text="No registers yet.", below="A register is brought with: embassy register add", tone="empty"
        )
    quiet = hush_seconds(found, snapshot.role, snapshot.taken_at)
    if quiet is not None and not any(one.state in ("stopped", "down") for one in found):
        return _hush(snapshot, quiet)
    for tone in _ORDER:
        names = [one.register for one in found if tone_of(one) == tone]
        if names:
            one, many = _SAID[tone]
            share = f"{_spelt(len(names))} of {_spelt(len(found))}"
            who = _whole(len(found)) if len(names) == len(found) else share
            text = one.format(name=names[0]) if len(names) == 1 else many.format(who=who)
            return Headline(text=text[0].upper() + text[1:], below=_below(snapshot, tone), tone=tone)
    wrong = _wrong_clock(found)
    if wrong is not None:
        below = _below(snapshot, "live", clocks=False)
        return Headline(text=wrong, below=f"{_SET} {below}", tone=LATE)
    return Headline(text=_well(found), below=_below(snapshot, "live"), tone="live")


def _wrong_clock(found: Sequence[RegisterStatus]) -> str | None:
    wrong = [one for one in found if one.is_lag_trusted is False]
    if not wrong:
        return None
    apart = max((abs(one.clock_offset_seconds) for one in wrong if one.clock_offset_seconds is not None), default=0.0)
    if apart > OFFSET_SECONDS_MAX:
        return f"The clocks of the sites differ by {lag(apart)}."
    return f"A clock is wrong: a site's, or that of {wrong[0].register}'s server."


def _hush(snapshot: Snapshot, quiet: float) -> Headline:
    other = "the embassy" if snapshot.role == "home" else "home"
    assert snapshot.taken_at is not None
    since = snapshot.taken_at - dt.timedelta(seconds=quiet)
    text = f"Nothing has come from {other} for {age(quiet)}."
    if snapshot.role == "home":
        is_cut = any(part.cause == "LinkDown" for one in snapshot.seen.registers for part in one.parts)
        why = "The link is cut, or it is dark." if is_cut else "The link works: nobody receives there, or says so."
        below = f"What stands here is what it last said, at {clock(since)} UTC. {why}"
        return Headline(text=text, below=below, tone="unknown")
    many = len(snapshot.seen.registers)
    whole = "The standby stands" if many == 1 else f"{_whole(many).capitalize()} standbys stand"
    below = f"{whole} as home was at {clock(since)} UTC, complete and ready. "
    below += "The link is cut, home is dark, or nobody captures or forwards there."
    return Headline(text=text, below=below, tone=LATE)


def _well(found: Sequence[RegisterStatus]) -> str:
    has_objectives = any(one.objective_seconds is not None for one in found)
    if len(found) == 1:
        return f"{found[0].register} is {'within its objective' if has_objectives else 'kept warm'}.".capitalize()
    how = "within their objectives" if has_objectives else "kept warm"
    return f"{_whole(len(found)).capitalize()} registers are {how}."


def _below(snapshot: Snapshot, said: str, *, clocks: bool = True) -> str:
    found, sentences = snapshot.seen.registers, []
    wrong = _wrong_clock(found) if clocks else None
    if wrong is not None:
        sentences.append(f"{wrong} {_SET}")
    lags = [(known, one.register) for one in found if (known := behind(one, snapshot.role).seconds) is not None]
    if lags:
        worst, name = max(lags)
        only = f"It is {lag(worst)} behind."
        sentences.append(only if len(found) == 1 else f"Furthest behind is {name}, by {lag(worst)}.")
    others = [
        f"{sum(1 for one in found if tone_of(one) == tone)} {_ALSO[tone]}"
        for tone in _ORDER
        if tone != said and any(tone_of(one) == tone for one in found)
    ]
    if others:
        sentences.append("Also " + ", ".join(others) + ".")
    fine = sum(1 for one in found if tone_of(one) == "live")
    if said != "live" and fine:
        verb = "goes on as it should" if fine == 1 else "go on as they should"
        sentences.append(f"{_spelt(fine).capitalize()} of {_spelt(len(found))} {verb}.")
    return " ".join(sentences)


def _whole(number: int) -> str:
    return "both" if number == 2 else f"all {_spelt(number)}"


def _spelt(number: int) -> str:
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
    return words[number] if number < len(words) else str(number)
