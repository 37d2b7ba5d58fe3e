"""How numbers, sizes and durations are said to people, on every page and in every table. Pure."""

from __future__ import annotations

from typing import Final

UNKNOWN: Final = "\u2013"
_UNITS: Final = ("B", "kB", "MB", "GB", "TB")


def duration(seconds: float | None) -> str:
    """Seconds, minutes, hours or days, as few digits as say something; a dash for what is not known."""
    if seconds is None:
        return "-"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = seconds / 60
    if minutes < 100:
        return f"{minutes:.0f} min"
    hours = minutes / 60
    return f"{hours:.0f} h" if hours < 100 else f"{hours / 24:.0f} d"


def length(seconds: float) -> str:
    """A duration in its two largest units."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for size, name, part, smaller in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // part
            return f"{whole // size} {name}" + (f" {rest} {smaller}" if rest else "")
    raise AssertionError


def percent(share: float) -> str:
    """Never rounded up to all."""
    if share >= 1:
        return "100 %"
    for digits in (1, 2, 3, 4):
        shown = f"{share * 100:.{digits}f}"
        if shown != f"{100:.{digits}f}":
            return f"{shown} %"
    return "99.9999 %"


def counted(number: int, word: str, words: str | None = None) -> str:
    """A number and its noun."""
    return f"{amount(number)} {word if number == 1 else words or word + 's'}"


def amount(number: float | None) -> str:
    """A number in groups of three; a dash for what is not known."""
    if number is None:
        return UNKNOWN
    return f"{number:,.0f}".replace(",", "\u202f") if number >= 10 or number == int(number) else f"{number:.1f}"


def size(number: float | None) -> str:
    """Bytes."""
    if number is None:
        return UNKNOWN
    for unit in _UNITS:
        if abs(number) < 1000 or unit == _UNITS[-1]:
            return f"{number:.0f} {unit}" if unit == "B" or number >= 100 else f"{number:.1f} {unit}"
        number /= 1000
    raise AssertionError
