"""Registers whose people change the schema at work: the standby follows, and keeps every invariant meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

import psycopg
import pytest

from deploy.registers.catalogue import REGISTERS
from tests.support.at_work import AtWork
from tests.support.ddl_pair import DdlPair, ddl_pair
from tests.support.reference_register import SCALE
from tests.support.system import PlainPostgres

WRITERS, RATE = 3, 80.0
SECONDS_MAX = 60
SNAPSHOTS = 20
PAUSE_SECONDS = 0.02
NEEDS_CHANGE: Final = {
    "company": "SELECT count(DISTINCT kind)::text FROM company.filing WHERE kind::text LIKE '§%'",
    "pension": "SELECT max(month)::text FROM pension.payment",
}
"""Grows at a standby once it has rows that the schema was changed for."""


class Watch(AtWork):
    """Whoever reads the standby all the time; fails when a check finds something."""

    def __init__(self, pair: DdlPair, name: str) -> None:
        self.snapshots = 0
        self._pair, self._name = pair, name
        super().__init__([self._look])

    def _look(self) -> None:
        info = self._pair.standby.info
        with psycopg.connect(f"{info.dsn} password={info.password}", autocommit=True) as connection:
            while not self._stopping.is_set():
                assert REGISTERS[self._name].violations(connection) == {}
                self.snapshots += 1


@pytest.fixture
def pair(postgres: PlainPostgres, tmp_path, name) -> Iterator[DdlPair]:
    def fill(connection: psycopg.Connection[tuple[object, ...]]) -> None:
        REGISTERS[name].generate(connection, scale=SCALE, seed=1)

    with ddl_pair(postgres, tmp_path, fill=fill) as pair:
        yield pair


@pytest.mark.parametrize("name", NEEDS_CHANGE)
def test_a_standby_follows_people_who_change_the_schema(pair, name):
    first = pair.query(NEEDS_CHANGE[name])
    deadline = time.monotonic() + SECONDS_MAX
    with (
        Watch(pair, name) as watch,
        REGISTERS[name].workload(pair.dsn_of_register, seed=6, writers=WRITERS, rate=RATE) as workload,
    ):
        while (now := pair.query(NEEDS_CHANGE[name])) == first or watch.snapshots < SNAPSHOTS:
            assert pair.follow() is None
            assert time.monotonic() < deadline, (first, now, workload.counters())
            time.sleep(PAUSE_SECONDS)
    assert pair.follow() is None
    assert now > first
    assert pair.differences() == []
