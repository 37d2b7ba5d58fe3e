"""The text of an act, as XML with a paragraph a line, and what an amendment makes of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Paragraph: TypeAlias = tuple[int, ...]
"""Its number: (12, 1) is § 12¹."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What an amending act does to an act.

    `words` are replaced throughout by others; then each paragraph in `steps` gets a wording (of XML, in one line), or
    is taken out where that is None.
    """

    act: int
    words: tuple[str, str] | None = None
    steps: Mapping[Paragraph, str | None] = field(default_factory=dict)


def written(paragraphs: Mapping[Paragraph, str]) -> str:
    """The text with these paragraphs."""
    lines = (f'<p n="{numbered(paragraph)}">{wording}</p>\n' for paragraph, wording in sorted(paragraphs.items()))
    return f"<act>\n{''.join(lines)}</act>"


def numbered(paragraph: Paragraph) -> str:
    """A paragraph's number as text."""
    return ".".join(map(str, paragraph))


def paragraphs_of(text: str) -> dict[Paragraph, str]:
    """The paragraphs of a text, each with its wording."""
    found = {}
    for line in text.split("\n")[1:-1]:
        number, wording = line.removeprefix('<p n="').removesuffix("</p>").split('">', 1)
        found[tuple(map(int, number.split(".")))] = wording
    return found


def amended(text: str, change: Change) -> str:
    """What a change makes of a text."""
    steps = paragraphs_of(text.replace(*change.words) if change.words else text) | dict(change.steps)
    return written({paragraph: wording for paragraph, wording in steps.items() if wording is not None})


def as_json(changes: Iterable[Change]) -> list[dict[str, Any]]:
    """Changes as a manuscript proposes them."""
    return [
        {
            "act": change.act,
            "words": change.words,
            "steps": [{"paragraph": number, "wording": wording} for number, wording in change.steps.items()],
        }
        for change in changes
    ]


def proposed(changes: list[dict[str, Any]]) -> list[Change]:
    """The changes of a manuscript."""
    return [
        Change(
            act=change["act"],
            words=None if change["words"] is None else (change["words"][0], change["words"][1]),
            steps={tuple(step["paragraph"]): step["wording"] for step in change["steps"]},
        )
        for change in changes
    ]
