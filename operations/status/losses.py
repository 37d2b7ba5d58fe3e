"""What is lost soon if nobody acts, and the command that keeps it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from data_embassy import causes
from data_embassy.status import RegisterStatus
from operations.words import duration

SOON_SECONDS: Final = 4 * 3600.0
"""What is lost sooner has its command beside it; a page's alert fires at the same time (RetentionNearLoss)."""
LATER_SECONDS: Final = 86_400.0
WORDS: Final = {"slot": "the slot", "home": "the home topic", "lane": "the lane"}
_CAUSES: Final = {"slot": "SlotNearLoss", "home": "RetentionNearLoss", "lane": "RetentionNearLoss"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """A slot or topic that loses within a day what is still needed."""

    cause: str
    text: str
    remedy: str | None
    """None while there is time."""


def losses(one: RegisterStatus) -> Iterator[Loss]:
    """The soonest first."""
    for what, seconds in sorted(one.runs_out_seconds.items(), key=lambda item: item[1]):
        if seconds < LATER_SECONDS:
            text = f"{WORDS.get(what, what)} loses what is still needed in about {duration(seconds)}"
            remedy = _remedy(one, what) if seconds < SOON_SECONDS else None
            yield Loss(cause=_CAUSES.get(what, what), text=text, remedy=remedy)


def _remedy(one: RegisterStatus, what: str) -> str | None:
    if what not in _CAUSES:
        return None
    site: Literal["home", "embassy"] = "embassy" if what == "lane" else "home"
    topic = f"lane.{one.lane}" if what == "lane" else f"changes.{one.register}"
    return causes.remedy_of(_CAUSES[what], register=one.register, site=site).replace("TOPIC", topic)
