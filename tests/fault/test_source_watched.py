"""Somebody meddles with a register's slot, publication, event triggers or clock: home names each within ten seconds."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.prepare import prepare_sql
from data_embassy.config import Excluded, Terms
from deploy.local.machine import wait_until
from pipelines.pulse import beating
from pipelines.stops import Stop, StopFiles
from tests.support.prepared_register import PreparedRegister, prepared_register
from tests.support.system import PlainPostgres, plain_postgres
from tests.support.watched_source import NOTICED_SECONDS, beat_of, begin_generation, pulsing_live

SLOT = "SELECT pg_create_logical_replication_slot('data_embassy_' || current_database(), 'pgoutput')"
MEDDLING = {
    "SlotMissing": ["SELECT pg_drop_replication_slot('data_embassy_' || current_database())"],
    "PublicationChanged gone": ["DROP PUBLICATION data_embassy"],
    "PublicationChanged again": [
        "DROP PUBLICATION data_embassy",
        "CREATE PUBLICATION data_embassy FOR ALL TABLES WITH (publish_generated_columns = stored)",
    ],
    "PublicationChanged leaves out": ["ALTER PUBLICATION data_embassy SET (publish = 'insert, update')"],
    "PublicationChanged roots": ["ALTER PUBLICATION data_embassy SET (publish_via_partition_root = true)"],
    "PublicationChanged generated": ["ALTER PUBLICATION data_embassy SET (publish_generated_columns = none)"],
    "EventTriggerChanged off": ["ALTER EVENT TRIGGER data_embassy_sql_drop DISABLE"],
    "EventTriggerChanged gone": ["DROP EVENT TRIGGER data_embassy_table_rewrite"],
    "EventTriggerChanged again": [
        "DROP EVENT TRIGGER data_embassy_sql_drop",
        "CREATE EVENT TRIGGER data_embassy_sql_drop ON sql_drop EXECUTE FUNCTION data_embassy.on_ddl()",
        "ALTER EVENT TRIGGER data_embassy_sql_drop ENABLE ALWAYS",
    ],
    "EventTriggersOff": [
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET event_triggers = off', current_database()); END $$",
        (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND "
            "application_name = 'data-embassy pulse'"
        ),
    ],
    "PulseRowLost": ["DELETE FROM data_embassy.pulse"],
    "RegisterWentBack": ["UPDATE data_embassy.pulse SET beat = beat - 2"],
    "RegisterUnprepared": ["DROP FUNCTION data_embassy.beat()"],
}


ONE_OF_EACH = list({case.split()[0]: case for case in MEDDLING}.values())


class Registers:
    """Some registers of one site."""

    def __init__(self, names: list[str], made: list[PreparedRegister], state: Path) -> None:
        self.by_case = dict(zip(names, made, strict=True))
        self.site = replace(made[0].site, state=state, registers={one.register.name: one.register for one in made})
        self.stops = StopFiles(state, "source")
        for one in made:
            one.run(SLOT)
            begin_generation(self.site, one.register.name, 1)

    def stop(self, case: str) -> Stop | None:
        return self.stops.read(self.by_case[case].register.name)

    def wait_for_beats(self, *, beyond: int) -> None:
        def are_there() -> bool:
            return all(beat_of(one) > beyond for one in self.by_case.values())

        wait_until(are_there, seconds=30, what="every register beats")


@pytest.fixture
def make(postgres: PlainPostgres, tmp_path: Path):
    with ExitStack() as stack:
        yield lambda names: Registers(
            names, [stack.enter_context(prepared_register(postgres, tmp_path)) for _ in names], tmp_path / "state"
        )


def mend(one: PreparedRegister, cause: str) -> None:
    """What the remedy says before the snapshot, or what the snapshot does to the register."""
    match cause:
        case "SlotMissing":
            one.run(SLOT)
        case "EventTriggersOff":
            one.run("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I RESET event_triggers', current_database()); END $$")
            one.run(MEDDLING[cause][1])
        case _:
            one.run(prepare_sql(one.register))


@pytest.mark.clears(*{case.split()[0] for case in MEDDLING})
@pytest.mark.parametrize("cases", [ONE_OF_EACH, pytest.param([*MEDDLING], marks=pytest.mark.campaign)])
def test_each_meddling_is_named_and_a_new_generation_heals_it(make, cases: list[str]) -> None:
    registers = make([*cases, "untouched"])
    with pulsing_live(registers.site):
        registers.wait_for_beats(beyond=3)
        for case in cases:
            for statement in MEDDLING[case]:
                registers.by_case[case].run(statement)
        wait_until(lambda: all(registers.stop(case) for case in cases), seconds=NOTICED_SECONDS, what="each is noticed")
        for case in cases:
            name = registers.by_case[case].register.name
            stop = registers.stop(case)
            assert stop is not None
            assert stop.cause == case.split()[0], case
            assert f"embassy register snapshot {name}" in stop.remedy
        before = beat_of(registers.by_case["untouched"])
        wait_until(lambda: beat_of(registers.by_case["untouched"]) > before + 1, seconds=10, what="the other beats on")
        assert registers.stop("untouched") is None
        # Mended, and with a new generation, it is over.
        for case in cases:
            mend(registers.by_case[case], case.split()[0])
            begin_generation(registers.site, registers.by_case[case].register.name, 2)
        wait_until(lambda: all(registers.stop(case) is None for case in cases), seconds=30, what="the stops are over")


@pytest.mark.clears("SlotInvalidated")
def test_a_slot_that_lost_what_it_kept_is_named_and_a_new_one_heals_it(tmp_path: Path) -> None:
    with plain_postgres({"max_slot_wal_keep_size": "1MB"}) as server, prepared_register(server, tmp_path) as one:
        registers = Registers(["one"], [one], tmp_path / "state")
        with pulsing_live(registers.site):
            registers.wait_for_beats(beyond=2)
            for _ in range(3):
                one.run("CREATE TABLE filler (); DROP TABLE filler; SELECT pg_switch_wal()")
            one.run("CHECKPOINT")
            wait_until(lambda: registers.stop("one") is not None, seconds=NOTICED_SECONDS, what="it is noticed")
            stop = registers.stop("one")
            assert stop is not None
            assert stop.cause == "SlotInvalidated"
            assert f"embassy register snapshot {one.register.name}" in stop.remedy
            one.run("SELECT pg_drop_replication_slot('data_embassy_' || current_database())")
            one.run(SLOT)
            begin_generation(registers.site, one.register.name, 2)
            wait_until(lambda: registers.stop("one") is None, seconds=30, what="the stop is over")


@pytest.mark.campaign
def test_a_register_that_went_back_stays_stopped_however_far_it_runs(make) -> None:
    registers = make(["one"])
    one = registers.by_case["one"]
    with pulsing_live(registers.site):
        registers.wait_for_beats(beyond=3)
        one.run("UPDATE data_embassy.pulse SET beat = beat - 2")
        wait_until(lambda: registers.stop("one") is not None, seconds=NOTICED_SECONDS, what="it is noticed")
        beat = beat_of(one)
        wait_until(lambda: beat_of(one) > beat + 3, seconds=20, what="it ran further than before")
        registers.stops.clear(one.register.name)
        wait_until(lambda: registers.stop("one") is not None, seconds=NOTICED_SECONDS, what="it is still known")


def test_of_two_pulse_processes_one_beats_and_the_other_takes_over(make) -> None:
    registers = make(["one"])
    one = registers.by_case["one"]
    with pulsing_live(registers.site):
        registers.wait_for_beats(beyond=1)
        with pulsing_live(registers.site):
            ((beat, seconds),) = one.query("SELECT beat, extract(epoch FROM clock_timestamp()) FROM data_embassy.pulse")
            wait_until(lambda: beat_of(one) >= beat + 4, seconds=20, what="four more beats")
            ((later,),) = one.query("SELECT extract(epoch FROM clock_timestamp())")
            assert later - seconds > 2.5  # Two that both beat would need half of it.
            ended = one.query(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted "
                "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            )
            assert ended == [(True,)]
            beat = beat_of(one)
            wait_until(lambda: beat_of(one) > beat, seconds=5, what="the other beats")


def test_a_table_that_by_contract_stays_at_home_and_is_captured_is_named(make, monkeypatch) -> None:
    monkeypatch.setattr(beating, "EXCLUDED_BEATS", 2)
    registers = make(["agreed"])
    one, agreed = registers.by_case["agreed"], Excluded(table="public.held*", reason="r", promotion="p")
    contract = replace(one.register, terms=Terms(excluded=(agreed,)))
    one.run("CREATE UNLOGGED TABLE held (id integer)")
    with pulsing_live(replace(registers.site, registers={contract.name: contract})):
        registers.wait_for_beats(beyond=4)
        assert registers.stop("agreed") is None
        one.run("CREATE TABLE held_too (id integer)")
        wait_until(lambda: registers.stop("agreed") is not None, seconds=NOTICED_SECONDS, what="it is noticed")
    stop = registers.stop("agreed")
    assert stop is not None
    assert stop.cause == "ExcludedRows"
    assert f"register check {contract.name}" in stop.remedy
    assert "held" not in f"{stop}"
