"""What both sites said of one point -> what differs. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from schemas.content import Line, Name, Sums


@dataclass(frozen=True, slots=True)
class Compared:
    """One table: what each side has; `reason` is None when it is equal."""

    name: Name
    rows: int
    standby_rows: int | None
    reason: str | None


def compare_tables(
    mine: Mapping[Name, Sums | None], theirs: Mapping[Name, Sums | None]
) -> tuple[list[Compared], list[Name]]:
    """Tables compared, and those that moved at a site while they were read: they prove nothing."""
    compared: list[Compared] = []
    moved: list[Name] = []
    for name in sorted(mine.keys() | theirs.keys()):
        if (name in mine and mine[name] is None) or (name in theirs and theirs[name] is None):
            moved.append(name)
            continue
        here, there = mine.get(name), theirs.get(name)
        compared.append(_compare(name, here, there))
    return compared, moved


def _compare(name: Name, here: Sums | None, there: Sums | None) -> Compared:
    if here is None:
        assert there is not None
        return Compared(name, 0, there.rows, "exists only in the standby")
    if there is None:
        return Compared(name, here.rows, None, "is missing in the standby")
    if here == there:
        return Compared(name, here.rows, there.rows, None)
    if here.rows != there.rows:
        return Compared(name, here.rows, there.rows, f"{here.rows} rows here, {there.rows} in the standby")
    return Compared(name, here.rows, there.rows, "rows differ")


def compare_definitions(mine: Sequence[Line], theirs: Sequence[Line]) -> list[str]:
    """One line for each definition that is missing, left over or different."""
    here = {(line[0], line[1], line[2], line[3]): line[4] for line in mine}
    there = {(line[0], line[1], line[2], line[3]): line[4] for line in theirs}
    differences = []
    for key in sorted(here.keys() | there.keys()):
        what = _what(*key)
        if key not in there:
            differences.append(f"{what} is missing in the standby: {_short(here[key])}")
        elif key not in here:
            differences.append(f"{what} exists only in the standby")
        elif here[key] != there[key]:
            differences.append(f"{what} differs: {_short(here[key])} here, {_short(there[key])} in the standby")
    return differences


def _what(relation_schema: str, relation: str, kind: str, name: str) -> str:
    owner = ".".join(part for part in (relation_schema, relation) if part)
    return " ".join(part for part in (owner, kind, name) if part)


def _short(definition: str) -> str:
    text = " ".join(definition.split())
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


_SHOWN = 200


def compare_sequences(
    pulse: Mapping[Name, tuple[int, bool]], theirs: Mapping[Name, tuple[int, bool]]
) -> dict[Name, str]:
    """The sequences of the standby that are not as the last applied pulse says, each in words."""
    differences = {}
    for name in sorted(pulse):
        there, label = theirs.get(name), ".".join(name)
        if there is None:
            differences[name] = f"sequence {label} is missing in the standby"
        elif there != pulse[name]:
            by_pulse = _state(pulse[name])
            differences[name] = f"sequence {label} is at {_state(there)} in the standby, at {by_pulse} by the pulse"
    return differences


def _state(state: tuple[int, bool]) -> str:
    return f"{state[0]}{'' if state[1] else ' (not called)'}"


def sums_of(rows: Iterable[Sequence[object]]) -> dict[Name, Sums | None]:
    """Tables as an answer lists them; None for one that moved. Raises ValueError."""
    found: dict[Name, Sums | None] = {}
    for row in rows:
        match row:
            case [str(relation_schema), str(relation_name), int(count), str(digest)]:
                found[relation_schema, relation_name] = Sums(rows=count, digest=digest)
            case [str(relation_schema), str(relation_name), None, None]:
                found[relation_schema, relation_name] = None
            case _:
                raise ValueError("an answer about tables")
    return found
