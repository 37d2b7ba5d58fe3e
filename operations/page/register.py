"""One register's page in words: how far it is, where the time goes, what happened to it, and what proves it. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from data_embassy import causes
from data_embassy.status import HOPS, Part, RegisterStatus
from operations.page.behind import behind
from operations.page.charts import Chart, backlog_chart, lag_chart, rate_chart, rates_of
from operations.page.overview import Stop, behind_words, heard, heard_label, sentence, stops, waits
from operations.page.snapshot import SPANS, Event, Key, Past, Practice, Proof, Snapshot, Span
from operations.page.words import HOP_WORDS, MEANINGS, Moment, agreed, data_key, day_and_clock, tone_of
from operations.status.losses import WORDS
from operations.words import UNKNOWN, amount, counted, duration, size

RATE_SAMPLES = 6
"""A present rate is the mean of so many samples."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One part of the way; `share` is of the lag, in hundredths."""

    name: str
    words: str
    time: str
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One fact: a label and what is known."""

    label: str
    text: str = ""
    moment: Moment | None = None
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """One event, as a line of the list."""

    began: str
    lasted: str
    title: str
    text: str
    remedy: str | None
    tone: str
    is_over: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterPage:
    """Everything of one register."""

    name: str
    tone: str
    state: str
    meaning: str
    lead: str
    lag: str
    objective: str
    heard: Moment | None
    heard_label: str
    stops: tuple[Stop, ...]
    runbook: str | None
    hops: tuple[Hop, ...]
    numbers: tuple[Line, ...]
    position: tuple[Line, ...]
    contract: tuple[Line, ...]
    parts: tuple[Part, ...]
    spans: tuple[Span, ...]
    span: Span
    charts: tuple[Chart, ...]
    note: str | None
    events: tuple[Happened, ...]
    proofs: tuple[Proof, ...]
    proof_words: tuple[str, ...]
    drills: tuple[Practice, ...]
    drill_words: tuple[str, ...]
    keys: tuple[Key, ...]
    key_words: tuple[str, ...]
    data_key: str
    trusts: tuple[str, ...]
    notes: tuple[str, ...]


def register_page(snapshot: Snapshot, one: RegisterStatus, span: Span, now: dt.datetime) -> RegisterPage:
    """What the page of a register shows of a snapshot."""
    known_behind = behind(one, snapshot.role)
    tone, past = tone_of(one), snapshot.pasts.get((one.register, span.name))
    known, proofs = causes.CAUSES.get(one.cause or ""), snapshot.seen.proofs.get(one.register, ())
    drills = snapshot.seen.drills.get(one.register, ())
    return RegisterPage(
        name=one.register,
        tone=tone,
        state=tone,
        meaning=MEANINGS[tone],
        lead=lead(one, is_old=known_behind.is_bound),
        lag=behind_words(known_behind),
        objective="no objective agreed" if one.objective_seconds is None
        else f"of {agreed(one.objective_seconds)} agreed",
        heard=heard(snapshot, one, now),
        heard_label=heard_label(snapshot).lower(),
        stops=tuple(stops(one)),
        runbook=None if known is None else f"docs/runbooks/{known.runbook}.md",
        hops=hops(one),
        numbers=tuple(_numbers(snapshot, one, past)),
        position=tuple(_position(one)),
        contract=tuple(_contract(one)),
        parts=one.parts,
        spans=tuple(SPANS.values()),
        span=span,
        charts=() if past is None else _charts(past, one),
        note="reading the history …" if past is None else past.note,
        events=() if past is None else tuple(_happened(event, now) for event in past.events),
        proofs=proofs,
        proof_words=tuple(day_and_clock(proof.finished_at) for proof in proofs),
        drills=drills,
        drill_words=tuple(day_and_clock(each.drill.at) for each in drills),
        keys=snapshot.seen.keys,
        key_words=tuple(_key_age(key, now) for key in snapshot.seen.keys),
        data_key=data_key(one.data_key),
        trusts=snapshot.seen.trusts,
        notes=one.notes,
    )  # fmt: skip


def lead(one: RegisterStatus, *, is_old: bool = False) -> str:
    """One sentence: how far the standby is, or was when it was heard of last."""
    if one.position is None:
        return "There is no standby of it yet." if one.state in ("empty", "loading") else "Its position is not known."
    at = one.position.source_committed_at
    when = "" if at is None else f", made at {day_and_clock(at)}"
    verb = "was, when it was last heard of," if is_old else "is"
    return f"The standby {verb} the register exactly as it was after commit {one.position.commit_lsn}{when}."


def hops(one: RegisterStatus) -> tuple[Hop, ...]:
    """Where the newest applied pulse spent its time."""
    total = sum(one.hops.values())
    return tuple(
        Hop(
            name=name,
            words=HOP_WORDS[name],
            time=_short(one.hops[name]),
            share=round(100 * one.hops[name] / total, 1) if total else 0.0,
        )
        for name in HOPS
        if name in one.hops
    )


def _short(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else duration(seconds)


def _charts(past: Past, one: RegisterStatus) -> tuple[Chart, ...]:
    found = (lag_chart(past, one.objective_seconds), rate_chart(past), backlog_chart(past))
    return tuple(chart for chart in found if chart is not None)


def _numbers(snapshot: Snapshot, one: RegisterStatus, past: Past | None) -> Iterator[Line]:
    rates = [] if past is None else [rate for _, rate in rates_of(past.samples)[-RATE_SAMPLES:] if rate is not None]
    if snapshot.role == "embassy":
        mean = sum(rates) / len(rates) if rates else None
        yield Line(label="Transactions per second", text=amount(mean))
        yield Line(label="Transactions applied", text=amount(one.transactions))
        yield Line(label="Changes applied", text=amount(one.changes))
    yield Line(label="Waits", text=waits(one))
    if one.backlog.transactions is not None:
        yield Line(label="Transactions that wait", text=f"about {amount(one.backlog.transactions)}")
    if one.backlog.bytes is not None:
        yield Line(label="Bytes that wait", text=size(one.backlog.bytes))
    if one.level_in_seconds is not None:
        text = "now" if one.level_in_seconds < 1 else f"in about {duration(one.level_in_seconds)}"
        yield Line(label="Level", text=text)
    if one.backlog.slot_bytes is not None:
        yield Line(label="Held back by its slot", text=size(one.backlog.slot_bytes))
    for what, seconds in sorted(one.runs_out_seconds.items(), key=lambda item: item[1]):
        yield Line(label=f"{WORDS[what].capitalize()} runs out", text=f"in {duration(seconds)}")


def _position(one: RegisterStatus) -> Iterator[Line]:
    at = one.position
    if at is None:
        return
    yield Line(label="Commit", code=at.commit_lsn)
    if at.source_committed_at is not None:
        yield Line(label="Made at the register", text=day_and_clock(at.source_committed_at))
    attempt = "" if at.attempt is None else f", attempt {at.attempt}"
    yield Line(label="Generation", text=f"{at.generation}{attempt}")
    yield Line(label="Home offset", text=amount(at.home_offset))
    if at.lane_offset is not None:
        yield Line(label="Lane offset", text=amount(at.lane_offset))
    yield Line(label="Lane", code=one.lane)


def _contract(one: RegisterStatus) -> Iterator[Line]:
    terms = one.terms
    for label, text in (("Institution", terms.institution), ("Contact", terms.contact)):
        if text is not None:
            yield Line(label=label, text=text)
    if terms.rto_seconds is not None:
        yield Line(label="Open for work after a decision", text=f"in {agreed(terms.rto_seconds)}")
    if terms.excluded:
        yield Line(label="Stay at home by contract", text=counted(len(terms.excluded), "table"))


def _happened(event: Event, now: dt.datetime) -> Happened:
    end = event.ended_at
    lasts = end is None and event.kind in ("stop", "stopped", "outage", "pause", "paused", "down", "waiting")
    lasted = "" if end is None else f"for {duration((end - event.at).total_seconds())}"
    if lasts:
        lasted = f"lasts, {duration((now - event.at).total_seconds())} so far"
    return Happened(
        began=day_and_clock(event.at),
        lasted=lasted,
        title=event.cause or event.kind,
        text=sentence(event.text),
        remedy=event.remedy,
        tone=_tone(event),
        is_over=not lasts,
    )


def _tone(event: Event) -> str:
    tones = {"stop": "stopped", "pause": "paused", "outage": "late"}
    return tones.get(event.kind, event.kind if event.kind in MEANINGS else "unknown")


def _key_age(key: Key, now: dt.datetime) -> str:
    return UNKNOWN if key.made_at is None else duration((now - key.made_at).total_seconds())
