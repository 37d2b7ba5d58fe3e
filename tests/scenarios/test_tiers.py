"""A link that cannot carry everything: the higher tier is level first, the lower one waits and says for how long."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest

from data_embassy.config import load_site
from data_embassy.status import RegisterStatus
from operations.status.home import home_status
from pipelines.telling import read_told
from tests.support.odd_register import connect as connect_odd
from tests.support.scenario import ODD, POPULATION, Registers, wait_for

RATE_KBIT = 4000
BULK = {ODD: 1_500, POPULATION: 3_000}
"""Rows of about a kilobyte that does not compress well."""
FEW = 50
"""Records that wait: the pulse alone always has some on the way."""
SOON_SECONDS = 4.0
"""An estimate of less than this is about what is on its way."""
MAKE = "CREATE TABLE bulk (id integer PRIMARY KEY, content bytea)"
FILL = """
INSERT INTO bulk SELECT i, decode(string_agg(md5(i::text || j || random()), ''), 'hex')
FROM generate_series(1, %s) i, generate_series(1, 64) j GROUP BY i
"""


def home(registers: Registers) -> dict[str, RegisterStatus]:
    site = load_site(registers.system.layout.site("home"))
    return {one.register: one for one in home_status(site, clock=lambda: dt.datetime.now(dt.UTC))}


def waiting(registers: Registers, name: str) -> int:
    """Home records that the embassy's broker has not acknowledged, as the forwarder counts them."""
    return int(registers.metric("forward", "embassy_forward_backlog_records", register=name) or 0)


@contextmanager
def bulk(registers: Registers, *, meanwhile: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Both registers have written what the link carries in many seconds, while it was cut."""
    link = registers.system.link
    link.cut()
    try:
        for name, rows in BULK.items():
            with connect(registers, name) as connection:
                connection.execute(MAKE)
                connection.execute(FILL, (rows,))
        wait_for(lambda: all(waiting(registers, name) >= rows for name, rows in BULK.items()), "everything is captured")
        meanwhile()
        link.rate(RATE_KBIT)
        link.mend()
        yield
    finally:
        link.rate(0)
        link.mend()
        for name in BULK:
            with connect(registers, name) as connection:
                connection.execute("DROP TABLE IF EXISTS bulk")


def connect(registers: Registers, name: str) -> psycopg.Connection[tuple[object, ...]]:
    dsn = registers.home_dsn(name)
    return connect_odd(dsn) if name == ODD else psycopg.connect(dsn, autocommit=True)


def test_the_higher_tier_is_level_first_and_the_lower_one_says_for_how_long_it_waits(registers):
    estimates: dict[float, float] = {}
    left: list[int] = []
    with bulk(registers):
        told = load_site(registers.system.layout.site("home")).state

        def is_through() -> bool:
            found = read_told(told)
            if found is not None and POPULATION in found.held and (level_in := found.level_in_seconds[POPULATION]):
                estimates[found.at] = level_in
            if not left and waiting(registers, ODD) < FEW:
                left.append(waiting(registers, POPULATION))
            return waiting(registers, POPULATION) < FEW

        wait_for(lambda: is_through() or bool(estimates), "the lower tier waits, and says for how long")
        seen = home(registers)[POPULATION]
        wait_for(is_through, "the lower tier is through, behind the higher one")
        ended = time.time()
    assert left[0] > 0.5 * BULK[POPULATION], f"{left} records of the lower tier were left"
    assert seen.is_held
    assert seen.level_in_seconds is not None
    said = [(ended - at, level_in) for at, level_in in estimates.items() if ended - at > SOON_SECONDS]
    # What was written at once may seem to go on coming at first: the last word counts.
    assert said[-1][1] == pytest.approx(said[-1][0], rel=2.0), f"it said {said}"
    registers.assert_equal()


def test_an_operator_ranks_registers_anew_while_they_wait(registers):
    def rank(population: int, odd: int) -> None:
        registers.command("home", "register", "tier", POPULATION, str(population))
        registers.command("home", "register", "tier", ODD, str(odd))

    try:
        with bulk(registers, meanwhile=lambda: rank(1, 5)):
            registers.wait_level(POPULATION, lag=3.0)
            left = waiting(registers, ODD)
            assert left > 0.3 * BULK[ODD], f"{left} records were left"
            registers.wait_level(ODD, lag=3.0)
    finally:
        rank(2, 1)
    registers.assert_equal()
