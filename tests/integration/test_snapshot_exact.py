"""A snapshot beside writers holds exactly the transactions up to its consistent point, whatever comes between."""

import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

import psycopg
import pytest

from data_embassy.config import Excluded, Terms
from pipelines.snapshot import Options, Progress, SlotTimeout, SnapshotDisturbed, SnapshotRefused, take_snapshot
from pipelines.snapshot import source as steps
from tests.support.prepared_register import PreparedRegister, contents, prepared_register, records, standby
from tests.support.system import PlainPostgres

SCHEMA = """
CREATE TABLE log_a (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tx bigint NOT NULL, filler text);
CREATE TABLE log_b (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tx bigint NOT NULL);
CREATE TABLE keyless (tx bigint NOT NULL);
CREATE TABLE counter (id integer PRIMARY KEY, value bigint NOT NULL);
INSERT INTO counter SELECT n, 0 FROM generate_series(1, 50) n;
INSERT INTO log_a (tx, filler) SELECT 0, repeat('x', 200) FROM generate_series(1, 60000);
"""
TRANSACTION = """
INSERT INTO log_a (tx, filler) SELECT pg_current_xact_id()::text::bigint, 'y' FROM generate_series(1, 20);
INSERT INTO log_b (tx) SELECT pg_current_xact_id()::text::bigint FROM generate_series(1, 3);
INSERT INTO keyless VALUES (pg_current_xact_id()::text::bigint);
UPDATE counter SET value = value + 1 WHERE id = 1 + (pg_current_xact_id()::text::bigint % 50);
"""


@pytest.fixture
def register(postgres: PlainPostgres, broker: str, tmp_path) -> Iterator[PreparedRegister]:
    with prepared_register(postgres, tmp_path, bootstrap=broker, schema=SCHEMA) as one:
        yield one


@contextmanager
def writers(register: PreparedRegister, count: int = 3) -> Iterator[None]:
    ended = threading.Event()
    begun = threading.Barrier(count + 1)

    def write() -> None:
        with register.connect() as connection:
            connection.execute(TRANSACTION)
            begun.wait(30)
            while not ended.wait(0.002):
                connection.execute(TRANSACTION)

    threads = [threading.Thread(target=write) for _ in range(count)]
    for thread in threads:
        thread.start()
    begun.wait(30)
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join(30)


def decoded_transactions(register: PreparedRegister) -> set[int]:
    """Transactions that the permanent slot will still send: pgoutput's Begin holds the xid."""
    with register.connect() as connection:
        rows = connection.execute(
            "SELECT data FROM pg_logical_slot_peek_binary_changes(%s, NULL, NULL, 'proto_version', '1', "
            "'publication_names', 'data_embassy')",
            (register.register.source.slot,),  # type: ignore[union-attr]
        )
        return {struct.unpack(">I", row[0][17:21])[0] for row in rows if row[0][:1] == b"B"}


def quiet(_: Progress) -> None:
    return None


def test_beside_writers_it_is_exact(register: PreparedRegister, broker: str, postgres: PlainPostgres, tmp_path):
    with writers(register):
        taken = take_snapshot(register.site, register.register, report=quiet)
    with standby(postgres, tmp_path) as one:
        progress = one.load(records(broker, register.register.changes_topic))
        assert progress.is_complete
        assert progress.consistent_point == taken.consistent_point
        with one.connect() as connection:
            tables = [
                {row[0]: row[1] for row in connection.execute(query)}
                for query in (
                    b"SELECT tx, count(*) FROM public.log_a WHERE tx > 0 GROUP BY tx",
                    b"SELECT tx, count(*) FROM public.log_b GROUP BY tx",
                    b"SELECT tx, count(*) FROM public.keyless GROUP BY tx",
                )
            ]
            (increments,) = connection.execute(b"SELECT sum(value)::bigint FROM public.counter").fetchone() or (None,)
    later = decoded_transactions(register)
    everything = {row[0] for row in register.query("SELECT DISTINCT tx FROM log_b")}
    assert later & everything, "the writers wrote nothing after the consistent point: the test shows nothing"
    expected = everything - later
    assert expected
    assert tables == [dict.fromkeys(expected, count) for count in (20, 3, 1)]
    assert increments == len(expected)


def during(phase: str, act) -> object:
    """A report that acts once, in a phase of the first attempt."""
    left = [act]

    def report(progress: Progress) -> None:
        if progress.phase == phase and left:
            left.pop()()

    return report


@pytest.mark.parametrize(
    ("phase", "script"),
    [
        ("slot", "TRUNCATE log_a"),
        ("slot", "ALTER TABLE log_a ALTER tx TYPE numeric"),
        ("slot", "CREATE TABLE another (id integer PRIMARY KEY)"),
        ("schema", "VACUUM FULL log_a"),
        ("schema", "ALTER TABLE counter RENAME value TO worth"),
        ("schema", "DROP TABLE keyless"),
        ("schema", "DROP TABLE log_b; CREATE TABLE log_b (id bigint PRIMARY KEY, tx bigint)"),
        ("rows", "ALTER TABLE counter ADD COLUMN more integer DEFAULT 1"),
    ],
)
def test_what_disturbs_it_begins_a_new_attempt(
    register: PreparedRegister, *, broker: str, postgres: PlainPostgres, tmp_path, phase: str, script: str
):
    report = during(phase, lambda: register.run(script))
    taken = take_snapshot(register.site, register.register, report=report)  # type: ignore[arg-type]
    assert (taken.generation, taken.attempt) == (1, 2)
    with standby(postgres, tmp_path) as one:
        found = records(broker, register.register.changes_topic)
        assert one.load([record for record in found if record[0].run == found[-1][0].run]).is_complete
        assert contents(postgres.dsn(register.register.name)) == contents(postgres.dsn(one.database))


def test_endless_schema_changes_end_it(register: PreparedRegister):
    def disturb(progress: Progress) -> None:
        if progress.phase == "schema":
            register.run("COMMENT ON TABLE counter IS 'again'")

    with pytest.raises(SnapshotDisturbed):
        take_snapshot(register.site, register.register, report=disturb, options=Options(attempts_max=2))


def test_a_slot_that_waits_too_long_names_who_holds_it_up(register: PreparedRegister):
    told: list[str] = []
    with register.connect() as blocker:
        blocker.execute("SET application_name = 'long batch'")
        blocker.execute("BEGIN; INSERT INTO keyless VALUES (1)")
        with pytest.raises(SlotTimeout, match="long batch"):
            take_snapshot(
                register.site,
                register.register,
                report=lambda progress: told.append(progress.message),
                options=Options(slot_seconds_max=3),
            )
        blocker.execute("ROLLBACK")
    assert any("waits for older transactions" in message for message in told)
    assert register.query("SELECT * FROM pg_replication_slots WHERE database = current_database()") == []
    assert take_snapshot(register.site, register.register, report=quiet).attempt == 2


def test_a_prepared_transaction_is_named_too(register: PreparedRegister):
    register.run("BEGIN; INSERT INTO keyless VALUES (1); PREPARE TRANSACTION 'held'")
    try:
        with pytest.raises(SlotTimeout, match="prepared transaction"):
            take_snapshot(register.site, register.register, report=quiet, options=Options(slot_seconds_max=3))
    finally:
        register.run("ROLLBACK PREPARED 'held'")


def test_a_slot_that_lost_its_log_is_replaced(register: PreparedRegister, monkeypatch: pytest.MonkeyPatch):
    take_snapshot(register.site, register.register, report=quiet)
    real = steps.slot_state

    def lost(connection, origin):
        monkeypatch.setattr(steps, "slot_state", real)
        return steps.SlotState(is_usable=False, is_active=False)

    monkeypatch.setattr(steps, "slot_state", lost)
    taken = take_snapshot(register.site, register.register, report=quiet)
    assert (taken.generation, taken.is_temporary) == (2, False)


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("DROP PUBLICATION data_embassy", "does not exist"),
        ("ALTER PUBLICATION data_embassy SET (publish = 'insert')", "leaves out an operation"),
        ("ALTER EVENT TRIGGER data_embassy_sql_drop DISABLE", "data_embassy_sql_drop"),
        ("ALTER EVENT TRIGGER data_embassy_ddl_command_end DISABLE; CREATE TABLE late (id integer)", "public.late"),
        ("DROP SCHEMA data_embassy CASCADE", "schema data_embassy is missing"),
    ],
)
def test_an_unprepared_register_is_refused_before_anything_is_written(
    register: PreparedRegister, broker: str, script: str, complaint: str
):
    register.run(script)
    with pytest.raises(SnapshotRefused, match=complaint):
        take_snapshot(register.site, register.register, report=quiet)
    assert not (register.site.state / "snapshot").exists()


def test_rows_that_stay_at_home_by_contract_are_never_sent(register: PreparedRegister):
    register.run("CREATE TABLE held (id integer PRIMARY KEY); INSERT INTO held VALUES (1)")
    agreed = Terms(excluded=(Excluded(table="public.held", reason="r", promotion="p"),))
    contract = replace(register.register, terms=agreed)
    with pytest.raises(SnapshotRefused, match=r"public\.held") as refused:
        take_snapshot(register.site, contract, report=quiet)
    assert "register check" in refused.value.remedy
    assert not (register.site.state / "snapshot").exists()

    def log_it_again(progress: Progress) -> None:
        if progress.phase == "begin":
            register.run("ALTER TABLE held SET LOGGED")

    register.run("ALTER TABLE held SET UNLOGGED")
    with pytest.raises(SnapshotRefused, match=r"public\.held"):
        take_snapshot(register.site, contract, report=log_it_again)
    register.run("ALTER TABLE held SET UNLOGGED")
    assert take_snapshot(register.site, contract, report=quiet).generation == 1


def test_two_snapshots_at_once_are_refused(register: PreparedRegister):
    def second(progress: Progress) -> None:
        if progress.phase == "begin":
            with pytest.raises(SnapshotRefused, match="another snapshot"):
                take_snapshot(register.site, register.register, report=quiet)
            raise KeyboardInterrupt

    with suppress(KeyboardInterrupt):
        take_snapshot(register.site, register.register, report=second)


def test_a_lost_state_file_is_read_from_the_topic(register: PreparedRegister, broker: str):
    take_snapshot(register.site, register.register, report=quiet)
    (register.site.state / "snapshot" / f"{register.register.name}.json").unlink()
    assert take_snapshot(register.site, register.register, report=quiet).generation == 2


def test_another_role_sees_no_more_than_it_should(register: PreparedRegister):
    with register.connect(user="data_embassy_pulse") as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("SELECT * FROM log_a")
