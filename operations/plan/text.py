"""A plan as text. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping

from operations.plan.forecast import Asked, Forecast, Measured, Total
from operations.plan.weak import Weakness
from operations.words import size


def text(
    found: Mapping[str, Measured],
    each: Mapping[str, Forecast],
    total: Total,
    asked: Asked,
    weak: Iterable[Weakness],
    *,
    width: int = 100,
) -> str:
    """Registers in a table, then the sites, then what is weak."""
    lines = [*_table(found, each), "", *_sites(total, asked), ""]
    for one in weak:
        lines += textwrap.wrap(f"{one.severity}: {one.what}", width, subsequent_indent="    ")
        lines.append(f"    -> {one.remedy}")
    return "\n".join(lines)


def _table(found: Mapping[str, Measured], each: Mapping[str, Forecast]) -> Iterator[str]:
    wide = max([8, *(len(name) for name in each)])
    yield (
        f"{'REGISTER':<{wide}} TIER {'CHANGES':>10} {'SIZE':>9} {'LINK':>11} {'HOME/DAY':>9} {'LANE/DAY':>9}"
        f" {'SLOT':>7} {'FIRST':>7} {'LEVEL':>7}"
    )
    for name, one in sorted(each.items(), key=lambda item: (item[1].tier, item[0])):
        yield (
            f"{name:<{wide}} {one.tier:>4} {found[name].changes:>8,.1f}/s {size(one.standby_bytes):>9}"
            f" {size(one.link_bytes):>9}/s {size(one.home_bytes_per_day):>9} {size(one.lane_bytes_per_day):>9}"
            f" {span(one.slot_seconds):>7} {span(one.first_standby_seconds):>7} {span(one.catch_up_seconds):>7}"
        )
    yield ""
    yield "SLOT: how long capture may be away (-: until the register's disk is full). FIRST: until the first standby."
    yield "LEVEL: after the outage. -: not known, or never."


def _sites(total: Total, asked: Asked) -> Iterator[str]:
    carried = "not known (--link-mbit)" if asked.link_bytes is None else f"{size(asked.link_bytes)}/s"
    yield f"link: {size(total.link_bytes)}/s on average, {size(total.link_bytes_peak)}/s at the peak; carries {carried}"
    yield f"home's broker: {size(total.home_bytes)} a replica for an outage of {span(asked.outage_seconds)}" + _full(
        total.home_seconds, "and may be without a link for"
    )
    yield f"embassy's broker: {size(total.lane_bytes)} a replica until the next generation" + _full(
        total.lane_seconds, "and is full after"
    )
    yield f"embassy's PostgreSQL: {size(total.standby_bytes)}, a second generation of the largest register included"
    yield f"first standbys of all: {span(total.first_standby_seconds)}"
    yield f"level after {span(asked.outage_seconds)} without a link: {span(total.catch_up_seconds)}"


def _full(seconds: float | None, words: str) -> str:
    return "" if seconds is None else f", {words} {span(seconds)}"


def span(seconds: float | None) -> str:
    """A time for people; `-` for one that is not known or has no end."""
    if seconds is None:
        return "-"
    for unit, length in (("s", 60.0), ("min", 60.0), ("h", 48.0), ("d", 1000.0)):
        if seconds < length:
            return f"{seconds:.0f} {unit}"
        seconds /= {"s": 60.0, "min": 60.0, "h": 24.0, "d": 365.0}[unit]
    return f"{seconds:.0f} y"
