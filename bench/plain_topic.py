"""What a plain connector left in its topic, held against what was committed: Debezium's frames, read as they are."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bench.known_work import Change

VERDICTS: Final = ("missing", "repeated", "never committed", "never whole", "gathered", "invisible", "doubtful")
"""Changes that never came, came again, or belong to no transaction; transactions that never stood whole in a frame, and
of these: whose pieces can be gathered over restarts by their numbers; whose pieces agree with their END although some
changes are missing; whose pieces do not agree with it."""


@dataclass(slots=True)
class _Frame:
    """From a BEGIN on."""

    transaction: int
    changes: list[Change] = field(default_factory=list)


@dataclass(slots=True)
class _Seen:
    """All that was delivered of one transaction, wherever it stood."""

    changes: Counter[Change] = field(default_factory=Counter)
    orders: set[int] = field(default_factory=set)
    counts: set[int] = field(default_factory=set)
    is_whole: bool = False
    """Its changes, and nothing else, stood between a BEGIN and an END that counts them."""


class PlainReader:
    """Reads the topic in its order; one partition holds changes and frames."""

    def __init__(self, known: Mapping[int, list[Change]]) -> None:
        self._known = known
        self._open: _Frame | None = None
        self._seen: dict[int, _Seen] = {}
        self.frames = Counter[str]()
        self.state: dict[tuple[str, tuple[int, ...]], tuple[object, ...]] = {}
        """What a consumer holds that applies each change as it comes, by key."""

    def read(self, values: Iterable[bytes]) -> None:
        """Feed the topic from its beginning."""
        for value in values:
            record = json.loads(value)
            if "status" in record:
                self._frame(record)
            else:
                self._change(record)

    def _frame(self, record: dict[str, Any]) -> None:
        transaction = int(record["id"].partition(":")[0])
        if record["status"] == "BEGIN":
            if self._open is not None:
                self.frames["BEGIN while another transaction is open"] += 1
            self._open = _Frame(transaction)
            return
        done, self._open = self._open, None
        seen = self._of(transaction)
        seen.counts.add(record["event_count"])
        if done is None or done.transaction != transaction:
            self.frames["END without its BEGIN"] += 1
        elif len(done.changes) != record["event_count"]:
            self.frames["END that counts other than came since its BEGIN"] += 1
        elif Counter(done.changes) == Counter(self._known.get(transaction, ())):
            seen.is_whole = True
        else:
            self.frames["BEGIN to END that agree, but are not what was committed"] += 1

    def _change(self, record: dict[str, Any]) -> None:
        table, op, before, after = record["source"]["table"], record["op"], record["before"], record["after"]
        row = after if op != "d" else before
        if table == "entry":
            key: tuple[int, ...] = (row["tx"], row["n"])
            change: Change = (table, op, row["tx"], row["n"], 0)
        else:
            key = (row["id"],)
            change = (table, op, row["id"], row["tx"], row["n"])
        if op == "d":
            self.state.pop((table, key), None)
        else:
            self.state[table, key] = tuple(row.values())
        where = record["transaction"]
        seen = self._of(int(where["id"].partition(":")[0]))
        seen.changes[change] += 1
        seen.orders.add(where["total_order"])
        if self._open is None:
            self.frames["change outside a transaction"] += 1
        else:
            self._open.changes.append(change)

    def _of(self, transaction: int) -> _Seen:
        return self._seen.setdefault(transaction, _Seen())

    def verdict(self) -> dict[str, int]:
        """Counts for the report."""
        found = Counter[str](dict.fromkeys(VERDICTS, 0))
        for transaction, changes in self._known.items():
            wanted, seen = Counter(changes), self._seen.get(transaction, _Seen())
            missing = sum((wanted - Counter(dict.fromkeys(seen.changes, 1))).values())
            found["missing"] += missing
            found["repeated"] += sum(number - 1 for number in seen.changes.values())
            found["never committed"] += len(seen.changes.keys() - wanted.keys())
            if seen.is_whole:
                continue
            found["never whole"] += 1
            is_counted = len(seen.counts) == 1 and seen.orders == set(range(1, next(iter(seen.counts)) + 1))
            if is_counted and not missing:
                found["gathered"] += 1
            elif is_counted:
                found["invisible"] += 1
            else:
                found["doubtful"] += 1
        return dict(found)
