"""Fills the gazette: three years of issues, what the acts in them made of other acts, manuscripts, readers."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import product
from random import Random

from deploy.registers import names
from deploy.registers.draws import REFERENCE_DAY, full_name
from deploy.registers.gazette import drafts
from deploy.registers.gazette.texts import Change, amended, as_json, paragraphs_of, written
from deploy.registers.loading import Load, line

_ISSUES = 2_400  # at scale 1
_YEARS = (2023, 2024, 2025)
_TELLING_DAYS = 400
"""Readers of today were told of acts as old as that."""


@dataclass(slots=True)
class _Act:
    """An act with what happened to it: who changed it on which day, and who repealed it."""

    number: int
    kind: str
    language: str
    part: str
    issue: int
    position: int
    day: date
    text: str
    proposal: list[Change] = field(default_factory=list)
    changes: list[tuple["_Act", Change]] = field(default_factory=list)
    repealed_by: "_Act | None" = None


def fill(load: Load, scale: float) -> None:
    """Write all rows; scale 1 is about 2,400 issues and 80,000 rows."""
    rng = load.rng
    acts = _printed(rng, _days(rng, max(24, int(_ISSUES * scale))))
    issues = Counter((act.part, act.day, act.issue) for act in acts)
    volumes = Counter((part, day.year) for part, day, _ in issues)
    load.copy("volume", ("part", "year", "issues"),
              (line(*one, volumes[one]) for one in product(drafts.PARTS, (*_YEARS, REFERENCE_DAY.year))))  # fmt: skip
    load.copy("issue", ("part", "year", "number", "published_on", "items"),
              (line(part, day.year, number, day, items) for (part, day, number), items in issues.items()))  # fmt: skip
    load.copy("act", ("id", "kind", "title", "institution", "language", "version", "repealed_by"), _acts(rng, acts))
    load.copy("publication", ("part", "year", "issue", "position", "act"),
              (line(act.part, act.day.year, act.issue, act.position, act.number) for act in acts))  # fmt: skip
    load.copy("redaction", ("act", "version", "language", "text", "in_force"), _redactions(acts))
    load.copy("amendment", ("act", "version", "amending_act", "replaced", "replacement"), _amendments(acts))
    load.copy("amendment_step", ("act", "version", "paragraph", "wording"), _steps(acts))
    load.copy("translation", ("act", "version", "language", "text"), _translations(rng, acts))
    load.copy("manuscript", ("part", "kind", "title", "institution", "language", "text", "proposal", "state", "act"),
              _manuscripts(rng, acts))  # fmt: skip
    load.copy("subscription", ("reader", "query"), _subscriptions(rng, len(acts) // 8))
    load.restart("act")
    load.execute(
        f"""INSERT INTO gazette.notice SELECT s.id, r.act, i.published_on
            FROM gazette.subscription s JOIN gazette.redaction r ON r.words @@ s.query AND r.version = 0
            JOIN gazette.publication p ON p.act = r.act
            JOIN gazette.issue i ON (i.part, i.year, i.number) = (p.part, p.year, p.issue)
            WHERE i.published_on > '{REFERENCE_DAY - timedelta(days=_TELLING_DAYS)}'"""
    )


def _days(rng: Random, count: int) -> list[date]:
    first = date(_YEARS[0], 1, 1)
    return sorted(first + timedelta(days=rng.randrange((REFERENCE_DAY - first).days)) for _ in range(count))


def _printed(rng: Random, days: list[date]) -> list[_Act]:
    """Everything that was printed, in that order: acts, and acts that change or repeal those before them."""
    acts: list[_Act] = []
    alive: list[_Act] = []
    numbers: Counter[tuple[str, int]] = Counter()
    for day in days:
        part = rng.choice(drafts.PARTS)
        numbers[part, day.year] += 1
        for position in range(1, rng.randrange(2, 7)):
            kind = rng.choice((*drafts.KINDS, "amendment", "amendment", "correction", "repeal"))
            if kind not in drafts.KINDS and len(alive) < 8:
                kind = "law"
            act = _Act(
                len(acts) + 1, kind, rng.choice(drafts.LANGUAGES), part, numbers[part, day.year], position, day, ""
            )
            _write(rng, act, alive)
            acts.append(act)
            if kind in drafts.KINDS:
                alive.append(act)
    return acts


def _write(rng: Random, act: _Act, alive: list[_Act]) -> None:
    if act.kind in drafts.KINDS:
        act.text = drafts.text(rng, act.language)
        return
    count = rng.randrange(1, 4) if act.kind == "amendment" else 1
    for other in rng.sample(alive, count):
        if act.kind == "repeal":
            other.repealed_by = act
            alive.remove(other)
            act.proposal.append(Change(act=other.number))
        else:
            draw = drafts.change if act.kind == "amendment" else drafts.correction
            change = draw(rng, other.number, other.language)
            other.changes.append((act, change))
            act.proposal.append(change)
    act.text = drafts.amending_text(act.kind, act.proposal)


def _acts(rng: Random, acts: list[_Act]) -> Iterator[str]:
    # Who repeals comes later: the rows refer to each other within one statement.
    for act in acts:
        repealed_by = None if act.repealed_by is None else act.repealed_by.number
        yield line(act.number, act.kind, drafts.title(rng, act.kind), rng.choice(names.INSTITUTIONS), act.language,
                   len(act.changes), repealed_by)  # fmt: skip


def _redactions(acts: list[_Act]) -> Iterator[str]:
    for act in acts:
        text, begins = act.text, act.day + timedelta(days=10)
        for version, (by, change) in enumerate(act.changes):
            ends = max(begins + timedelta(days=1), by.day)
            yield line(act.number, version, act.language, text, f"[{begins},{ends})")
            text, begins = amended(text, change), ends
        end = "" if act.repealed_by is None else max(begins + timedelta(days=1), act.repealed_by.day)
        yield line(act.number, len(act.changes), act.language, text, f"[{begins},{end})")


def _amendments(acts: list[_Act]) -> Iterator[str]:
    for act in acts:
        for version, (by, change) in enumerate(act.changes, 1):
            yield line(act.number, version, by.number, *(change.words or (None, None)))


def _steps(acts: list[_Act]) -> Iterator[str]:
    for act in acts:
        for version, (_, change) in enumerate(act.changes, 1):
            for paragraph, wording in change.steps.items():
                yield line(act.number, version, f"{{{','.join(map(str, paragraph))}}}", wording)


def _translations(rng: Random, acts: list[_Act]) -> Iterator[str]:
    for act in acts[::5]:
        language = "en" if act.language != "en" else "ru"
        paragraphs = {number: drafts.wording(rng, language) for number in paragraphs_of(act.text)}
        yield line(act.number, 0, language, written(paragraphs))


def _manuscripts(rng: Random, acts: list[_Act]) -> Iterator[str]:
    """Those of all acts, and some that wait."""
    for act in acts:
        yield line(act.part, act.kind, drafts.title(rng, act.kind), rng.choice(names.INSTITUTIONS), act.language, None,
                   json.dumps(as_json(act.proposal)), "printed", act.number)  # fmt: skip
    for number in range(len(acts) // 10):
        language, kind = rng.choice(drafts.LANGUAGES), rng.choice(drafts.KINDS)
        state = "withdrawn" if number % 4 == 0 else "received"
        yield line(rng.choice(drafts.PARTS), kind, drafts.title(rng, kind), rng.choice(names.INSTITUTIONS), language,
                   drafts.text(rng, language), "[]", state, None)  # fmt: skip


def _subscriptions(rng: Random, count: int) -> Iterator[str]:
    for _ in range(count):
        yield line(full_name(rng), drafts.query(rng))
