"""One attempt: a point at home, the same point at the embassy, both read, compared and, where they differ, cut.

Steps, in this order (DESIGN 9):
(1) part 1 into the register's table: the applier holds behind it;
(2) a temporary slot with an exported snapshot: the consistent point. Not within its time: home gives up, the applier
    goes on;
(3) part 2 with the point: the embassy applies exactly what lies at or before it, and its witness sees the standby
    there;
(4) home's definitions and tables under the exported snapshot, while the witness reads the embassy's;
(5) compare; cut ranges where tables differ.
Tables that were truncated or rewritten meanwhile are told as moved: the next attempt asks about them again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg
from psycopg import sql

from data_embassy.config import Source
from data_embassy.postgres import Connection, connect
from data_embassy.types import Lsn
from operations.verify.bisect import Bisection, Open, batched
from operations.verify.compare import Compared, compare_definitions, compare_sequences, compare_tables, sums_of
from operations.verify.conversation import Answers, Conversation
from operations.verify.errors import AttemptLost, PointBlocked, PointNotReached
from operations.verify.model import DifferingRange
from pipelines.snapshot.errors import SlotTimeout
from pipelines.snapshot.slot import create_slot
from schemas.content import Content, Line, Moved, Name, Sums, begin_snapshot, parse_sums
from schemas.digest import Algorithm
from schemas.ranges import Cut

POINT_SECONDS_MAX: Final = 10.0
SILENCE_SECONDS_MAX: Final = 20.0
"""A witness is heard every three seconds; the link may stand still for a while."""
END_SECONDS_MAX: Final = 60.0
"""A witness that works waits for the report as well: it cannot come while the standby stands still."""
_CUTS_PER_QUESTION: Final = 16
_APPLICATION: Final = "data-embassy verify"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What this attempt is about."""

    verification: str
    attempt: int
    answer_key: bytes
    tables: Sequence[Name] | None = None
    """None: all tables."""
    hold: Sequence[Name] = ()
    """Tables that moved before: they are kept as they are while they are read."""
    wants_catalog: bool = True
    reach_seconds_max: float = 60.0


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What this attempt found."""

    position: Lsn
    pause_ms: float = 0.0
    generation: int = 0
    standby_version: int = 0
    algorithm: Algorithm = Algorithm.HASH
    compared: list[Compared] = field(default_factory=list)
    ranges: dict[Name, tuple[DifferingRange, ...]] = field(default_factory=dict)
    moved: list[Name] = field(default_factory=list)
    definitions: list[str] | None = None
    """None when they were not asked for, or moved."""
    sequences: dict[Name, str] = field(default_factory=dict)
    derived: frozenset[Name] = frozenset()
    """Materialized views."""
    left_out: Sequence[Name] = ()
    """Tables whose rows stay at home."""


class Attempt:
    """Runs one attempt; every connection is its own."""

    def __init__(
        self, source: Source, look: Connection, answers: Answers, asked: Asked, *, tell: Callable[[str], None]
    ) -> None:
        self._source, self._look, self._asked, self._tell = source, look, asked, tell
        self._talk = Conversation(
            look,
            answers,
            verification=asked.verification,
            attempt=asked.attempt,
            answer_key=asked.answer_key,
        )

    def run(self) -> Outcome:
        """Raises PointBlocked, PointNotReached, AttemptLost, TransportError."""
        try:
            return self._run()
        except BaseException:
            # The witness must not wait for questions that never come: its snapshot keeps VACUUM from cleaning up.
            with suppress(psycopg.Error):
                self._talk.ask_next({"kind": "end"})
            raise

    def _run(self) -> Outcome:
        with ExitStack() as stack:
            under = stack.enter_context(self._connect())
            point = self._take_point(stack, under)
            outcome = Outcome(position=point)
            content = Content(under, self._look)
            outcome.derived = frozenset(table.name for table in content.tables.values() if table.is_derived)
            outcome.left_out = content.left_out()
            content.hold(self._asked.hold)
            self._tell(f"point {point}: waiting for the embassy to reach it")
            reached = self._talk.hear(("reached",), self._asked.reach_seconds_max, is_first=True)
            outcome.pause_ms = float(reached["pause_ms"])
            outcome.generation = int(reached["generation"])
            outcome.standby_version = int(reached["server_version"])
            outcome.algorithm = Algorithm(reached["algorithm"])
            theirs = {(row[0], row[1]): (row[2], row[3]) for row in reached["sequences"]}
            outcome.sequences = compare_sequences(content.pulse_sequences(), theirs)
            self._compare(content, outcome)
        return outcome

    def end(self, report: Mapping[str, Any]) -> bool:
        """Hand the report over; True when the embassy kept it."""
        part = self._talk.ask_next({"kind": "end", "report": report})
        try:
            self._talk.hear(("ended",), SILENCE_SECONDS_MAX, part=part, seconds_at_most=END_SECONDS_MAX)
        except (PointNotReached, AttemptLost):
            return False
        return True

    # -- (1) to (3) ------------------------------------------------------------------------------------------------

    def _take_point(self, stack: ExitStack, under: Connection) -> Lsn:
        self._talk.ask(1, None, {})  # (1)
        replication = self._connect(is_replication=True)
        try:
            try:
                slot = create_slot(  # (2)
                    replication,
                    self._look,
                    name=f"data_embassy_verify_{replication.info.backend_pid}",
                    is_temporary=True,
                    seconds_max=POINT_SECONDS_MAX,
                    report=self._tell,
                )
            except BaseException as error:
                self._talk.ask(2, None, {})  # The applier goes on at once.
                if isinstance(error, SlotTimeout):
                    raise PointBlocked(
                        error.message.replace("the slot", "the consistent point"),
                        remedy="end these transactions, or wait until they end, then run the verification again",
                    ) from None
                raise
            begin_snapshot(under)
            under.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(slot.snapshot)))
            under.execute("SELECT 1")
        finally:
            replication.close()  # The transaction above has taken the snapshot over.
        stack.callback(under.rollback)
        tables = self._asked.tables
        content = {
            "server_version": under.info.server_version,
            "tables": None if tables is None else [list(name) for name in tables],
            "hold": [list(name) for name in self._asked.hold],
            "catalog": self._asked.wants_catalog,
        }
        self._talk.ask(2, slot.consistent_point, content)  # (3)
        return slot.consistent_point

    # -- (4), (5) --------------------------------------------------------------------------------------------------

    def _compare(self, content: Content, outcome: Outcome) -> None:
        names = list(content.tables) if self._asked.tables is None else list(self._asked.tables)
        mine_lines = self._definitions(content) if self._asked.wants_catalog else None
        mine: dict[Name, Sums | None] = {}
        for done, name in enumerate(names):
            self._tell(f"point {outcome.position}: {done} of {len(names)} tables read here")
            mine[name] = self._digest(content, name, outcome.algorithm)
        self._talk.was_busy()
        theirs: dict[Name, Sums | None] = {}
        lines: list[Line] | None = None
        while True:
            answer = self._talk.hear(("tables", "catalog", "done"), SILENCE_SECONDS_MAX)
            if answer["kind"] == "tables":
                theirs |= sums_of(answer["tables"])
                self._tell(f"point {outcome.position}: {len(theirs)} of {len(names)} tables read at the embassy")
            elif answer["kind"] == "catalog":
                lines = answer["lines"]
            else:
                break
        if mine_lines is not None and lines is not None:
            outcome.definitions = compare_definitions(mine_lines, lines)
        outcome.compared, outcome.moved = compare_tables(mine, theirs)
        self._cut(content, outcome)

    def _definitions(self, content: Content) -> list[Line] | None:
        try:
            return content.catalog()
        except Moved:
            return None

    def _digest(self, content: Content, name: Name, algorithm: Algorithm) -> Sums | None:
        try:
            return content.digest(name, algorithm)
        except Moved:
            return None

    def _cut(self, content: Content, outcome: Outcome) -> None:
        differing = [
            one
            for one in outcome.compared
            if one.reason is not None and one.standby_rows is not None and one.name in content.tables
        ]
        keyed = [one for one in differing if content.tables[one.name].key]
        search = Bisection((one.name, one.rows, one.standby_rows) for one in keyed)
        while ready := search.next_round():
            self._tell(f"point {outcome.position}: looking for what differs, {len(ready)} ranges of keys")
            for cuts in batched(self._bounds(content, search, ready), _CUTS_PER_QUESTION):
                self._ask_about(content, search, cuts, outcome.algorithm)
        for one in keyed:
            outcome.ranges[one.name] = search.found(one.name)

    def _bounds(self, content: Content, search: Bisection, ready: Sequence[Open]) -> list[Cut[Open]]:
        cuts = []
        for one in ready:
            try:
                bounds = content.bounds(one.name, one.within, one.rows)
            except Moved:
                bounds = []
            if bounds:
                cuts.append(Cut(one, bounds))
            else:
                search.settle(one)
        return cuts

    def _ask_about(self, content: Content, search: Bisection, cuts: Sequence[Cut[Open]], algorithm: Algorithm) -> None:
        part = self._talk.ask_next({"kind": "ranges", "ranges": [cut.as_json() for cut in cuts]})
        mine: list[list[Sums] | None] = []
        for cut in cuts:
            try:
                mine.append(content.parts(cut.open.name, cut.open.within, cut.bounds, algorithm))
            except Moved:
                mine.append(None)
        self._talk.was_busy()
        answer = self._talk.hear(("ranges",), SILENCE_SECONDS_MAX, part=part)
        for cut, here, there in zip(cuts, mine, answer["ranges"], strict=True):
            if here is None or there is None:
                search.settle(cut.open)
            else:
                search.learn(cut, here, parse_sums(there))

    def _connect(self, *, is_replication: bool = False) -> Connection:
        return connect(self._source.capture, application_name=_APPLICATION, autocommit=True, replication=is_replication)
