"""The few facts below the overview's headline: the other site, the clocks, proofs, and what runs out first. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from data_embassy.status import RegisterStatus
from operations.page.behind import HUSH_SECONDS, heard_seconds
from operations.page.snapshot import Snapshot
from operations.page.words import LATE, Moment, age, moment
from operations.status.losses import SOON_SECONDS, WORDS
from operations.words import counted, duration, size

MINUTE_SECONDS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One of the few facts below the headline."""

    label: str
    text: str = ""
    moment: Moment | None = None
    below: str = ""
    tone: str | None = None


def facts(snapshot: Snapshot, now: dt.datetime) -> Iterator[Fact]:
    """The other site, the clocks, proofs, and what runs out first."""
    found = snapshot.seen.registers
    if not found or snapshot.taken_at is None:
        return
    yield _other_site(snapshot, now)
    yield _clocks(found)
    yield _proofs(snapshot, now)
    yield _drills(snapshot, now)
    if snapshot.role == "home":
        yield _link(snapshot)
    yield from _runs_out(found)


def _other_site(snapshot: Snapshot, now: dt.datetime) -> Fact:
    assert snapshot.taken_at is not None
    is_home = snapshot.role == "home"
    label = "Embassy last heard" if is_home else "Home last heard"
    seconds = heard_seconds(snapshot.seen.registers, snapshot.role, snapshot.taken_at)
    if seconds is None and any(one.is_lag_trusted is False for one in snapshot.seen.registers):
        return Fact(label=label, text="not known", below="the clocks differ", tone="unknown")
    if seconds is None:
        return Fact(label=label, text="never yet", tone="unknown")
    at = snapshot.taken_at - dt.timedelta(seconds=seconds)
    return Fact(
        label=label, moment=moment(at, now), tone=LATE if seconds > HUSH_SECONDS else None,
        below="its newest receipt" if is_home else "its newest pulse or commit",
    )  # fmt: skip


def _clocks(found: Sequence[RegisterStatus]) -> Fact:
    compared = [each for each in found if each.clock_offset_seconds is not None]
    one = next((each for each in compared if each.is_lag_trusted is False), compared[0] if compared else None)
    if one is None or one.clock_offset_seconds is None:
        return Fact(label="Clocks", text="not yet compared", below="both ways must carry messages first")
    offset, blur = one.clock_offset_seconds, one.clock_uncertainty_seconds
    is_off = any(each.is_lag_trusted is False for each in found)
    size_words = f"{abs(offset):.2f} s" if abs(offset) < MINUTE_SECONDS else age(abs(offset))
    text = ("\u2212" if offset < 0 else "+") + size_words + ("" if blur is None else f" \u00b1 {blur:.2f} s")
    below = "set them: lags are not to be trusted" if is_off else "the embassy's minus home's"
    return Fact(label="Clocks", text=text, below=below, tone=LATE if is_off else None)


def _proofs(snapshot: Snapshot, now: dt.datetime) -> Fact:
    newest = {name: proofs[0] for name, proofs in snapshot.seen.proofs.items() if proofs}
    wrong = [name for name, proof in newest.items() if not proof.is_equal]
    if wrong:
        return Fact(label="Proof", text="not equal", below=", ".join(sorted(wrong)), tone="stopped")
    times = [found for proof in newest.values() if (found := moment(proof.finished_at, now)) is not None]
    if not times:
        return Fact(label="Proof", text="none yet", below="embassy register verify NAME, at home")
    oldest, count, total = max(times, key=lambda one: one.seconds), len(newest), len(snapshot.seen.registers)
    return Fact(label="Proven equal", moment=oldest, below=f"{count} of {total} registers; the longest ago")


def _drills(snapshot: Snapshot, now: dt.datetime) -> Fact:
    passed = ([each.drill.at for each in found if each.drill.is_passed] for found in snapshot.seen.drills.values())
    newest = [max(times) for times in passed if times]
    if not newest:
        return Fact(label="Take-over drilled", text="not yet", below="no drill that passed is on record here")
    count = f"{len(newest)} of {counted(len(snapshot.seen.registers), 'register')}"
    return Fact(label="Take-over drilled", moment=moment(min(newest), now), below=f"{count}; the longest ago")


def _link(snapshot: Snapshot) -> Fact:
    if any("link" in note for one in snapshot.seen.registers for note in one.notes):
        return Fact(label="Link", text="away", below="the embassy's broker does not answer", tone="down")
    if any(part.cause == "ForwarderDown" for one in snapshot.seen.registers for part in one.parts):
        return Fact(label="Link", text="not known", below="nobody forwards over it", tone="unknown")
    rate = snapshot.seen.link_bytes_per_second
    held = sum(1 for one in snapshot.seen.registers if one.is_held)
    below = f"{counted(held, 'register waits', 'registers wait')} for it" if held else "carried lately at its best"
    return Fact(label="Link", text="answers" if rate is None else f"{size(rate)}/s", below=below)


def _runs_out(found: Sequence[RegisterStatus]) -> Iterator[Fact]:
    first = min(
        ((seconds, what, one.register) for one in found for what, seconds in one.runs_out_seconds.items()), default=None
    )
    if first is not None:
        seconds, what, name = first
        tone = LATE if seconds < SOON_SECONDS else None
        yield Fact(label="Runs out first", text=f"in {duration(seconds)}", below=f"{WORDS[what]} of {name}", tone=tone)
