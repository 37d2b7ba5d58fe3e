"""A register in memory: commits, capture tasks that crash and linger, snapshots, a home log that can lose its end."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from schemas.records import FINGERPRINTS, MAGIC, ORIGIN_CAPTURE, ORIGIN_SNAPSHOT, RecordKey, encode, snapshot_run
from tests.support.synthetic_register import PERSON, PULSE, SYSTEM, Change, Record, change, run_of

UNCHANGED = "\0"
_SCHEMA = MAGIC + FINGERPRINTS["Schema"]
Rows = dict[str, str | None]


@dataclass(frozen=True)
class Commit:
    """A transaction of the register and what the register holds after it."""

    number: int
    lsn: int
    changes: Sequence[Change]
    rows: Rows
    beat: int

    def records(self) -> list[bytes]:
        """BEGIN, changes, END as the capture task writes them."""
        transaction = 700 + self.number
        first = self.lsn - 8 * (len(self.changes) + 1)
        values = [encode("Begin", {"transaction": transaction})]
        values += [
            change(
                one.schema, one.op, order=order, transaction=transaction, lsn=first + 8 * order,
                before=one.before, after=one.after,
            )
            for order, one in enumerate(self.changes, 1)
        ]  # fmt: skip
        end = {
            "transaction": transaction, "commit_lsn": self.lsn, "event_count": len(self.changes),
            "committed_at": 1_700_000_000_000_000 + self.lsn,
        }  # fmt: skip
        return [*values, encode("End", end)]


@dataclass
class CaptureTask:
    """One session: where it is, and whether the slot follows it."""

    run: int
    waiting: list[bytes]
    next_commit: int
    n: int = 0
    has_lost_one: bool = False
    done: int = 0
    """Transactions, counted from the register's first, that this session has written whole."""


@dataclass
class Snapshot:
    """An attempt whose end is not written yet."""

    run: int
    rows: Rows
    beat: int
    n: int = 2


@dataclass
class HomeLog:
    """The home topic: records at their offsets, the oldest trimmed."""

    records: list[Record] = field(default_factory=list)
    low: int = 0

    @property
    def end(self) -> int:
        return len(self.records)


class SimulatedRegister:
    """The register and everything of home that writes into its topic."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.log = HomeLog()
        self.history: list[Commit] = []
        self.lsn = 1 << 24
        self.slot = 0
        """Transactions that the slot has let go."""
        self.rows: Rows = {}
        self.beat = 0
        self.task: CaptureTask | None = None
        self.stale: CaptureTask | None = None
        self.snapshot: Snapshot | None = None
        self.generation = self.attempt = 0
        self.has_lost_confirmed = False
        """The log lost what the slot had let go: only a snapshot can help, unless the lane holds it."""
        self.has_lost_schema = False
        """A generation that joins that session cannot know the schema, until a restart announces it again."""
        self._sessions = 0

    @property
    def start_lsn(self) -> int:
        """Where the history begins."""
        return 1 << 24

    def commit(self) -> None:
        """One transaction: a beat, or any changes of people."""
        if self.random.random() < 0.3:
            self.beat += 1
            row = ("t", str(self.beat), "2031-01-01 00:00:00.000000+00", "[]", "", "{}")
            changes = [Change(PULSE, "u", after=row)]
        else:
            changes = [one for _ in range(self.random.choice([1, 1, 2, 3, 9])) for one in self._change()]
        self.lsn += 8 * (len(changes) + 2)
        self.history.append(Commit(len(self.history), self.lsn, changes, dict(self.rows), self.beat))

    def _change(self) -> list[Change]:
        key, other = (str(self.random.randint(1, 6)) for _ in range(2))
        value = None if self.random.random() < 0.1 else f"v{self.random.randint(0, 10**6)}"
        if key not in self.rows:
            self.rows[key] = value
            return [Change(PERSON, "c", after=(key, value))]
        match self.random.choice("uuudmk"):
            case "d":
                del self.rows[key]
                return [Change(PERSON, "d", before=(key, None))]
            case "m" if other not in self.rows:
                # A key change is the old row's deletion directly followed by the new row; its large value unchanged.
                self.rows[other] = self.rows.pop(key)
                kept = self.rows[other] if self.random.random() < 0.5 else UNCHANGED
                return [Change(PERSON, "d", before=(key, None)), Change(PERSON, "c", after=(other, kept))]
            case "k":
                return [Change(PERSON, "u", after=(key, UNCHANGED))]
            case _:
                self.rows[key] = value
                return [Change(PERSON, "u", after=(key, value))]

    # -- capture -----------------------------------------------------------------------------------------------------

    def start_task(self) -> None:
        """A new session takes the slot; the former one may still write what it has in hand."""
        self.stale, self._sessions = self.task, self._sessions + 1
        self.task = CaptureTask(run_of(self._sessions), [], self.slot)

    def _opening(self, run: int) -> list[bytes]:
        """Marker and schemas, as things are when the task holds the slot."""
        confirmed = self.history[self.slot - 1].lsn if self.slot else self.start_lsn
        marker = {
            "session": run, "slot": "data_embassy", "confirmed_flush_lsn": confirmed,
            "insert_lsn": self.lsn, "system_identifier": SYSTEM, "timeline": 1, "timeline_forks": [], "started_at": 0,
            "server_version": 180006, "debezium_version": "3.7.0", "plugin_version": "1",
        }  # fmt: skip
        schemas = [encode("Schema", {"fingerprint": one.fingerprint, "json": one.json}) for one in (PERSON, PULSE)]
        return [encode("Session", marker), *schemas]

    def stop_task(self) -> None:
        """Killed."""
        self.task = None

    def capture(self, count: int) -> None:
        """The running session writes up to `count` records."""
        if self.task is not None:
            self._write(self.task, count)
            if not self.task.has_lost_one and self.random.random() < 0.5:
                self.slot = max(self.slot, self.task.done)

    def linger(self, count: int) -> None:
        """A replaced session writes what it still had in hand; it can fetch nothing more from the slot."""
        if self.stale is not None:
            for value in self.stale.waiting[:count]:
                self.stale.n += 1
                self._append(ORIGIN_CAPTURE, self.stale.run, self.stale.n, value)
            self.stale = None

    def _write(self, task: CaptureTask, count: int) -> None:
        for _ in range(count):
            if not task.n:
                task.waiting, task.next_commit = self._opening(task.run), self.slot
            elif not task.waiting:
                task.done = max(task.done, task.next_commit)
                if task.next_commit == len(self.history):
                    return
                task.waiting = self.history[task.next_commit].records()
                task.next_commit += 1
            task.n += 1
            value = task.waiting.pop(0)
            if task.n > 1 and self.random.random() < 0.002:
                task.has_lost_one = True  # Its number is skipped.
                self.has_lost_schema = self.has_lost_schema or value.startswith(_SCHEMA)
                continue
            self._append(ORIGIN_CAPTURE, task.run, task.n, value)
        if not task.waiting:
            task.done = max(task.done, task.next_commit)

    def _append(self, origin: int, run: int, n: int, value: bytes) -> None:
        self.log.records.append((RecordKey(origin, run, n).pack(), value))

    # -- snapshot ----------------------------------------------------------------------------------------------------

    def begin_snapshot(self, *, is_retry: bool) -> None:
        """SnapshotBegin, then the point: exactly the commits so far."""
        if is_retry and self.snapshot is not None:
            self.attempt += 1
        else:
            self.generation, self.attempt = self.generation + 1, 1
        run = snapshot_run(self.generation, self.attempt)
        begin = {
            "started_at": 0, "system_identifier": SYSTEM, "timeline": 1, "server_version": 180006, "database": "r",
            "encoding": "UTF8", "locale_provider": "c", "collate": "C", "ctype": "C", "locale": None,
        }  # fmt: skip
        self._append(ORIGIN_SNAPSHOT, run, 1, encode("SnapshotBegin", begin))
        for _ in range(self.random.choice([0, 0, 1, 3])):
            self.commit()  # Between the beginning and the point: part of the snapshot.
        point = {"consistent_point": self.lsn, "slot": "data_embassy", "is_temporary": True}
        self._append(ORIGIN_SNAPSHOT, run, 2, encode("SnapshotPoint", point))
        self.snapshot = Snapshot(run, dict(self.rows), self.beat)
        if self.generation == 1:
            self.slot = len(self.history)

    def end_snapshot(self) -> None:
        """Rows and end of the attempt that began."""
        taken, self.snapshot = self.snapshot, None
        if taken is None:
            return
        data = json.dumps([taken.beat, taken.rows]).encode()
        self._append(
            ORIGIN_SNAPSHOT, taken.run, 3, encode("SnapshotChunk", {"table": 1, "chunk": 1, "rows": 1, "data": data})
        )
        end = {"tables": 1, "rows": 1, "bytes": len(data), "finished_at": 0, "sequences": "[]"}
        self._append(ORIGIN_SNAPSHOT, taken.run, 4, encode("SnapshotEnd", end))

    # -- the home log loses ------------------------------------------------------------------------------------------

    def lose_tail(self, *, keeps_confirmed: bool) -> None:
        """Power loss at home's broker: the end of the topic is gone; whoever writes starts anew."""
        floor = self._confirmed_end() if keeps_confirmed else self.log.low
        cut = self.random.randint(min(floor, self.log.end), self.log.end)
        if cut < self._confirmed_end():
            self.has_lost_confirmed = True
        del self.log.records[cut:]
        self.task = self.stale = self.snapshot = None

    def _confirmed_end(self) -> int:
        """Home offset behind the first appearance of everything that the slot has let go, in whole sessions."""
        if not self.slot:
            return self.log.low
        wanted = encode("End", {
            "transaction": 700 + self.slot - 1, "commit_lsn": self.history[self.slot - 1].lsn,
            "event_count": len(self.history[self.slot - 1].changes),
            "committed_at": 1_700_000_000_000_000 + self.history[self.slot - 1].lsn,
        })  # fmt: skip
        places = [i for i, (_, value) in enumerate(self.log.records) if value == wanted]
        return places[-1] + 1 if places else self.log.end
