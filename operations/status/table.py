"""Statuses as text: aligned columns, the most important number first, what to do below. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from data_embassy.config import Role
from data_embassy.status import Part, RegisterStatus
from operations.page.behind import behind
from operations.status.losses import losses
from operations.words import duration, size

WIDTH: Final = 80
_NAME_MAX: Final = 28
_COLORS: Final = {"live": "32", "loading": "36", "paused": "33", "waiting": "33", "unknown": "33"}
_RED: Final = "31;1"
_QUIET: Final = ("empty",)
_WORTH_SAYING_SECONDS: Final = 5.0
_INDENT: Final = " " * 9


def table(
    site: str, role: Role, found: Sequence[RegisterStatus], *, width: int = WIDTH, is_colored: bool = False
) -> str:
    """All registers of a site."""
    if not found:
        return f"{site} ({role}): no registers"
    name_width = min(_NAME_MAX, max(8, *(len(one.register) for one in found)))
    heard = "HEARD" if role == "home" else "SEEN"
    head = f"{'LAG':>8} {'REGISTER':<{name_width}} {'STATE':<8} {'BACKLOG':>9} {heard:>6}  POSITION"
    lines = [head]
    for one in found:
        lines.append(_line(one, role, name_width, is_colored=is_colored))
        lines += [line for text in below(one) for line in _wrapped(text, width)]
    lines += [line for text in footnotes(found) for line in textwrap.wrap(text, width)]
    return "\n".join(lines)


def _line(one: RegisterStatus, role: Role, name_width: int, *, is_colored: bool) -> str:
    state = f"{one.state:<8}"
    if is_colored and one.state not in _QUIET:
        state = f"\x1b[{_COLORS.get(one.state, _RED)}m{state}\x1b[0m"
    position = "-" if one.position is None else f"{one.position.commit_lsn} generation {one.position.generation}"
    backlog = waiting(one)
    lag, age = _lag(one, role), duration(one.age_seconds)
    return f"{lag:>8} {one.register:<{name_width}} {state} {backlog:>9} {age:>6}  {position}"


def _lag(one: RegisterStatus, role: Role) -> str:
    """At home, while the embassy is silent, the most that it can be: it grows with the silence."""
    known = behind(one, role)
    if known.seconds is None:
        return duration(None)
    return ("\u2264" if known.is_bound else "") + duration(known.seconds) + ("?" if one.is_lag_trusted is False else "")


def waiting(one: RegisterStatus) -> str:
    """Records and envelopes that are on their way."""
    known = [number for number in (one.backlog.records, one.backlog.envelopes) if number is not None]
    return f"{sum(known):,}" if known else "-"


def below(one: RegisterStatus, *, said: str | None = None) -> Iterator[str]:
    """What is wrong with a register, or odd, and the command that ends it behind `-> `; not a cause that was said."""
    if one.cause is not None and one.cause == said:
        pass
    elif one.cause is not None:
        yield f"{one.cause}: {one.reason}"
        yield from _remedy(one.remedy)
    elif one.reason is not None:
        yield one.reason
        yield from _remedy(one.remedy)
    for part in one.parts:
        if part.cause is not None and part.cause != one.cause:
            yield f"{part.name}: {part.cause}: {part.reason}"
            yield from _remedy(part.remedy)
    if one.candidate is not None:
        yield f"{one.candidate.name}: {one.candidate.state}{_progress(one.candidate)}"
        if one.candidate.cause is not None:
            yield f"{one.candidate.cause}: {one.candidate.reason}"
            yield from _remedy(one.candidate.remedy)
    yield from _outlook(one)
    yield from (note for note in one.notes if note not in (one.reason or ""))
    if one.terms.excluded:
        yield "stay at home: " + ", ".join(f"{each.table} ({each.reason})" for each in one.terms.excluded)


def _outlook(one: RegisterStatus) -> Iterator[str]:
    if one.is_objective_met is False:
        yield f"further behind than the {duration(one.objective_seconds)} of its objective"
    if one.is_held:
        yield f"tier {one.tier} waits: the link carries registers of higher tiers first{_level_in(one)}"
    elif one.level_in_seconds is not None and one.level_in_seconds >= _WORTH_SAYING_SECONDS:
        yield f"catching up{_level_in(one)}"
    total, slowest = sum(one.hops.values()), max(one.hops, key=lambda hop: one.hops[hop], default=None)
    if slowest is not None and total >= _WORTH_SAYING_SECONDS:
        yield f"of the {duration(total)} of its newest pulse, {duration(one.hops[slowest])} on the hop {slowest}"
    for loss in losses(one):
        yield loss.text
        yield from _remedy(loss.remedy)


def _level_in(one: RegisterStatus) -> str:
    return "" if one.level_in_seconds is None else f"; level in about {duration(one.level_in_seconds)}"


def _remedy(remedy: str | None) -> Iterator[str]:
    if remedy is not None:
        yield f"-> {remedy}"


def _progress(candidate: Part) -> str:
    rows, count, tables = (candidate.detail.get(name) for name in ("rows", "bytes", "tables_done"))
    if rows is None or count is None:
        return ""
    return f", {tables} tables, {rows:,} rows, {size(count)}"


def footnotes(found: Iterable[RegisterStatus]) -> Iterator[str]:
    """What concerns all registers."""
    offsets = [one for one in found if one.is_lag_trusted is False]
    if offsets:
        seconds = next((one.clock_offset_seconds for one in offsets if one.clock_offset_seconds is not None), None)
        apart = "" if seconds is None else f" by about {seconds:+,.1f} s (the embassy's minus home's)"
        yield f"? the clocks of the sites differ{apart}: set them; lags are not to be trusted"


def _wrapped(text: str, width: int) -> list[str]:
    # A command stays on a line of its own, whole: it is copied.
    if text.startswith("-> "):
        return [_INDENT + text]
    return textwrap.wrap(text, width, initial_indent=_INDENT, subsequent_indent=_INDENT + "  ")
