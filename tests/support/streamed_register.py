"""A reference register that streams into a standby without Kafka: real decoding, the real applier, a chosen defect.

Both databases are generated from one seed; what people then do in the register comes out of its slot and goes, one
source transaction after the other, into the standby: each in a commit of its own, or, where the assembly of
transactions is disabled on purpose, every change as soon as it is there.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import sql

from consumers import standby
from consumers.apply import Applier, Decoder, prepare_session
from consumers.position import StandbyPosition
from data_embassy.postgres import Connection
from data_embassy.types import Lsn
from deploy.local.compare import compare_databases
from deploy.registers.catalogue import REGISTERS
from deploy.registers.reference import Reference
from tests.support.at_work import AtWork
from tests.support.decoded_register import PgOutput, Transaction
from tests.support.reference_register import SCALE, database
from tests.support.register_pair import Transaction as Changes
from tests.support.register_pair import connect, pieces
from tests.support.system import PlainPostgres

_PUBLICATION = "streamed"
_KEYLESS = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relkind = 'r'
  AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND i.indimmediate)
"""
_MOVE = "UPDATE embassy_local.position SET last_end = %s::pg_lsn, transactions = transactions + 1"
_POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class StreamedRegister:
    """The register, its standby, and how changes get from one to the other."""

    reference: Reference
    home_dsn: str
    standby_dsn: str
    slot: str

    @contextmanager
    def streaming(self, *, is_assembled: bool) -> Iterator[Stream]:
        """Changes flow while the body runs, and until everything that was committed in it is applied."""
        with (
            connect(self.home_dsn, autocommit=True) as decoding,
            connect(self.standby_dsn) as writing,
        ):
            prepare_session(writing)
            stream = Stream(PgOutput(decoding, self.slot, _PUBLICATION), writing, is_assembled=is_assembled)
            with stream:
                yield stream
            stream.catch_up()

    def differences(self) -> list[str]:
        """What differs between both at rest, every row as text."""
        with connect(self.home_dsn) as home, connect(self.standby_dsn) as abroad:
            found = compare_databases(home, abroad)
        return [f"{one.table}: {one.reason}" for one in found if not one.equal]


class Stream(AtWork):
    """What a receiver does, in a thread: `applied` counts source transactions, `commits` those of the standby."""

    def __init__(self, output: PgOutput, writing: Connection, *, is_assembled: bool) -> None:
        self.applied = self.commits = 0
        self._output, self._writing, self._is_assembled = output, writing, is_assembled
        self._applier = Applier(writing)
        super().__init__([self._run])

    def catch_up(self) -> None:
        """Apply what is committed now; only at rest."""
        while found := self._output.transactions():
            self._apply(found)

    def _run(self) -> None:
        while not self._stopping.is_set():
            found = self._output.transactions()
            self._apply(found)
            if not found:
                time.sleep(_POLL_SECONDS)

    def _apply(self, found: list[Transaction]) -> None:
        decoder = Decoder(self._output.schemas)
        for one in found:
            if self._is_assembled:
                self._applier.apply(decoder.decode(one.values, [one.frame]))
            else:
                for values, frames, first in pieces(Changes(one.frame.transaction, one.values), 1):
                    self._applier.apply(decoder.decode(values, frames, first_order=first))
                    self._commit()
            assert one.frame.commit_lsn is not None
            self._writing.execute(_MOVE, (str(Lsn(one.frame.commit_lsn)),))
            self._commit()
            self.applied += 1

    def _commit(self) -> None:
        self._writing.commit()
        self.commits += 1


@contextmanager
def streamed_register(server: PlainPostgres, name: str) -> Iterator[StreamedRegister]:
    """A small reference register with a slot, and a standby that holds the same; gone afterwards."""
    slot = f"streamed_{secrets.token_hex(4)}"
    with database(server) as home, database(server) as abroad:
        for dsn in (home, abroad):
            with psycopg.connect(dsn) as connection:
                REGISTERS[name].generate(connection, scale=SCALE, seed=1)
        with psycopg.connect(home, autocommit=True) as connection:
            for schema, table in connection.execute(_KEYLESS, (name,)).fetchall():
                relation = sql.Identifier(str(schema), str(table))
                connection.execute(sql.SQL("ALTER TABLE {} REPLICA IDENTITY FULL").format(relation))
            connection.execute(f"CREATE PUBLICATION {_PUBLICATION} FOR ALL TABLES")
            connection.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", (slot,))
        _begin(home, abroad)
        yield StreamedRegister(REGISTERS[name], home, abroad, slot)
        with psycopg.connect(home, autocommit=True) as connection:
            connection.execute("SELECT pg_drop_replication_slot(%s)", (slot,))


def _begin(home: str, abroad: str) -> None:
    """The standby's position behind a snapshot."""
    with psycopg.connect(home) as connection:
        row = connection.execute("SELECT pg_current_wal_lsn()::text").fetchone()
    assert row is not None
    with connect(abroad) as connection:
        standby.prepare(connection)
        standby.insert_position(
            connection,
            StandbyPosition(
                generation=1, attempt=1, incarnation=1, home_offset=0, lane_offset=0, system_identifier="1", timeline=1,
                last_end=Lsn.parse(row[0]),
            ),
        )  # fmt: skip
