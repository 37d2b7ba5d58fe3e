"""A snapshot that sends only what the standby does not hold already (stream-v1 section 7.1).

Under the exported snapshot home digests its tables, asks the embassy for the digests of the same ranges of its
standby, and cuts what differs. What is equal is told as kept; the rest is sent as in any other snapshot. At the end
every table is digested whole, as ever: the embassy compares what it put together with that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from data_embassy.errors import TransportError
from data_embassy.postgres import Connection
from pipelines.snapshot.asking import Asking
from pipelines.snapshot.errors import SnapshotDisturbed
from pipelines.snapshot.plan import Table, chunks
from pipelines.snapshot.reader import Chunk, TableDone, check_size, copy_where, digest_of
from pipelines.snapshot.segments import Kept, Open, Search, batches
from pipelines.snapshot.writer import RecordWriter
from schemas.content import Content, Moved, Name, Sums, parse_sums
from schemas.digest import Algorithm
from schemas.ranges import Cut, condition

CUTS_PER_QUESTION: Final = 128
"""Each has up to 32 parts: a question of some 50 kB, an answer of some 200 kB."""
_DAMAGED: Final = TransportError("the embassy's answer cannot be read", remedy="upgrade both sites, then run it again")


class Differing:
    """What differs between the register under the snapshot and the embassy's standby."""

    def __init__(
        self,
        under: Connection,
        look: Connection,
        *,
        asking: Asking,
        tell: Callable[[str], None],
    ) -> None:
        """`under` stands inside a transaction of the exported snapshot, and nobody else reads with it."""
        self._under, self._asking, self._tell = under, asking, tell
        self._content = Content(under, look)
        self._algorithm = Algorithm.HASH
        self._theirs: Mapping[Name, tuple[Any, Any]] = {}

    def agree(self, writer: RecordWriter) -> None:
        """Hear what the embassy has, and name it as the base; raises BaseRefused, BaseSilent."""
        answer = self._asking.ask({"kind": "base"})
        try:
            base = {name: int(answer[name]) for name in ("generation", "attempt", "commit_lsn")}
            self._algorithm = Algorithm.between(self._content.server_version, int(answer["server_version"]))
            self._theirs = {(one[0], one[1]): (one[2], one[3]) for one in answer["tables"]}
        except (KeyError, ValueError, TypeError, IndexError):
            raise _DAMAGED from None
        writer.write("SnapshotBase", base)
        self._tell(f"compares with generation {base['generation']}.{base['attempt']} at the embassy")

    def items(self, tables: Sequence[Table]) -> Iterator[Chunk | Kept | TableDone]:
        """All rows of all tables, sent or kept; a table's rows come before its TableDone. Raises SnapshotDisturbed."""
        for table in tables:
            try:
                yield from self._table(table)
            except Moved:
                raise SnapshotDisturbed(f"{table.quoted} was truncated, rewritten or altered meanwhile") from None

    def _table(self, table: Table) -> Iterator[Chunk | Kept | TableDone]:
        search = self._search(table)
        segments = list(search.segments())
        kept = [one for one in segments if one.is_kept]
        sent = [one.within for one in segments if not one.is_kept]
        for part in batches(kept):
            yield Kept(
                table=table,
                key=search.key,
                ranges=tuple(one.within for one in part),
                rows=sum(one.rows for one in part),
            )
        rows = (row for within in sent for row in copy_where(self._under, table, condition(search.key, within)))
        for data, count in chunks(rows):
            check_size(table, data)
            yield Chunk(table=table, data=data, rows=count)
        yield digest_of(self._under, table)

    def _search(self, table: Table) -> Search:
        name = table.relation_schema, table.relation_name
        mine = self._content.tables.get(name)
        if mine is None:
            raise Moved
        key = [[column.name, column.type_text] for column in mine.key]
        search = Search(table, mine.key)
        if self._theirs.get(name) != (list(mine.columns), key):
            # New, or of another form: nothing of it can be kept.
            for one in search.next_round():
                search.send(one)
            return search
        while ready := search.next_round():
            self._tell(f"{table.quoted}: {len(ready)} ranges to compare")
            groups = [ready[at : at + CUTS_PER_QUESTION] for at in range(0, len(ready), CUTS_PER_QUESTION)]
            cuts = self._cuts(search, groups[0])
            for following in (*groups[1:], ()):
                cuts = self._compare(search, cuts, following)
        return search

    def _cuts(self, search: Search, ready: Sequence[Open]) -> list[Cut[Open]]:
        return [cut for one in ready if (cut := self._cut(search, one)) is not None]

    def _cut(self, search: Search, one: Open) -> Cut[Open] | None:
        if not one.rows:
            return Cut(one, ())  # Nothing is known of it yet.
        bounds = self._content.bounds(one.name, one.within, one.rows)
        if not bounds:
            search.send(one)
            return None
        return Cut(one, bounds)

    def _compare(self, search: Search, cuts: Sequence[Cut[Open]], following: Sequence[Open]) -> list[Cut[Open]]:
        """Ask about these; returns the cuts of the following, which home makes while the embassy reads."""
        if not cuts:
            return self._cuts(search, following)
        mine: list[list[Sums]] = []
        coming: list[Cut[Open]] = []

        def read() -> None:
            mine.extend(
                self._content.parts(cut.open.name, cut.open.within, cut.bounds, self._algorithm) for cut in cuts
            )
            coming.extend(self._cuts(search, following))

        question = {
            "kind": "ranges",
            "algorithm": self._algorithm.value,
            "ranges": [cut.as_json() for cut in cuts],
        }
        answer = self._asking.ask(question, meanwhile=read)
        try:
            theirs = [None if one is None else parse_sums(one) for one in answer["ranges"]]
            for cut, here, there in zip(cuts, mine, theirs, strict=True):
                search.learn(cut, here, there)
        except (KeyError, ValueError, TypeError):
            raise _DAMAGED from None
        return coming
