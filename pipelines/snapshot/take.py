"""The steps of a snapshot, in their order (stream-v1 section 7)."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, Final

from data_embassy.config import Register, Site, Source
from data_embassy.errors import ContractError
from data_embassy.failpoint import hit
from data_embassy.kafka import ensure_topics, home_topics
from data_embassy.postgres import Connection, connect
from pipelines.snapshot import dump, source
from pipelines.snapshot.asking import Answers, Asking
from pipelines.snapshot.differing import Differing
from pipelines.snapshot.errors import SnapshotDisturbed, SnapshotRefused
from pipelines.snapshot.generation import Attempt, following, last_attempt, remember
from pipelines.snapshot.plan import Table
from pipelines.snapshot.reader import LOCK_TIMEOUT, WORKERS, hold, keep, read_tables
from pipelines.snapshot.rows import write_section, write_tables
from pipelines.snapshot.slot import ExportedSlot, create_slot
from pipelines.snapshot.telling import Telling
from pipelines.snapshot.words import Options, Progress, Report, Taken
from pipelines.snapshot.writer import RecordWriter

_APPLICATION: Final = "data-embassy snapshot"
_LOCK: Final = b"SELECT pg_try_advisory_lock(hashtextextended('data_embassy snapshot', 0))"
_FREE_ATTEMPTS: Final = 1
"""Attempts that make nobody wait. A register that truncates a table every minute would disturb all of them."""


def take_snapshot(
    site: Site,
    register: Register,
    *,
    report: Report,
    options: Options | None = None,
    answers: Answers | None = None,
) -> Taken:
    """Write a complete generation into the register's home topic.

    `answers`: hear the embassy, and send only what its standby does not hold already. Raises SnapshotRefused,
    SlotTimeout, TransportError, ContractError, BaseRefused, and SnapshotDisturbed when the schema changed in every
    attempt. Killed at any point it is run again: that is a new attempt of the same generation.
    """
    chosen = options or Options()
    if register.source is None:
        raise ContractError(f"{register.name} has no source at this site", remedy="run this at home")
    with connect(register.source.capture, application_name=_APPLICATION, autocommit=True) as look:
        if not _value(look, _LOCK):
            raise SnapshotRefused(f"another snapshot of {register.name} is being taken", remedy="wait for it to end")
        source.check_prepared(look, register.name, register.source)
        source.refuse_excluded(source.tables(look), register)
        ensure_topics(site.kafka, home_topics(register))
        attempt = following(last_attempt(site, register, given=chosen.after_generation))
        for left in range(chosen.attempts_max - 1, -1, -1):
            remember(site, register, attempt)
            try:
                return _Attempt(
                    site=site,
                    register=register,
                    origin=register.source,
                    look=look,
                    attempt=attempt,
                    options=chosen,
                    report=report,
                    is_holding=chosen.attempts_max - left > _FREE_ATTEMPTS,
                    answers=answers,
                ).take()
            except SnapshotDisturbed as error:
                if not left:
                    raise
                report(
                    Progress(
                        phase="disturbed",
                        message=f"{error.message}: a new attempt begins; TRUNCATE and schema changes wait for it",
                    )
                )
                attempt = following(attempt)
    raise AssertionError("unreachable")


def _value(connection: Connection, query: bytes) -> Any:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


class _Attempt:
    """One attempt at a generation."""

    def __init__(
        self,
        *,
        site: Site,
        register: Register,
        origin: Source,
        look: Connection,
        attempt: Attempt,
        options: Options,
        report: Report,
        is_holding: bool,
        answers: Answers | None,
    ) -> None:
        self._site = site
        self._register = register
        self._source = origin
        self._look = look
        self._attempt = attempt
        self._options = options
        self._is_holding = is_holding
        self._answers = answers
        self._telling = Telling(report)
        self._totals = self._telling.totals
        self._tables: list[Table] = []

    def take(self) -> Taken:
        """All steps; each says why it stands where it stands."""
        with ExitStack() as stack:
            target = self._source.capture
            replication = stack.enter_context(
                connect(target, application_name=_APPLICATION, autocommit=True, replication=True)
            )
            under, *readers = [
                stack.enter_context(connect(target, application_name=_APPLICATION, autocommit=True))
                for _ in range(1 + WORKERS)
            ]
            writer = stack.enter_context(
                RecordWriter(self._site.kafka, self._register.changes_topic, self._attempt.run)
            )
            # (1) SnapshotBegin is acknowledged before the slot exists: every change after the consistent point, read
            # from whichever slot, is appended behind it.
            self._begin(writer, replication)
            # (2) The slot, its consistent point, its snapshot.
            slot = self._make_slot(replication)
            writer.write(
                "SnapshotPoint",
                {
                    "consistent_point": int(slot.consistent_point),
                    "slot": slot.name,
                    "is_temporary": slot.is_temporary,
                },
            )
            writer.wait()
            hit("after-point")
            # (3) Under the snapshot: what there is.
            source.import_snapshot(under, slot.snapshot)
            self._tables = source.tables(under)
            source.refuse_excluded(self._tables, self._register)
            self._telling.expect(self._tables)
            mark = source.ddl_mark(under)
            if self._is_holding:
                keep(under, self._tables)
                for reader in readers:
                    hold(reader, slot.snapshot, self._tables)
            differing = self._differing(writer, slot, readers[0])
            # (4) The schema. pg_dump reads much of the catalog as it is now, not as it was under the snapshot.
            sections = self._dump(under, slot)
            source.check_undisturbed(self._look, mark)
            write_section(writer, "pre-data", sections.pre_data)
            hit("after-pre-data")
            # (5) The rows.
            if differing is None:
                write_tables(
                    writer,
                    read_tables(readers, slot.snapshot, self._tables, are_held=self._is_holding),
                    self._telling,
                )
            else:
                write_tables(writer, differing.items(self._tables), self._telling)
            hit("after-tables")
            write_section(writer, "post-data", sections.post_data)
            # (6) A schema change since the snapshot may have renamed a column while its table was read.
            source.check_undisturbed(self._look, mark)
            # (7) A generation that may be complete is never tried again: if this process dies now, the next run takes
            # a generation of its own.
            done = Attempt(generation=self._attempt.generation, attempt=self._attempt.attempt, is_complete=True)
            remember(self._site, self._register, done)
            hit("before-end")
            self._write_end(writer, under)
            writer.wait()
        hit("after-end")
        return Taken(
            generation=self._attempt.generation,
            attempt=self._attempt.attempt,
            consistent_point=slot.consistent_point,
            is_temporary=slot.is_temporary,
            tables=len(self._tables),
            rows=self._totals.rows,
            bytes=self._totals.bytes,
            seconds=self._telling.seconds,
            rows_kept=self._totals.rows_kept,
        )

    def _differing(self, writer: RecordWriter, slot: ExportedSlot, session: Connection) -> Differing | None:
        """Agree with the embassy on the base, where only what differs is to be sent."""
        if self._answers is None:
            return None
        if not self._is_holding:  # Otherwise it stands under the snapshot already, and keeps the tables.
            source.import_snapshot(session, slot.snapshot)
        session.execute(LOCK_TIMEOUT)
        asking = Asking(
            writer,
            self._answers,
            register=self._register.name,
            attempt=self._attempt.attempt,
            silence_seconds_max=self._options.silence_seconds_max,
        )
        differing = Differing(
            session, self._look, asking=asking, tell=lambda message: self._telling.tell("compare", message)
        )
        differing.agree(writer)
        hit("after-base")
        return differing

    def _begin(self, writer: RecordWriter, replication: Connection) -> None:
        system = replication.execute("IDENTIFY_SYSTEM").fetchone()
        assert system is not None
        fields = source.describe(self._look) | {"system_identifier": system[0], "timeline": int(system[1])}
        writer.write("SnapshotBegin", fields)
        writer.wait()
        self._telling.tell("begin", f"generation {self._attempt.generation}, attempt {self._attempt.attempt}")
        hit("after-begin")

    def _make_slot(self, replication: Connection) -> ExportedSlot:
        """The permanent slot where there is none; a temporary one beside it.

        A permanent slot that an earlier attempt left is kept: it begins before the new consistent point, and a
        standby drops what lies between. One that lost its WAL can serve nobody and is replaced.
        """
        state = source.slot_state(self._look, self._source)
        if state is not None and not state.is_usable:
            source.drop_slot(self._look, self._source)
            state = None
        is_temporary = state is not None
        name = f"data_embassy_snapshot_{replication.info.backend_pid}" if is_temporary else self._source.slot
        slot = create_slot(
            replication,
            self._look,
            name=name,
            is_temporary=is_temporary,
            seconds_max=self._options.slot_seconds_max,
            report=lambda message: self._telling.tell("slot", message),
        )
        hit("after-slot")
        kind = "temporary" if is_temporary else "permanent"
        self._telling.tell("slot", f"{kind} slot, consistent point {slot.consistent_point}")
        return slot

    def _dump(self, under: Connection, slot: ExportedSlot) -> dump.Sections:
        major = under.info.server_version // 10000
        sections = dump.dump(self._source.capture, slot.snapshot, programs=dump.find_programs(major))
        self._telling.tell("schema", f"{len(self._tables)} tables")
        return dump.Sections(
            pre_data=sections.pre_data,
            post_data=dump.role_sql(source.policy_roles(under))
            + sections.post_data
            + dump.refresh_sql(source.materialized_views(under)),
        )

    def _write_end(self, writer: RecordWriter, under: Connection) -> None:
        writer.write(
            "SnapshotEnd",
            {
                "tables": len(self._tables),
                "rows": self._totals.rows,
                "bytes": self._totals.bytes,
                "finished_at": source.clock(self._look),
                "sequences": source.sequences(under),
            },
        )
