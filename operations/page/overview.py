"""The overview in words: a headline, a few facts, and one line for each register, by tier. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from data_embassy import causes
from data_embassy.status import RegisterStatus
from operations.page.behind import Behind, behind
from operations.page.charts import Meter, Spark, meter, spark
from operations.page.facts import Fact, facts
from operations.page.headline import Headline, headline
from operations.page.snapshot import Proof, Snapshot
from operations.page.words import LATE, MEANINGS, Moment, agreed, lag, moment, tone_of
from operations.status.losses import losses
from operations.words import UNKNOWN, amount, counted, duration, size

WORTH_SAYING_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Why something stands still, and the command that ends it."""

    title: str
    text: str
    remedy: str | None = None
    tone: str = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One register of the overview."""

    name: str
    tone: str
    state: str
    meaning: str
    lag: str
    lag_note: str
    objective: str
    meter: Meter | None
    spark: Spark | None
    waits: str
    heard: Moment | None
    heard_label: str
    """At home from receipts; at the embassy it is the receiver that is heard."""
    proof: Moment | None
    proof_words: str
    stops: tuple[Stop, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """Registers that go first together."""

    number: int
    words: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The first page."""

    headline: Headline
    facts: tuple[Fact, ...]
    shared: tuple[Stop, ...]
    """What keeps every register, said once."""
    tiers: tuple[Tier, ...]
    heard_label: str


def overview(snapshot: Snapshot, now: dt.datetime) -> Overview:
    """What the overview shows of a snapshot."""
    found = snapshot.seen.registers
    numbers = sorted({one.tier for one in found})
    tiers = [Tier(number=each, words=_tier(each, found), rows=_rows(snapshot, each, now)) for each in numbers]
    return Overview(
        headline=headline(snapshot, now),
        facts=tuple(facts(snapshot, now)),
        shared=tuple(_shared(found)),
        tiers=tuple(tiers),
        heard_label=heard_label(snapshot),
    )


def shared_cause(found: Sequence[RegisterStatus]) -> str | None:
    """The one cause that all registers have, with one remedy for all."""
    first = found[0] if len(found) > 1 else None
    if first is None or first.cause is None or first.remedy is None:
        return None
    return first.cause if all((one.cause, one.remedy) == (first.cause, first.remedy) for one in found) else None


def _shared(found: Sequence[RegisterStatus]) -> Iterator[Stop]:
    cause = shared_cause(found)
    if cause is not None:
        # The table's words: a register's own may tell of seconds, and change with each.
        text = f"{causes.what_of(cause)} So it is for every register."
        yield Stop(title=cause, text=text, remedy=found[0].remedy, tone=tone_of(found[0]))


def _tier(number: int, found: Sequence[RegisterStatus]) -> str:
    if number == 0:
        return "contracts that cannot be used"
    many, tiers = counted(sum(1 for one in found if one.tier == number), "register"), {one.tier for one in found} - {0}
    return f"{many}, first on the link" if len(tiers) > 1 and number == min(tiers) else many


def _rows(snapshot: Snapshot, tier: int, now: dt.datetime) -> tuple[Row, ...]:
    return tuple(row(snapshot, one, now) for one in snapshot.seen.registers if one.tier == tier)


def row(snapshot: Snapshot, one: RegisterStatus, now: dt.datetime) -> Row:
    """One register's line."""
    tone, proofs = tone_of(one), snapshot.seen.proofs.get(one.register, ())
    known, said = behind(one, snapshot.role), shared_cause(snapshot.seen.registers)
    return Row(
        name=one.register,
        tone=tone,
        state=tone,
        meaning=MEANINGS[tone],
        lag=behind_words(known),
        lag_note="" if one.is_lag_trusted is not False else "clocks differ",
        objective="none agreed" if one.objective_seconds is None else f"of {agreed(one.objective_seconds)}",
        meter=meter(known.seconds, one.objective_seconds),
        spark=spark(snapshot.trends.get(one.register, ())),
        waits=waits(one),
        heard=heard(snapshot, one, now),
        heard_label=heard_label(snapshot),
        proof=moment(proofs[0].finished_at, now) if proofs else None,
        proof_words=proof_words(proofs),
        stops=tuple(stop for stop in stops(one) if stop.title != said),
    )


def behind_words(known: Behind) -> str:
    """How far behind, or the most that it can be."""
    if known.seconds is None:
        return UNKNOWN
    return ("\u2264 " if known.is_bound else "") + lag(known.seconds)


def waits(one: RegisterStatus) -> str:
    """What waits, and until when."""
    known = [number for number in (one.backlog.records, one.backlog.envelopes) if number is not None]
    if not known:
        return UNKNOWN
    level, waiting = one.level_in_seconds, sum(known)
    if level is not None and level >= WORTH_SAYING_SECONDS:
        return f"{amount(waiting)}, level in {duration(level)}"
    return amount(waiting) if waiting else "nothing"


def heard_label(snapshot: Snapshot) -> str:
    """As `embassy status` says it."""
    return "Heard" if snapshot.role == "home" else "Seen"


def heard(snapshot: Snapshot, one: RegisterStatus, now: dt.datetime) -> Moment | None:
    """When the newest statement about it was made."""
    if one.age_seconds is None or snapshot.taken_at is None:
        return None
    return moment(snapshot.taken_at - dt.timedelta(seconds=one.age_seconds), now)


def proof_words(proofs: Sequence[Proof]) -> str:
    """What the newest verification found."""
    if not proofs:
        return "not yet"
    return "equal" if proofs[0].is_equal else "not equal"


def stops(one: RegisterStatus) -> Iterator[Stop]:
    """Everything that somebody should know or do, most serious first, each once."""
    tone = tone_of(one)
    if one.cause is not None or one.reason is not None:
        yield Stop(title=one.cause or one.state, text=sentence(one.reason or ""), remedy=one.remedy, tone=tone)
    for part in one.parts:
        if part.cause is not None and part.cause != one.cause:
            text = f"At the station {part.name}: {sentence(part.reason or '')}"
            yield Stop(title=part.cause, text=text, remedy=part.remedy, tone=part.state)
    for loss in losses(one):
        if loss.remedy is not None:
            yield Stop(title=loss.cause, text=sentence(loss.text), remedy=loss.remedy, tone=LATE)
    candidate = one.candidate
    if candidate is not None:
        text = f"{candidate.name}: {candidate.state}{_progress(candidate.detail)}."
        if candidate.cause is not None:
            text = f"{candidate.name}: {sentence(candidate.reason or candidate.state)}"
        yield Stop(
            title=candidate.cause or "A generation is on its way", text=text, remedy=candidate.remedy,
            tone="stopped" if candidate.cause else "loading",
        )  # fmt: skip
    if one.is_held:
        yield Stop(title="It waits", text="The link carries registers of higher tiers first.", tone="waiting")


def sentence(text: str) -> str:
    """A text as a sentence."""
    return text if not text else text[0].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def _progress(detail: object) -> str:
    if not isinstance(detail, dict) or detail.get("rows") is None:
        return ""
    return f", {amount(detail['rows'])} rows, {size(detail.get('bytes'))}"
