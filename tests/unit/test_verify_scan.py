"""A hold on a real stream: the witness sees exactly the commits at or before the point; none is lost or repeated."""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass, field
from random import Random

import pytest

from consumers.assemble import Assembler
from consumers.checks import Pulse
from consumers.cuts import Goal
from consumers.fetch import Fetcher, Halt, Ready
from consumers.position import StandbyPosition
from consumers.reader import Reader
from consumers.sequence import Sequence
from consumers.transactions import Limits
from consumers.verify.hold import HOLD_SECONDS_MAX, Hold, Point, Question, Release
from consumers.verify.scan import Scan
from data_embassy.types import Lsn
from schemas.records import ChangeSchema, encode
from tests.support.receiver_model import Envelope, OpenLane, first_position
from tests.support.synthetic_register import CHECKPOINT, DDL, PERSON, PULSE, REPAIR, Change, SyntheticRegister, insert

KEY = base64.b64encode(bytes(32)).decode()
ID = "00000000-0000-4000-8000-00000000000{}"
START = 1 << 24


class FakeLane:
    """A lane in memory."""

    def __init__(self, lane: list[Envelope], size: int) -> None:
        self._lane, self._size, self._next = lane, size, 0

    def seek(self, offset: int) -> None:
        self._next = offset

    def poll(self, count: int, seconds: float) -> list[tuple[int, bytes]]:
        first, self._next = self._next, min(self._next + self._size, len(self._lane))
        if first == self._next:
            time.sleep(0.001)
        return [(offset, str(offset).encode()) for offset in range(first, self._next)]

    def fetch(self, offset: int) -> bytes:
        raise AssertionError

    def known_end(self) -> int | None:
        return len(self._lane)

    def arrival(self, offset: int) -> None:
        return


@dataclass
class Embassy:
    """The applier's way through a lane, with a store in memory instead of a database."""

    lane: list[Envelope]
    random: Random
    position: StandbyPosition
    commits: list[int] = field(default_factory=list)
    witnessed: list[tuple[Question, list[int]]] = field(default_factory=list)
    released: list[Release] = field(default_factory=list)
    repaired: list[tuple[int, int]] = field(default_factory=list)

    def follow(self) -> None:
        end = Goal(lane_end=len(self.lane))
        while (halt := self.one_pass(end, can_hold=True)).is_cut:
            if halt.question is not None and self.random.random() > 0.1:  # Otherwise killed while it held.
                self.hold(halt.question)

    def hold(self, question: Question) -> None:
        schemas = self.schemas()
        hold = Hold(question, last_end=self.position.last_end, now=0.0)
        lane = self.new_lane()
        lane.seek(self.position.lane_offset)
        scan = Scan(hold, lane=lane, reader=self.reader(), assembler=self.assembler(), schemas=schemas)
        found = None
        for _ in range(len(self.lane) + 1):
            found = found or scan.step(1.0, 0.0)
        found = found or scan.step(HOLD_SECONDS_MAX, 0.0)
        if isinstance(found, Point):
            while self.one_pass(Goal(commit_lsn=found.lsn), can_hold=False).is_cut:
                pass
            self.witnessed.append((found.question, list(self.commits)))
        else:
            assert found is not None
            self.released.append(found)

    def one_pass(self, goal: Goal, *, can_hold: bool) -> Halt:
        fetcher = Fetcher(
            name="fetch", lane=self.new_lane(), reader=self.reader(), assembler=self.assembler(),
            schemas=self.schemas(), start_offset=self.position.lane_offset, pulse=Pulse(None, None), goal=goal,
            can_hold=can_hold,
        )  # fmt: skip
        fetcher.start()
        while True:
            match fetcher.items.get(timeout=30):
                case Ready(group=group, decoded=decoded) if group.frames:
                    # Rows that were sent again are carried out behind the group: nothing may follow them in it.
                    last = group.frames[-1].commit_lsn or 0
                    self.repaired += [(int(one.row["id"] or ""), last) for one in decoded.repairs]
                    self.commits += [frame.commit_lsn or 0 for frame in group.frames]
                    self.position = group.position(self.position)
                case Halt() as halt:
                    fetcher.join(10)
                    if halt.error is not None:
                        raise halt.error
                    return halt

    def new_lane(self) -> FakeLane:
        return FakeLane(self.lane, self.random.choice([1, 3, 20]))

    def schemas(self) -> dict[bytes, ChangeSchema]:
        return {schema.fingerprint: schema for schema in (PERSON, PULSE, DDL, CHECKPOINT, REPAIR)}

    def reader(self) -> Reader:
        sequence = Sequence(self.position.incarnation, self.position.home_offset + 1)
        return Reader(opener=OpenLane(self.lane), sequence=sequence, fetch=lambda _: b"")

    def assembler(self) -> Assembler:
        limits = Limits(changes=self.random.choice([3, 30, 1000]), piece_changes=1000)
        return Assembler(self.position, schemas=self.schemas(), limits=limits)


@dataclass
class Home:
    """A register in which people work and verifications are asked for."""

    source: SyntheticRegister = field(default_factory=SyntheticRegister)
    commits: list[int] = field(default_factory=list)
    number: int = 0

    def __post_init__(self) -> None:
        self.source.session(confirmed=START, insert_lsn=START)
        for schema in (CHECKPOINT, REPAIR):
            self.source._capture(encode("Schema", {"fingerprint": schema.fingerprint, "json": schema.json}))

    def work(self, count: int) -> None:
        for _ in range(count):
            self.number += 1
            self.commits.append(self.source.commit(insert(self.number, "x")))

    def ask(self, part: int, *, id_: int = 1, attempt: int = 1, point: int | None = None) -> None:
        lsn = None if point is None else str(Lsn(point))
        row = (ID.format(id_), str(attempt), str(part), lsn, "{}", KEY, "2026-01-01 00:00:00+00")
        self.commits.append(self.source.commit(Change(CHECKPOINT, "c", after=row)))

    def repair(self, number: int) -> None:
        row = (str(number), ID.format(1), "public", "person", "[]", None, None, "1", "[]", "")
        self.commits.append(self.source.commit(Change(REPAIR, "c", after=row), insert(1000 + number, "x")))

    def point(self) -> int:
        """A consistent point: somewhere behind the last commit, before the next."""
        return self.commits[-1] + 3

    def embassy(self, seed: int = 0) -> Embassy:
        random = Random(seed)
        lane: list[Envelope] = []
        at = 0
        while at < len(self.source.log):
            size = random.choice([1, 2, 5, 17, 60])
            lane.append(Envelope(1, at, self.source.log[at : at + size]))
            at += size
        return Embassy(lane, random, first_position(last_end=START))


def no_kill(home: Home, seed: int = 0) -> Embassy:
    embassy = home.embassy(seed)
    embassy.random.random = lambda: 0.9  # type: ignore[method-assign]
    embassy.follow()
    assert embassy.commits == home.commits
    return embassy


@pytest.mark.parametrize("seed", range(5))
def test_the_witness_sees_exactly_what_lies_at_or_before_the_point(seed):
    home = Home()
    home.work(20)
    home.ask(1)
    home.work(30)
    point = home.point()
    home.work(25)
    home.ask(2, point=point)
    home.work(20)
    embassy = no_kill(home, seed)
    ((question, seen),) = embassy.witnessed
    assert question.consistent_point == point
    assert seen == [lsn for lsn in home.commits if lsn <= point]


def test_a_point_that_comes_after_the_release_is_nothing():
    home = Home()
    home.ask(1)
    home.work(3)
    home.ask(2)
    home.ask(2, point=home.point())
    embassy = no_kill(home)
    assert (embassy.witnessed, embassy.released) == ([], [Release.GIVEN_UP])


def test_a_second_verification_ends_the_hold_of_the_first_and_gets_its_own():
    home = Home()
    home.ask(1)
    home.work(3)
    home.ask(1, id_=2)
    point = home.point()
    home.work(3)
    home.ask(2, id_=1, point=point)
    home.ask(2, id_=2, point=point)
    embassy = no_kill(home)
    assert embassy.released == [Release.SUPERSEDED]
    ((question, seen),) = embassy.witnessed
    assert question.verification == ID.format(2)
    assert seen == [lsn for lsn in home.commits if lsn <= point]


def test_an_attempt_without_an_end_is_waited_for_only_so_long():
    home = Home()
    home.work(2)
    home.ask(1)
    home.work(5)
    embassy = no_kill(home)
    assert (embassy.witnessed, embassy.released) == ([], [Release.EXPIRED])


def test_rows_of_an_open_transaction_ask_for_nothing():
    home = Home()
    home.work(2)
    home.source.begin()
    row = (ID.format(1), "1", "1", None, "{}", KEY, "2026-01-01 00:00:00+00")
    home.source.changes([Change(CHECKPOINT, "c", after=row)])
    home.source.session(confirmed=home.commits[-1], insert_lsn=home.source.lsn)  # The task died: it never ended.
    home.work(2)
    embassy = no_kill(home)
    assert (embassy.witnessed, embassy.released) == ([], [])


def test_a_lane_that_is_damaged_ahead_ends_the_hold_and_stops_in_its_own_place():
    home = Home()
    home.ask(1)
    home.work(5)
    home.source.begin()
    home.source.changes([insert(99, "x")])
    home.source.end(7)
    embassy = home.embassy()
    embassy.random.random = lambda: 0.9  # type: ignore[method-assign]
    with pytest.raises(Exception, match="has 1 changes where its END says 7"):
        embassy.follow()
    assert embassy.released == [Release.DISTURBED]
    assert embassy.commits == home.commits


@pytest.mark.parametrize("seed", range(25))
def test_whatever_is_asked_and_killed_every_commit_is_applied_once_and_points_are_exact(seed):
    random = Random(seed)
    home = Home()
    points: dict[tuple[int, int], int] = {}
    for number in range(1, 9):
        home.work(random.randrange(5))
        home.ask(1, id_=number, attempt=random.randrange(1, 3))
        home.work(random.randrange(12))
        point = home.point()
        home.work(random.randrange(12))
        for attempt in (1, 2):
            if random.random() < 0.7:
                is_given_up = random.random() < 0.2
                home.ask(2, id_=number, attempt=attempt, point=None if is_given_up else point)
                points[number, attempt] = point
    embassy = home.embassy(seed)
    embassy.follow()
    assert embassy.commits == home.commits
    for question, seen in embassy.witnessed:
        assert question.consistent_point == points[int(question.verification[-1]), question.attempt]
        assert seen == [lsn for lsn in home.commits if lsn <= (question.consistent_point or 0)]


@pytest.mark.parametrize("seed", range(5))
def test_rows_sent_again_are_carried_out_behind_their_own_transaction(seed):
    home = Home()
    expected = []
    for number in range(6):
        home.work(seed * number % 4)
        home.repair(number)
        expected.append((number, home.commits[-1]))
        if number == 3:
            home.ask(1)
            home.repair(77)
            expected.append((77, home.commits[-1]))
            home.ask(2, point=home.point())
    home.work(3)
    assert no_kill(home, seed).repaired == expected
