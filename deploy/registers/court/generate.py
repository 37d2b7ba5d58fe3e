"""Fills the court register: houses and judges, cases in every state with what that state asks for, documents."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256
from random import Random
from uuid import UUID

from deploy.registers import names
from deploy.registers.draws import REFERENCE_DAY, any_code, any_uuid, full_name
from deploy.registers.loading import Load, line

_CASES = 10_000  # at scale 1
_LARGEST_BYTES = 20_000_000  # at scale 1
_HOUSES = ("HMK", "TMK", "VMK", "PMK")
_JUDGES = 6
"""In each house, each with a room."""
_STATES = ("filed", "accepted", "accepted", "heard", "decided", "decided", "final", "final", "appealed", "withdrawn")
_ORDER = ("filed", "accepted", "heard", "decided")
SUBJECTS = (
    "Võlanõue",
    "Divorce",
    "Kahju hüvitamine",
    "Спор наследников",
    "Straßenverkehr",
    "著作権",
    "Permit; \\appeal",
)


@dataclass(frozen=True, slots=True)
class _Case:
    number: str
    house: str
    state: str
    judge: int
    filed_on: date

    @property
    def states(self) -> list[str]:
        """The way to where it is."""
        if self.state in _ORDER:
            return list(_ORDER[: _ORDER.index(self.state) + 1])
        return ["filed", "withdrawn"] if self.state == "withdrawn" else [*_ORDER, self.state]


def fill(load: Load, scale: float) -> None:
    """Write all rows; scale 1 is about 10,000 cases, 100,000 rows and a gigabyte, the largest document 20 MB."""
    rng = load.rng
    cases = list(_cases(rng, max(60, int(_CASES * scale))))
    largest = max(60_000, int(_LARGEST_BYTES * min(1.0, scale)))
    load.copy("house", ("code", "name", "largest_document_bytes"),
              (line(code, f"{names.PLACES[n]} Maakohus", largest) for n, code in enumerate(_HOUSES)))  # fmt: skip
    load.copy("judge", ("id", "house", "name"),
              (line(n, _HOUSES[n % len(_HOUSES)], full_name(rng)) for n in range(_JUDGES * len(_HOUSES))))  # fmt: skip
    # Steps are written by a trigger; the load knows the steps of the past.
    for table in ("case", "document"):
        load.execute(f'ALTER TABLE court."{table}" DISABLE TRIGGER USER')
    load.copy("case", ("number", "house", "kind", "subject", "state", "judge", "is_closed_to_public", "filed_on",
                       "changed_at"), _case_lines(rng, cases))  # fmt: skip
    load.copy("party", ("case_number", "line", "role", "personal_code", "name"), _parties(rng, cases))
    papers = _Papers(rng, cases, largest)
    load.copy("document", ("id", "case_number", "kind", "title", "content", "hash", "times_read", "filed_at"),
              papers.lines())  # fmt: skip
    load.copy("hearing", ("case_number", "house", "room", "judge", "during", "state", "minutes"),
              _hearings(cases, papers.minutes))  # fmt: skip
    load.copy("deadline", ("case_number", "what", "due_on", "extended", "met_on"), _deadlines(rng, cases))
    load.copy("decision", ("case_number", "instance", "document"),
              (line(number, 1, str(document)) for number, document in papers.decisions.items()))  # fmt: skip
    load.copy("step", ("case_number", "number", "state", "at"), _steps(cases))
    load.execute("SET CONSTRAINTS ALL IMMEDIATE")
    for table in ("case", "document"):
        load.execute(f'ALTER TABLE court."{table}" ENABLE TRIGGER USER')
    load.execute(f"SELECT setval('court.case_number', {len(cases)})")


def _cases(rng: Random, count: int) -> Iterator[_Case]:
    for number in range(1, count + 1):
        judge = rng.randrange(_JUDGES * len(_HOUSES))
        filed = REFERENCE_DAY - timedelta(days=rng.randrange(100, 1500))
        yield _Case(f"2-{filed:%y}-{number:06d}", _HOUSES[judge % len(_HOUSES)], rng.choice(_STATES), judge, filed)


def _case_lines(rng: Random, cases: list[_Case]) -> Iterator[str]:
    for case in cases:
        judge = None if case.state in ("filed", "withdrawn") else case.judge
        kind, changed = (
            rng.choice(("civil", "criminal", "haldusasi")),
            f"{case.filed_on} 10:00:00.{rng.randrange(10**6):06d}+02",
        )
        yield line(case.number, case.house, kind, rng.choice(SUBJECTS), case.state, judge, rng.random() < 0.1,
                   case.filed_on, changed)  # fmt: skip


def _parties(rng: Random, cases: list[_Case]) -> Iterator[str]:
    for case in cases:
        for position, role in enumerate(("plaintiff", "defendant", "third party")[: rng.choice((2, 2, 3))], 1):
            code = any_code(rng) if rng.random() < 0.8 else None
            yield line(case.number, position, role, code, full_name(rng))


class _Papers:
    """The documents of all cases; remembers the minutes and the decision of each."""

    def __init__(self, rng: Random, cases: list[_Case], largest: int) -> None:
        self.minutes: dict[str, UUID] = {}
        self.decisions: dict[str, UUID] = {}
        self._rng = rng
        self._cases = cases
        self._largest = largest

    def lines(self) -> Iterator[str]:
        rng = self._rng
        for position, case in enumerate(self._cases):
            # Hardly any document is large; the first case has the largest.
            yield self._line(case, "claim", self._largest if position == 0 else rng.randrange(200, 6_000))[1]
            for _ in range(rng.randrange(3)):
                large = rng.random() < 0.01
                yield self._line(case, "exhibit", rng.randrange(*((20_000, self._largest) if large else (0, 9_000))))[1]
            if "heard" in case.states:
                self.minutes[case.number], text = self._line(case, "minutes", rng.randrange(500, 5_000))
                yield text
            if "decided" in case.states:
                self.decisions[case.number], text = self._line(case, "decision", rng.randrange(1_000, 15_000))
                yield text

    def _line(self, case: _Case, kind: str, size: int) -> tuple[UUID, str]:
        rng = self._rng
        number, content = any_uuid(rng), rng.randbytes(size)
        return number, line(
            str(number), case.number, kind, f"{kind} №{size}", content, sha256(content).hexdigest(), rng.randrange(50),
            f"{case.filed_on} 12:00:00+02",
        )  # fmt: skip


def _hearings(cases: list[_Case], minutes: dict[str, UUID]) -> Iterator[str]:
    """Each judge's cases are heard one after the other, four a day, in a room of the judge's own."""
    taken = dict.fromkeys(range(_JUDGES * len(_HOUSES)), 0)
    for case in cases:
        if case.state in ("heard", "decided", "final", "appealed") or (case.state == "accepted" and case.judge % 2):
            slot = taken[case.judge]
            taken[case.judge] += 1
            day, hour = REFERENCE_DAY + timedelta(days=slot // 4 - 400), 9 + 2 * (slot % 4)
            state, paper = ("held", str(minutes[case.number])) if case.state != "accepted" else ("planned", None)
            during = f"[{day} {hour:02d}:00:00+02,{day} {hour + 1:02d}:30:00+02)"
            yield line(case.number, case.house, case.judge // len(_HOUSES), case.judge, during, state, paper)


def _deadlines(rng: Random, cases: list[_Case]) -> Iterator[str]:
    for case in cases:
        due = case.filed_on + timedelta(days=rng.randrange(14, 90))
        is_over = case.state not in ("filed", "accepted", "heard", "appealed")
        yield line(case.number, "answer", due, rng.randrange(3), due if is_over or rng.random() < 0.5 else None)
        if "decided" in case.states:
            yield line(case.number, "appeal", due + timedelta(days=300), 0, None if case.state == "decided" else due)


def _steps(cases: list[_Case]) -> Iterator[str]:
    for case in cases:
        for position, state in enumerate(case.states):
            yield line(case.number, position + 1, state, f"{case.filed_on + timedelta(days=30 * position)} 09:00:00+00")
