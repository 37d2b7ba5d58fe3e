"""The receiver is killed at each point of a change's way, and goes on from the position row alone."""

from __future__ import annotations

import signal
import subprocess

import psycopg
import pytest

from tests.support.receiving import Embassy, Link, new_embassy, new_link, receiver_process, wait_for
from tests.support.synthetic_register import delete, insert, update

POINTS = [
    pytest.param("before_open", marks=pytest.mark.campaign),
    "after_open:4",
    "before_apply:2",
    pytest.param("before_copy:2", marks=pytest.mark.campaign),
    "after_copy:2",
    "before_merge:2",
    pytest.param("after_merge:2", marks=pytest.mark.campaign),
    pytest.param("after_apply:2", marks=pytest.mark.campaign),
    "before_commit:2",
    "after_commit:2",
    pytest.param("before_receipt:2", marks=pytest.mark.campaign),
    pytest.param("after_receipt:2", marks=pytest.mark.campaign),
    "before_load_commit",
    pytest.param("before_switch", marks=pytest.mark.campaign),
    "after_switch",
]


@pytest.fixture
def embassy(broker, postgres, tmp_path) -> Embassy:
    return new_embassy(broker, postgres, tmp_path)


MANY = range(1, 61)
"""Rows of a transaction that is too large to be written row by row."""


def beat(link: Link, number: int) -> None:
    source = link.source
    source.commit(insert(1000 + number, "new"), update(1, f"round {number}"))
    source.commit(insert(5000, "short-lived"), delete(5000))
    source.pulse()
    link.send(size=3)


def totals(link: Link) -> tuple[int, int]:
    with psycopg.connect(link.embassy.server.dsn(link.register.name)) as connection:
        row = connection.execute("SELECT transactions, changes FROM embassy_local.position").fetchone()
    assert row is not None
    return row[0], row[1]


@pytest.mark.parametrize("point", POINTS)
def test_killed_receiver_goes_on_and_is_equal(embassy, point):
    link = new_link(embassy)
    link.source.rows |= dict.fromkeys(range(1, 100), "person")
    link.source.snapshot()
    link.source.session()
    beat(link, 0)
    victim = receiver_process(link, failpoint=point)
    try:
        for number in range(1, 8):
            link.source.commit(*(update(row, f"all {number}") for row in MANY))
            beat(link, number)
            if number % 3 == 0:
                wait_for(lambda: victim.poll() is not None or link.is_equal(), what="progress")
        assert victim.wait(30) == -signal.SIGKILL
        second = receiver_process(link)
        try:
            link.wait_equal()
            wait_for(lambda: totals(link) == (8 * 3 + 7, 8 * 5 + 7 * len(MANY)), what="every transaction once")
        finally:
            end(second)
    finally:
        end(victim)


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait(10)
