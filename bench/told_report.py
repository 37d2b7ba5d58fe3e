"""What says so, and how soon: the report of `bench.told`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from bench.told_judge import Finding, Outcome


@dataclass(slots=True, kw_only=True)
class Result:
    """Kept as JSON, so that the report can be written again."""

    revision: str
    machine: str
    versions: dict[str, str]
    day: str
    outcomes: list[Outcome] = field(default_factory=list)

    @classmethod
    def read(cls, text: str) -> Self:
        """From JSON."""
        found = cls(**json.loads(text))
        found.outcomes = [Outcome(**one) for one in found.outcomes]  # type: ignore[arg-type]
        for one in found.outcomes:
            one.findings = [Finding(**each) for each in one.findings]  # type: ignore[arg-type]
        return found


def write(path: Path, result: Result) -> None:
    """Write the report."""
    path.write_text("\n".join(f"{one.name} {one.findings}" for one in result.outcomes))
