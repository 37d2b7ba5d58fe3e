"""A report as text that can be read without knowing the system: the answer first, then each register. Pure."""

from __future__ import annotations

import datetime as dt
import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

from consumers.history.read import UNWRITTEN_SECONDS, Event
from operations.report.model import TOLERANCE_SECONDS, RegisterReport, Report, Span
from operations.report.period import Period
from operations.words import length, percent

WIDTH: Final = 80
SHOWN_MAX: Final = 10
"""Of a longer list the longest, or newest, are shown."""
_NAME_MAX: Final = 28
_KINDS: Final = {
    "generation": "a new generation:",
    "live": "the standby was replaced:",
    "superseded": "a generation was given up:",
    "replay": "a standby was rebuilt from the lane:",
    "repair": "repaired:",
}


def text(report: Report) -> str:
    """The whole report."""
    period = report.period
    lines = [f"{report.site}: {moment(period.since)} to {moment(period.until)} UTC, {length(_seconds(period))}", ""]
    if not report.registers:
        return "\n".join([*lines, "No registers."])
    lines += [*_verdict(report), "", *_table(report.registers)]
    for one in report.registers:
        lines += ["", *_register(one, period)]
    return "\n".join(lines)


def moment(at: dt.datetime) -> str:
    """A time, UTC, to the second."""
    return f"{at.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S}"


def _seconds(period: Period) -> float:
    return (period.until - period.since).total_seconds()


def _verdict(report: Report) -> Iterator[str]:
    bound = [one for one in report.registers if one.is_met is not None]
    missed = report.missed
    if not bound:
        yield "No register has an objective."
    elif missed:
        kept = len(bound) - len(missed)
        yield from _wrapped(
            f"{kept} of {len(bound)} registers met their objective all the time."
            f" Not met, or not known to be met: {', '.join(one.register for one in missed)}.",
            indent="",
        )
    elif len(bound) == 1:
        yield "The objective was met all the time."
    else:
        yield f"All {len(bound)} registers met their objective all the time."


def _table(registers: Sequence[RegisterReport]) -> Iterator[str]:
    width = min(_NAME_MAX, max(8, *(len(one.register) for one in registers)))
    yield f"{'REGISTER':<{width}} {'MAY LAG':>9} {'MET':>11} {'WORST LAG':>10} {'OUTAGES':>8}  VERIFIED"
    for one in registers:
        worst = None if one.worst is None else one.worst.lag_seconds
        cells = (
            "-" if one.objective_seconds is None else length(one.objective_seconds).replace(".0 s", " s"),
            "-" if one.share is None else percent(one.share),
            "-" if worst is None else length(worst),
            str(len(one.outages)) if one.outages else "-",
        )
        objective, share, lag, outages = cells
        name = one.register if len(one.register) <= width else one.register[: width - 1] + "…"
        yield f"{name:<{width}} {objective:>9} {share:>11} {lag:>10} {outages:>8}  {_verified(one)}".rstrip()


def _verified(one: RegisterReport) -> str:
    found = one.of_kind("verification")
    unequal = sum(1 for each in found if each.cause is not None)
    if not found:
        return "-"
    if unequal == 0:
        return f"{len(found)}, all equal" if len(found) > 1 else "1, equal"
    return f"{len(found)}, {unequal} NOT EQUAL"


def _register(one: RegisterReport, period: Period) -> Iterator[str]:
    yield f"{one.register}: {_answer(one)}"
    totals = one.totals
    if totals is None:
        yield from _wrapped("Nothing is known of this time: nobody watched it here yet, or what was known is gone.")
    else:
        if one.unmet_seconds >= TOLERANCE_SECONDS and one.objective_seconds is not None:
            yield from _wrapped(_unmet(one))
        if totals.since > period.since or (period.until - totals.until).total_seconds() > UNWRITTEN_SECONDS:
            yield from _wrapped(f"Watched from {moment(totals.since)} to {moment(totals.until)} only.")
    worst = one.worst
    if worst is not None and worst.lag_seconds is not None:
        why = f": {one.worst_reason}" if one.worst_reason and not _is_small(one, worst.lag_seconds) else ""
        yield from _wrapped(f"Longest lag: {length(worst.lag_seconds)} at {moment(worst.at)}{why}.")
    yield from _spans("Outages", one.outages)
    yield from _spans("Stops", one.stops)
    yield from _spans("Pauses", one.pauses)
    yield from _verifications(one.of_kind("verification"))
    yield from _drills(one.of_kind("drill"))
    yield from _events(one.unsorted)


def _answer(one: RegisterReport) -> str:
    if one.is_met is None:
        return "no objective was agreed."
    if one.is_met:
        return "met."
    if one.totals is None or one.missed_seconds < TOLERANCE_SECONDS:
        return "NOT KNOWN to be met."
    return "MISSED."


def _unmet(one: RegisterReport) -> str:
    assert one.totals is not None
    parts = []
    if one.missed_seconds >= TOLERANCE_SECONDS:
        parts.append(f"further behind than agreed for {length(one.missed_seconds)}")
    if one.unknown_seconds >= TOLERANCE_SECONDS:
        parts.append(f"not known for {length(one.unknown_seconds)}")
    return f"Of {length(one.totals.seconds)}: {', '.join(parts)}."


def _is_small(one: RegisterReport, seconds: float) -> bool:
    return one.objective_seconds is not None and seconds <= one.objective_seconds


def _spans(title: str, spans: Sequence[Span]) -> Iterator[str]:
    if not spans:
        return
    shown = sorted(sorted(spans, key=lambda one: -one.seconds)[:SHOWN_MAX], key=lambda one: one.since)
    more = f", the {len(shown)} longest" if len(shown) < len(spans) else ""
    yield f"  {title} ({len(spans)}, {length(sum(one.seconds for one in spans))} in all{more}):"
    for one in shown:
        end = "still lasts" if one.lasts else _end(one)
        yield from _wrapped(
            f"{moment(one.event.at)} to {end} ({length(one.seconds)}): {one.event.text}.", indent="    "
        )
        if one.event.remedy is not None and (one.lasts or one.event.kind == "stop"):
            yield f"      -> {one.event.remedy}"


def _end(one: Span) -> str:
    assert one.event.ended_at is not None
    end = moment(one.event.ended_at)
    return end[11:] if end[:10] == moment(one.event.at)[:10] else end


def _verifications(found: Sequence[Event]) -> Iterator[str]:
    if not found:
        return
    newest = found[-1]
    yield from _wrapped(f"Verifications: {len(found)}; the newest {moment(newest.at)}, {newest.text}.")
    for one in [one for one in found if one.cause is not None][-SHOWN_MAX:]:
        yield from _wrapped(f"{moment(one.at)} {one.text}.", indent="    ")
        yield f"      -> {one.remedy}"


def _drills(found: Sequence[Event]) -> Iterator[str]:
    if not found:
        return
    passed, newest = sum(1 for one in found if one.cause is None), found[-1]
    yield from _wrapped(
        f"Drills: {len(found)}, {passed} passed; the newest {moment(newest.at)}, {newest.text.rstrip('.')}."
    )


def _events(found: Sequence[Event]) -> Iterator[str]:
    if len(found) > SHOWN_MAX:
        yield f"  Of {len(found)} other events the newest {SHOWN_MAX} (--json shows all):"
    for event in found[-SHOWN_MAX:]:
        yield from _wrapped(f"{moment(event.at)} {_KINDS.get(event.kind, event.kind)} {event.text}.")


def _wrapped(line: str, *, indent: str = "  ") -> list[str]:
    return textwrap.wrap(line, WIDTH, initial_indent=indent, subsequent_indent=indent + "  ")
