"""The receiver's pure core with a store in memory, a register that crashes, forwarders that repeat and overlap."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from consumers.assemble import Assembler
from consumers.group import Group
from consumers.position import StandbyPosition
from consumers.reader import Reader
from consumers.sequence import Sequence
from consumers.transactions import Limits, RereadNeeded
from data_embassy.envelope import EpochOpened, Header, Kind, OpenedRecords, Run
from schemas.records import FINGERPRINTS, MAGIC, RecordKey, decode
from tests.support.synthetic_register import DDL, PERSON, PULSE, SYSTEM, Change, Record, SyntheticRegister, insert

_SCHEMAS = [schema.fingerprint for schema in (PERSON, PULSE, DDL)]


@dataclass
class Envelope:
    """An envelope without cryptography."""

    incarnation: int
    first: int
    records: list[Record]


class OpenLane:
    """Stands for the opener: an envelope's bytes are its place in the list."""

    def __init__(self, lane: list[Envelope]) -> None:
        self._lane = lane

    def verify(self, envelope: bytes) -> Header:
        sealed = self._lane[int(envelope)]
        return Header(
            kind=Kind.RECORDS, lane="", incarnation=sealed.incarnation, epoch=b"", epoch_lane_offset=0, counter=1,
            first_offset=sealed.first, last_offset=sealed.first + len(sealed.records) - 1,
            count=len(sealed.records), digest=b"", commitment=b"", codec=1, plain_size=0, signer=b"",  # type: ignore[arg-type]
            signer_pq=None, generation=None, schemas=0, recipients=(),
        )  # fmt: skip

    def needs_epoch(self, header: Header) -> int | None:
        return None

    def open_epoch(self, envelope: bytes, lane_offset: int) -> EpochOpened:
        raise AssertionError("no epochs here")

    def open(self, envelope: bytes) -> OpenedRecords:
        sealed = self._lane[int(envelope)]
        runs: list[Run] = []
        for key, _ in sealed.records:
            origin, run, n = RecordKey.unpack(key)
            if runs and runs[-1][:2] == (origin, run) and runs[-1].first_n + runs[-1].length == n:
                runs[-1] = runs[-1]._replace(length=runs[-1].length + 1)
            else:
                runs.append(Run(origin, run, n, 1))
        return OpenedRecords(
            header=self.verify(envelope), first_offset=sealed.first, runs=runs,
            values=[value for _, value in sealed.records],
        )  # fmt: skip


@dataclass
class Store:
    """A standby: what was committed, together."""

    position: StandbyPosition
    applied: list[tuple[int, list[bytes]]] = field(default_factory=list)
    rolled_back: int = 0


@dataclass
class Receiver:
    """One life of a receiver, from the store's position to a crash or the lane's end."""

    lane: list[Envelope]
    store: Store
    limits: Limits
    random: Random
    certain: set[int] = field(default_factory=set)

    def live(self, *, until: int) -> bool:
        """Read to the lane offset `until`; True when the lane must be read again from the position."""
        position = self.store.position
        reader = Reader(
            opener=OpenLane(self.lane),
            sequence=Sequence(position.incarnation, position.home_offset + 1),
            fetch=lambda _: b"",
        )
        assembler = Assembler(position, schemas=_SCHEMAS, limits=self.limits, certain=self.certain)
        self._open: list[bytes] = []
        for lane_offset in range(position.lane_offset, until):
            batch = reader.read(lane_offset, str(lane_offset).encode())
            try:
                if batch.runs:
                    assembler.feed(
                        incarnation=batch.incarnation, lane_offset=lane_offset, first_offset=batch.first_offset,
                        runs=batch.runs, values=batch.values,
                    )  # fmt: skip
            except RereadNeeded as again:
                self._take_all(assembler)
                self.certain.add(again.begin_offset)
                return True
            if assembler.is_full or self.random.random() < 0.4:
                self._take_all(assembler)
        self._take_all(assembler)
        return False

    def _take_all(self, assembler: Assembler) -> None:
        while (group := assembler.take()) is not None:
            self._write(group)

    def _write(self, group: Group) -> None:
        if group.discards_open:
            assert self._open
            self._open = []
            self.store.rolled_back += 1
        assert group.first_order == len(self._open) + 1
        seen = {_identity(value) for _, values in self.store.applied for value in values}
        assert seen.isdisjoint(map(_identity, group.values)), "a change reached the applier twice"
        done: list[tuple[int, list[bytes]]] = []
        for frame in group.frames:
            self._open += group.values[frame.first : frame.last]
            if frame.commit_lsn is not None:
                assert frame.event_count == len(self._open)
                done.append((frame.commit_lsn, self._open))
                self._open = []
        assert group.is_complete == (not self._open)
        if done:
            # One commit: rows and position together.
            self.store.applied += done
            self.store.position = group.position(self.store.position)


def _identity(value: bytes) -> bytes:
    """The row of an insert, which no two changes of the history share."""
    return value[value.index(b"v") :] if b"v" in value else value


class Home:
    """A register with crashing capture tasks; knows what a standby must hold in the end."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.source = SyntheticRegister()
        self.history: list[tuple[int, list[Change]]] = []
        self.first_lsn: list[int] = []
        self.lsn = self.source.lsn
        self._lost: int | None = None

    def transact(self, count: int) -> None:
        """The register commits; nothing is captured yet."""
        for _ in range(count):
            size = self.random.choice([1, 1, 1, 2, 3, 8, 20])
            self.lsn += 8 * (size + 1)
            number = len(self.history) * 100
            # A long transaction's changes lie before commits of others.
            earlier = self.random.choice([0, 0, 100, 1000])
            self.first_lsn.append(max(self.source_start, self.lsn - 8 * (size + 1) - earlier))
            self.history.append((self.lsn, [insert(number + i, f"v{number + i}") for i in range(size)]))

    def capture(self, *, delivered: int) -> int:
        """A task's life: marker, transactions from the slot on, a crash somewhere. Returns how many are delivered."""
        first = self.random.randint(0, delivered)
        confirmed = self.history[first - 1][0] if first else self.source_start
        start = len(self.source.log)
        self.source.session(confirmed=confirmed, insert_lsn=self.lsn)
        ends = []
        for (lsn, changes), first_lsn in zip(self.history[first:], self.first_lsn[first:], strict=True):
            self.source.lsn = first_lsn
            self.source.commit(*changes, lsn=lsn)
            ends.append(len(self.source.log))
        if self.random.random() < 0.7:
            cut = self.random.randint(start + 1, len(self.source.log))
            del self.source.log[cut:]
            if self.random.random() < 0.3:
                self._lose_one(start, ends)
        whole = first + sum(end <= len(self.source.log) for end in ends)
        return max(delivered, min(whole, self._contiguous(first, start, ends)))

    def _lose_one(self, start: int, ends: list[int]) -> None:
        """The topic never got one record of the session: its n is skipped."""
        if len(self.source.log) - start > 5:
            lost = self.random.randint(start + 1, len(self.source.log) - 1)
            self._lost = lost
            del self.source.log[lost]

    def _contiguous(self, first: int, start: int, ends: list[int]) -> int:
        lost, self._lost = self._lost, None
        if lost is None:
            return len(self.history)
        return first + sum(end <= lost for end in ends)

    @property
    def source_start(self) -> int:
        return 1 << 24

    def lose_tail(self) -> int:
        """The home log loses its end; returns how many whole transactions it still holds from the beginning."""
        del self.source.log[self.random.randint(0, len(self.source.log)) :]
        commits = _readable_commits(self.source.log)
        return next((i for i, (lsn, _) in enumerate(self.history) if lsn not in commits), len(self.history))

    def stale_records(self) -> None:
        """A task that was replaced still writes what it had in hand."""
        runs = sorted({RecordKey.unpack(key).run for key, _ in self.source.log if key[0] == 1})
        if len(runs) < 2:
            return
        old = self.random.choice(runs[:-1])
        of_run = [record for record in self.source.log if record[0][0] == 1 and RecordKey.unpack(record[0]).run == old]
        begin = MAGIC + FINGERPRINTS["Begin"]
        self.source.log += [record for record in of_run[-3:] if not record[1].startswith(begin)] or of_run[-1:]


def _readable_commits(log: list[Record]) -> set[int]:
    """Commit LSNs of the transactions that a log holds whole, in sessions that skip no number before."""
    commits: set[int] = set()
    run = last = 0
    for key, value in log:
        _, of_run, n = RecordKey.unpack(key)
        if of_run > run:
            run, last = of_run, 0
        if of_run == run and n == last + 1:
            last = n
            if value.startswith(MAGIC + FINGERPRINTS["End"]):
                commits.add(decode(value)[1]["commit_lsn"])
    return commits


def forward(random: Random, log: list[Record], lane: list[Envelope], *, incarnation: int, start: int) -> None:
    """One or two forwarders seal the log from `start` on; both cover it without holes, in any interleaving."""
    at = [start, start]
    second_starts = random.random() < 0.5
    while at[0] < len(log):
        who = 1 if second_starts and random.random() < 0.4 else 0
        if who == 1 and at[1] >= len(log):
            continue
        size = random.choice([1, 2, 5, 17, 60])
        lane.append(Envelope(incarnation, at[who], log[at[who] : at[who] + size]))
        at[who] = min(at[who] + size, len(log))
        if random.random() < 0.1:
            # Sent again after a lost acknowledgement, or by somebody who recorded it.
            lane.append(random.choice(lane[-5:]))


def first_position(*, last_end: int) -> StandbyPosition:
    return StandbyPosition(
        generation=1, attempt=1, incarnation=1, home_offset=-1, lane_offset=0, system_identifier=SYSTEM, timeline=1,
        last_end=last_end,
    )  # fmt: skip
