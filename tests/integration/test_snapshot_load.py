"""A snapshot of a register with one of everything, loaded: every row of every table is equal."""

import json
from collections import Counter
from pathlib import Path

import pytest

from consumers.load import AttemptSuperseded, GenerationLoader, LoadDivergence, LoadFailed
from data_embassy.errors import StreamError
from deploy.local.machine import wait_until
from pipelines.snapshot import Options, Progress, take_snapshot
from schemas.records import RecordKey, decode, encode
from tests.support.prepared_register import (
    PreparedRegister,
    Record,
    Standby,
    contents,
    prepared_register,
    records,
    standby,
)
from tests.support.system import PlainPostgres

SCHEMA = (Path(__file__).parents[1] / "support" / "odd_schema.sql").read_text(encoding="utf-8")
ODD = 'Ünïcode "schema" \\ % $1'


@pytest.fixture(scope="module")
def register(postgres: PlainPostgres, broker: str, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("home")
    with prepared_register(postgres, folder, bootstrap=broker, schema=SCHEMA) as one:
        yield one


@pytest.fixture(scope="module")
def reports() -> list[Progress]:
    return []


@pytest.fixture(scope="module")
def snapshot(register: PreparedRegister, broker: str, reports: list[Progress]) -> list[Record]:
    taken = take_snapshot(register.site, register.register, report=reports.append)
    assert (taken.generation, taken.attempt, taken.is_temporary) == (1, 1, False)
    return records(broker, register.register.changes_topic)


@pytest.fixture(scope="module")
def loaded(postgres: PlainPostgres, snapshot: list[Record], tmp_path_factory: pytest.TempPathFactory):
    with standby(postgres, tmp_path_factory.mktemp("embassy")) as one:
        assert one.load(snapshot).is_complete
        yield one


def test_records_are_numbered_without_a_hole(snapshot: list[Record]):
    assert [key for key, _ in snapshot] == [RecordKey(2, 1 << 32 | 1, n) for n in range(1, len(snapshot) + 1)]
    names = Counter(decode(value)[0] for _, value in snapshot)
    assert names["SnapshotTable"] == names["SnapshotTableEnd"] > 20
    assert [decode(value)[0] for _, value in (snapshot[0], snapshot[1], snapshot[-1])] == [
        "SnapshotBegin",
        "SnapshotPoint",
        "SnapshotEnd",
    ]


def test_every_row_of_every_table_is_equal(register: PreparedRegister, loaded: Standby, postgres: PlainPostgres):
    here, there = contents(postgres.dsn(register.register.name)), contents(postgres.dsn(loaded.database))
    assert here.keys() == there.keys()
    assert [name for name in here if here[name] != there[name]] == []
    assert sum(map(len, here.values())) > 30_000


def test_the_schema_is_equal(register: PreparedRegister, loaded: Standby, postgres: PlainPostgres):
    query = """
        SELECT n.nspname, c.relname, c.relkind::text, c.relreplident::text, c.relpersistence::text, a.attname,
               a.atttypid::regtype::text, a.attidentity::text, a.attgenerated::text, pg_get_expr(d.adbin, d.adrelid)
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
          LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
          LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
         WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'embassy_local')
        UNION ALL SELECT conrelid::regclass::text, conname, contype::text, convalidated::text, condeferrable::text,
               pg_get_constraintdef(oid), '', '', '', '' FROM pg_constraint
         WHERE conrelid <> 0 AND connamespace <> 'embassy_local'::regnamespace::oid
        UNION ALL SELECT schemaname, tablename, policyname, roles::text, qual, '', '', '', '', '' FROM pg_policies
        ORDER BY 1, 2, 3, 4, 5, 6
    """
    here = register.query(query.replace("'embassy_local'::regnamespace::oid", "0"))
    with loaded.connect(autocommit=True) as connection:
        connection.execute("RESET search_path")
        there = connection.execute(query.encode()).fetchall()
    assert here == there


def test_publications_and_own_event_triggers_are_not_in_the_standby(loaded: Standby):
    with loaded.connect(autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM pg_publication").fetchone() == (0,)
        assert connection.execute("SELECT evtname, evtenabled::text FROM pg_event_trigger").fetchall() == [
            ("someones", "D")
        ]


def test_what_would_fire_is_disabled_and_remembered(loaded: Standby):
    with loaded.connect(autocommit=True) as connection:
        remembered = connection.execute(
            "SELECT kind, name, enabled::text FROM embassy_local.disabled ORDER BY 1"
        ).fetchall()
        connection.execute("SET session_replication_role = replica")
        connection.execute(f"""INSERT INTO "{ODD.replace('"', '""')}".audited VALUES (9, 'y')""".encode())
        audits = connection.execute(f"""SELECT count(*) FROM "{ODD.replace('"', '""')}".audit""".encode()).fetchone()
        connection.execute(f"""DELETE FROM "{ODD.replace('"', '""')}".audited WHERE id = 9""".encode())
    assert remembered == [("event trigger", "someones", "A"), ("rule", "always_rule", "A"), ("trigger", "always", "A")]
    assert audits == (2,)


def test_sequences_have_their_state(loaded: Standby):
    quoted = '"' + ODD.replace('"', '""') + '"'
    with loaded.connect(autocommit=True) as connection:
        found = [
            connection.execute(f"SELECT last_value, is_called FROM {quoted}.{name}".encode()).fetchone()
            for name in ("never_called", "called", "was_set")
        ]
    assert found == [(7, False), (2, True), (100, False)]


def test_progress_counts_to_the_end(reports: list[Progress], snapshot: list[Record]):
    last = [report for report in reports if report.phase == "rows"][-1]
    end = decode(snapshot[-1][1])[1]
    assert (last.tables_done, last.rows, last.bytes) == (end["tables"], end["rows"], end["bytes"])
    assert json.loads(end["sequences"])


def test_a_load_resumes_where_it_was_committed(
    postgres: PlainPostgres, register: PreparedRegister, snapshot: list[Record], tmp_path
):
    with standby(postgres, tmp_path) as one:
        one.open(snapshot[0])
        start = 0
        while start < len(snapshot):
            batch = snapshot[max(0, start - 3) : start + 11]  # Some of them are repeats.
            with one.connect() as connection:  # Killed before its commit: nothing of it stays.
                GenerationLoader(connection).take(batch)
                connection.rollback()
            with one.connect() as connection:
                progress = GenerationLoader(connection).take(batch)
                connection.commit()
            start = progress.n
        assert one.load(snapshot).is_complete
        assert contents(postgres.dsn(register.register.name)) == contents(postgres.dsn(one.database))


def test_a_missing_record_is_refused(postgres: PlainPostgres, snapshot: list[Record], tmp_path):
    with standby(postgres, tmp_path) as one:
        one.open(snapshot[0])
        with one.connect() as connection, pytest.raises(StreamError, match="missing"):
            GenerationLoader(connection).take([*snapshot[:6], *snapshot[7:]])


@pytest.mark.parametrize("damage", ["digest", "row"])
def test_other_rows_than_the_snapshot_states_are_a_divergence(
    postgres: PlainPostgres, snapshot: list[Record], tmp_path, damage: str
):
    def changed(record: Record) -> Record:
        name, fields = decode(record[1])
        if damage == "digest" and name == "SnapshotTableEnd":
            return record[0], encode(name, fields | {"digest": fields["digest"] + "1"})
        if damage == "row" and name == "SnapshotChunk":
            data = fields["data"][: fields["data"].index(b"\n") + 1]
            return record[0], encode(name, fields | {"data": data, "rows": 1})
        return record

    with standby(postgres, tmp_path) as one:
        one.open(snapshot[0])
        with one.connect() as connection, pytest.raises(LoadDivergence):
            GenerationLoader(connection).take(list(map(changed, snapshot)))


def test_a_refusal_tells_no_values(postgres: PlainPostgres, snapshot: list[Record], tmp_path):
    def changed(record: Record) -> Record:
        name, fields = decode(record[1])
        if name == "SnapshotChunk":
            return record[0], encode(name, fields | {"data": b"secret value\n", "rows": 1})
        return record

    with standby(postgres, tmp_path) as one:
        one.open(snapshot[0])
        with one.connect() as connection, pytest.raises(LoadFailed) as refusal:
            GenerationLoader(connection).take(list(map(changed, snapshot)))
    assert "secret" not in refusal.value.diagnostics()
    assert refusal.value.__suppress_context__


def test_a_new_attempt_discards_the_earlier_one(
    postgres: PlainPostgres, register: PreparedRegister, snapshot: list[Record], tmp_path
):
    second = [(RecordKey(key.origin, key.run + 1, key.n), value) for key, value in snapshot]
    with standby(postgres, tmp_path) as one:
        one.load(snapshot[:40])
        with one.connect() as connection, pytest.raises(AttemptSuperseded) as superseded:
            GenerationLoader(connection).take([*snapshot[40:43], second[0]])
        assert superseded.value.run == second[0][0].run
        assert one.load(second).attempt == 2
        assert not one.open(snapshot[0])  # A stale SnapshotBegin changes nothing.
        assert contents(postgres.dsn(register.register.name)) == contents(postgres.dsn(one.database))


def test_a_foreign_database_is_never_dropped(postgres: PlainPostgres, snapshot: list[Record], tmp_path):
    with standby(postgres, tmp_path) as one:
        with one.connect("postgres", autocommit=True) as control:
            control.execute(f"CREATE DATABASE {one.database}".encode())
        with one.connect(autocommit=True) as connection:
            connection.execute("CREATE TABLE public.theirs (id integer)")
        with pytest.raises(LoadFailed, match="no mark"):
            one.open(snapshot[0])


def test_a_new_generation_beside_a_slot_uses_a_temporary_one(
    register: PreparedRegister, snapshot: list[Record], broker: str
):

    def slots() -> list[tuple[object, ...]]:
        return register.query("SELECT slot_name, confirmed_flush_lsn::text FROM pg_replication_slots ORDER BY 1")

    before = slots()
    taken = take_snapshot(register.site, register.register, report=lambda _: None, options=Options())
    assert (taken.generation, taken.attempt, taken.is_temporary) == (2, 1, True)
    # The server drops a temporary slot once it has seen that its session is gone.
    wait_until(lambda: slots() == before, seconds=20, what="only the slot of before is left")
    assert [key.run >> 32 for key, _ in records(broker, register.register.changes_topic)][-1] == 2
