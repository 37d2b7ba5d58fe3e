"""The register's server crashes and is promoted under load; capture goes on without a gap."""

from schemas import records
from tests.support.captured_register import CapturedRegister, make_register
from tests.support.connect_worker import connect_worker
from tests.support.source_server import runs_again, source_server

PERSON = ("public", "person")
TABLES = "CREATE TABLE person (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text)"


def write(register: CapturedRegister, number: int) -> None:
    for _ in range(20):
        register.execute(
            "INSERT INTO person (name) SELECT 'x' FROM generate_series(1, 10)",
            "UPDATE person SET name = name || 'y' WHERE id % 7 = 0",
            "DELETE FROM person WHERE id % 11 = 0",
        )


def markers(register: CapturedRegister) -> list[dict[str, object]]:
    decoded = (records.decode(value) for _, value in register.topic() if value[2:10] in records.FROZEN_NAMES)
    return [body for name, body in decoded if name == "Session"]


def test_a_crash_and_a_promotion_leave_no_gap(broker: str) -> None:
    with source_server() as one, connect_worker(broker) as worker:
        register = make_register("faulty", worker, one.plain, tables=TABLES, keys={PERSON: ("id",)})
        register.apply()
        write(register, 1)
        assert register.assemble().rows(PERSON) == register.rows(PERSON)
        write(register, 2)
        one.end("immediate")
        one.start()
        write(register, 3)
        runs_again(register)
        assert register.assemble().rows(PERSON) == register.rows(PERSON)
        write(register, 4)
        one.promote()
        write(register, 5)
        runs_again(register)
        assembled = register.assemble()
        assert assembled.rows(PERSON) == register.rows(PERSON)
        register.remove()
    first, second, third = markers(register)
    assert (first["timeline"], second["timeline"], third["timeline"]) == (1, 1, 2)
    assert third["session"] == assembled.run
    assert assembled.run >> 32 == 2
    assert second["timeline_forks"] == []
    forks = third["timeline_forks"]
    assert isinstance(forks, list)
    assert [fork["timeline"] for fork in forks] == [1]
    assert forks[0]["switch_lsn"] > int(str(second["insert_lsn"]))
