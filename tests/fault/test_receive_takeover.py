"""A second receiver stands by: it takes over from a killed one, and one that was frozen and comes back does no harm."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from tests.fault.test_receive_killed import beat, end, totals
from tests.support.receiving import Embassy, Link, new_embassy, new_link, receiver_process, wait_for

TAKEOVER_SECONDS = 10


@pytest.fixture
def embassy(broker, postgres, tmp_path) -> Embassy:
    return new_embassy(broker, postgres, tmp_path)


@contextmanager
def receiver(link: Link) -> Iterator[subprocess.Popen[bytes]]:
    process = receiver_process(link)
    try:
        yield process
    finally:
        end(process)


def sessions(embassy: Embassy) -> int:
    """Connections to the control database: one of each receiver at least."""
    with psycopg.connect(embassy.server.dsn()) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = %s", (embassy.control,)
        ).fetchone()
    return 0 if row is None else row[0]


def test_a_second_receiver_takes_over_within_seconds(embassy):
    link = new_link(embassy)
    link.source.rows |= dict.fromkeys(range(1, 20), "person")
    link.source.snapshot()
    link.source.session()
    beat(link, 0)
    with receiver(link) as first:
        link.wait_equal()
        before = sessions(embassy)
        with receiver(link) as second:
            wait_for(lambda: sessions(embassy) > before, what="the second one asks for the lock")
            beat(link, 1)
            os.kill(first.pid, signal.SIGSTOP)
            beat(link, 2)
            os.kill(first.pid, signal.SIGCONT)
            link.wait_equal()
            first.kill()
            at = time.monotonic()
            beat(link, 3)
            link.wait_equal()
            print(f"taken over after {time.monotonic() - at:.1f} s")  # noqa: T201
            assert time.monotonic() - at < TAKEOVER_SECONDS
            assert second.poll() is None
            wait_for(lambda: totals(link) == (4 * 3, 4 * 5), what="every transaction once")
