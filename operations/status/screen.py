"""What `embassy status --watch` shows on a terminal: lines of a width and height, with styles. Pure."""

from __future__ import annotations

import datetime as dt
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from rich.text import Text

from data_embassy import causes
from data_embassy.status import HOPS, RegisterStatus
from operations.page.behind import behind
from operations.page.headline import headline
from operations.page.overview import shared_cause
from operations.page.snapshot import Snapshot
from operations.page.words import HOP_WORDS, LATE, agreed, clock, lag, tone_of
from operations.status.table import below, footnotes, waiting
from operations.status.trail import Trail
from operations.words import duration

WIDTH_MIN: Final = 60
OLD_SECONDS: Final = 5.0
"""A look that is older than that is not the present."""
_STYLES: Final = {
    "live": "green",
    "loading": "cyan",
    "empty": "dim",
    "paused": "yellow",
    "waiting": "yellow",
    "unknown": "yellow",
    "stopped": "bold red",
    "down": "bold red",
    LATE: "bold red",
}
_ARROWS: Final = {"growing": ("↑", "bold red"), "shrinking": ("↓", "green"), "steady": ("→", "dim")}
_NAME_MAX: Final = 28
_OTHERS: Final = 51
"""Columns of a row beside the name and the bars."""
_BARS_WISHED: Final = 12
_BARS_MAX: Final = 30
"""Of ten seconds each, which is what the history of an hour is asked for."""
_SMALL_SECONDS: Final = 0.05
_INDENT: Final = "  "


def screen(
    snapshot: Snapshot, trails: Mapping[str, Trail], *, now: dt.datetime, width: int, height: int, offset: int = 0
) -> list[Text]:
    """Exactly `height` lines; `offset` is how many lines of the middle are scrolled away."""
    width = max(WIDTH_MIN, width)
    head = [*_head(snapshot, now, width), Text()]
    body = list(_body(snapshot, trails, width))
    room = max(1, height - len(head) - 2)
    offset = max(0, min(offset, len(body) - room))
    shown = body[offset : offset + room]
    more = f"lines {offset + 1}-{offset + len(shown)} of {len(body)}" if len(body) > room else ""
    lines = [*head, *shown, *(Text() for _ in range(room - len(shown))), Text(), _foot(more, width)]
    return lines[:height]


def _head(snapshot: Snapshot, now: dt.datetime, width: int) -> Iterator[Text]:
    age = snapshot.age_seconds(now)
    title = Text(f"{snapshot.site} ({snapshot.role})", style="bold")
    seen = "looking" if age is None else f"seen {age:.0f} s ago"
    is_old = age is not None and age > OLD_SECONDS
    right = Text.assemble(f"{clock(now)} UTC  ", (seen, "bold red" if is_old else "dim"))
    yield Text.assemble(title, " " * max(1, width - len(title) - len(right)), right)
    if snapshot.trouble is not None:
        trouble = snapshot.trouble
        yield from _wrapped(f"{trouble.cause}: {trouble.message}", width, "bold red")
        yield Text(f"-> {trouble.remedy}")
    said = headline(snapshot, now)
    yield from _wrapped(said.text, width, _STYLES.get(said.tone, ""))
    yield from _wrapped(said.below, width, "")


def _body(snapshot: Snapshot, trails: Mapping[str, Trail], width: int) -> Iterator[Text]:
    found = snapshot.seen.registers
    if not found:
        return
    name = min(_NAME_MAX, max(8, *(len(one.register) for one in found)), max(8, width - _OTHERS - _BARS_WISHED))
    bars = max(1, min(_BARS_MAX, width - _OTHERS - name))
    heard = "HEARD" if snapshot.role == "home" else "SEEN"
    said = shared_cause(found)
    if said is not None:
        once = f"{said}: {causes.what_of(said)} So it is for every register."
        yield from _below((once, f"-> {found[0].remedy}"), width)
        yield Text()
    head = f"{'REGISTER':<{name}} {'STATE':<8} {'LAG':>13} {'MAY LAG':>8}   {_cut('5 MINUTES', bars):<{bars}}"
    yield Text(f"{head} {'WAITING':>8} {heard:>6}", style="dim")
    for one in found:
        yield _row(one, snapshot, trails.get(one.register, Trail()), name=name, bars=bars)
        yield from _below(below(one, said=said), width)
    for line in footnotes(found):
        yield from _wrapped(line, width, "yellow")
    yield from _slowest(snapshot, width)


def _row(one: RegisterStatus, snapshot: Snapshot, trail: Trail, *, name: int, bars: int) -> Text:
    tone, known = tone_of(one), behind(one, snapshot.role)
    style = _STYLES.get(tone, "")
    seconds = lag(known.seconds) if not known.is_bound else f"≤ {lag(known.seconds)}"
    arrow, arrow_style = _ARROWS.get(trail.trend or "", (" ", ""))
    is_missed = one.is_objective_met is False
    return Text.assemble(
        (f"{_cut(one.register, name):<{name}} ", "bold"),
        (f"{tone:<8} ", style),
        (f"{seconds + ('?' if one.is_lag_trusted is False else ''):>13} ", "bold red" if is_missed else "bold"),
        (f"{'-' if one.objective_seconds is None else agreed(one.objective_seconds):>8} ", ""),
        (f"{arrow} ", arrow_style),
        (f"{trail.bars(bars, objective=one.objective_seconds)} ", "red" if is_missed else "cyan"),
        (f"{waiting(one):>8} ", ""),
        (f"{duration(one.age_seconds):>6}", ""),
    )


def _below(lines: Iterable[str], width: int) -> Iterator[Text]:
    for line in lines:
        if line.startswith("-> ") and len(line) + len(_INDENT) <= width:
            # Whole on a line of its own: it is copied.
            yield Text(_INDENT + line, style="bold", no_wrap=True, overflow="ignore")
        else:
            yield from _wrapped(line, width, "bold" if line.startswith("-> ") else "", indent=_INDENT)


def _slowest(snapshot: Snapshot, width: int) -> Iterator[Text]:
    """Hops of the register that is furthest behind for what was agreed."""
    known = [one for one in snapshot.seen.registers if one.hops]
    if not known:
        return
    # Of a register that stands still the newest change tells of another time.
    known = [one for one in known if one.state == "live"] or known
    worst = max(known, key=lambda one: _badness(one, behind(one, snapshot.role).seconds))
    total, most = sum(worst.hops.values()), max(worst.hops.values())
    yield Text()
    yield from _wrapped(f"{worst.register}: its newest change was {_short(total)} on its way", width, "dim")
    room = width - 24
    for hop in HOPS:
        seconds = worst.hops.get(hop)
        if seconds is None:
            continue
        bar = "━" * (0 if most <= 0 else round(seconds / most * room))
        is_most = seconds == most and seconds > _SMALL_SECONDS
        yield Text.assemble(f"  {HOP_WORDS[hop]:<10} {_short(seconds):>8}  ", (bar, "red" if is_most else "cyan"))


def _short(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else lag(seconds)


def _badness(one: RegisterStatus, seconds: float | None) -> float:
    return 0.0 if seconds is None else seconds / (one.objective_seconds or 60)


def _foot(more: str, width: int) -> Text:
    keys = "q quit" + ("   ↑ ↓ scroll" if more else "")
    return Text(keys + " " * max(1, width - len(keys) - len(more)) + more, style="dim")


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _wrapped(text: str, width: int, style: str, *, indent: str = "") -> Sequence[Text]:
    lines = textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=indent + ("  " if indent else ""))
    return [Text(line, style=style) for line in lines]
