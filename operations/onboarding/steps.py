"""The steps of taking a register in or letting it go: what was done, what is open, and the commands that follow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from data_embassy.errors import TransportError

State = Literal["done", "there", "open"]
"""`there`: nothing was left to do. `open`: to be done later, for the reason in the detail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step and how it went."""

    name: str
    state: State
    detail: str


@dataclass(slots=True, kw_only=True)
class Course:
    """What a command did for a register."""

    register: str
    steps: list[Step] = field(default_factory=list)
    next: list[str] = field(default_factory=list)
    """Commands that follow, in order."""
    unreachable: bool = False
    """True when a step is open because something of the site's own could not be reached."""

    def note(self, name: str, state: State, detail: str) -> None:
        """Add a step."""
        self.steps.append(Step(name=name, state=state, detail=detail))

    def attempt(self, name: str, work: Callable[[], tuple[State, str]]) -> bool:
        """Do a step; one that reaches nobody stays open, and the others are done all the same. True when it is done."""
        try:
            state, detail = work()
        except TransportError as error:
            self.unreachable = True
            self.note(name, "open", error.message)
            return False
        self.note(name, state, detail)
        return state != "open"

    @property
    def is_complete(self) -> bool:
        """True when no step is open."""
        return all(step.state != "open" for step in self.steps)

    def as_json(self) -> dict[str, object]:
        """For scripts."""
        return {
            "register": self.register,
            "complete": self.is_complete,
            "steps": [{"step": one.name, "state": one.state, "detail": one.detail} for one in self.steps],
            "next": self.next,
        }

    def lines(self) -> list[str]:
        """For people."""
        marks = {"done": "done   ", "there": "already", "open": "OPEN   "}
        found = [f"  {marks[one.state]}  {one.name}: {one.detail}" for one in self.steps]
        if self.next:
            found += ["next:", *(f"  {line}" for line in self.next)]
        return found


class StepsOpen(TransportError):
    """Steps of a register are open because something could not be reached; the command may be repeated."""


def require_reached(course: Course, command: str) -> None:
    """Raise StepsOpen where something could not be reached."""
    if course.unreachable:
        names = ", ".join(step.name for step in course.steps if step.state == "open")
        raise StepsOpen(f"not all of {course.register} could be done; open: {names}", remedy=f"again: {command}")
