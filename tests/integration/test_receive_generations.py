"""Generations, schema changes, huge transactions, receipts, replay: what a receiver does beside streaming."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from confluent_kafka import Consumer, TopicPartition

from consumers.replay import replay
from consumers.supervise import RegisterReceiver
from data_embassy.envelope import decode_payload, verify_receipt
from data_embassy.errors import CheckFailed
from data_embassy.types import Lsn
from tests.support.receiving import Embassy, Link, new_embassy, new_link, receiving, wait_for
from tests.support.synthetic_register import delete, insert, update


@pytest.fixture
def embassy(broker, postgres, tmp_path) -> Embassy:
    return new_embassy(broker, postgres, tmp_path)


@pytest.fixture
def link(embassy) -> Link:
    link = new_link(embassy)
    link.source.rows |= {number: f"person {number}" for number in range(1, 50)}
    link.source.snapshot()
    link.source.session()
    link.source.pulse()
    link.send()
    return link


def causes(receiver: RegisterReceiver) -> list[str]:
    return [stop.cause for stop in receiver._around.stops.read(receiver.register.name)]


def databases(link: Link) -> set[str]:
    with psycopg.connect(link.embassy.server.dsn()) as connection:
        rows = connection.execute(
            "SELECT datname FROM pg_database WHERE datname LIKE %s", (f"{link.register.name}%",)
        ).fetchall()
    return {row[0] for row in rows}


def generation_of(link: Link) -> tuple[int, int]:
    with psycopg.connect(link.embassy.server.dsn(link.register.name)) as connection:
        row = connection.execute("SELECT generation, attempt FROM embassy_local.position").fetchone()
    assert row is not None
    return row[0], row[1]


def test_new_generation_takes_over_beside_the_live_stream(link):
    with receiving(link):
        link.wait_equal()
        link.source.snapshot_begin(2)
        link.source.commit(insert(100, "between begin and point"))
        link.source.begin()
        link.source.changes([insert(101, "spans the point")])
        point = link.source.snapshot_point()
        link.source.changes([update(1, "after the point")], first_order=2)
        link.source._point_rows.pop(101)
        link.source.end(2, lsn=point + 800)
        link.source.snapshot_rest()
        link.source.pulse()
        link.send(size=3)
        wait_for(lambda: _quietly(generation_of, link) == (2, 1), what="generation 2 live")
        link.wait_equal()
        wait_for(lambda: databases(link) == {link.register.name}, what="the retired one dropped")


def test_second_attempt_replaces_the_first(link):
    link.source.snapshot_begin(2, 1)
    link.source.snapshot_point()
    link.source.snapshot_rest(is_complete=False)
    link.source.pulse()
    with receiving(link):
        link.send()
        link.wait_equal()
        link.source.commit(insert(200, "x"))
        link.source.snapshot(2, 2)
        link.source.pulse()
        link.send()
        wait_for(lambda: _quietly(generation_of, link) == (2, 2), what="attempt 2 live")
        link.wait_equal()


def test_ddl_stops_the_register_until_a_new_generation(link):
    link.source.commit(insert(60, "before"))
    before = dict(link.source.rows)
    link.source.ddl()
    link.source.commit(insert(61, "after"))
    link.source.pulse()
    link.send(size=4)
    with receiving(link) as (receiver,):
        wait_for(lambda: causes(receiver) == ["DdlNotReplayed"], what="stop")
        wait_for(lambda: _quietly(link.rows) == before, what="all before the schema change")
        link.source.snapshot(2)
        link.source.pulse()
        link.send()
        wait_for(lambda: _quietly(generation_of, link) == (2, 1), what="generation 2 live")
        link.wait_equal()
        wait_for(lambda: causes(receiver) == [], what="the stop is over")


def test_skipped_beat_stops(link):
    link.source.pulse(step=2)
    link.send()
    with receiving(link) as (receiver,):
        wait_for(lambda: causes(receiver) == ["BeatSkipped"], what="stop")


def test_huge_transaction_goes_in_pieces_and_is_discarded_with_its_session(link):
    with receiving(link):
        link.wait_equal()
        last_end, rows = link.source.lsn, dict(link.source.rows)
        link.source.begin()
        link.source.changes([insert(1000 + i, "x" * 10) for i in range(60_000)])
        link.send(size=5000)
        link.source.rows = rows
        link.source.session(confirmed=last_end)
        link.source.begin()
        link.source.changes([insert(1000 + i, "y" * 10) for i in range(60_000)])
        link.source.end(60_000)
        link.source.pulse()
        link.send(size=5000)
        link.wait_equal()


def test_receipts_are_signed_and_state_the_position(embassy, link):
    consumer = Consumer({"bootstrap.servers": embassy.bootstrap, "group.id": "x", "auto.offset.reset": "earliest"})
    with contextlib.closing(consumer), receiving(link):
        link.wait_equal()
        link.source.commit(insert(70, "x"))
        lsn = link.source.pulse()
        link.send()
        consumer.assign([TopicPartition(link.register.receipts_topic, 0, 0)])
        seen: list[dict[str, object]] = []

        def is_stated() -> bool:
            message = consumer.poll(0.2)
            if message is not None and message.error() is None:
                payload = verify_receipt(embassy.sites.home, message.value() or b"")
                seen.append(decode_payload(payload, lane=link.register.lane))
            return bool(seen) and seen[-1].get("commit_lsn") == str(Lsn(lsn))

        wait_for(is_stated, what="receipt")
        assert seen[-1]["home_offset"] == len(link.source.log) - 1
        assert seen[-1]["lane_offset"] == link.lane_end - 1
        assert seen[-1]["generation"] == 1


def test_second_receiver_waits_for_the_first(link):
    second = RegisterReceiver(link.register, link.embassy.surroundings())
    with receiving(link) as (first,):
        link.wait_equal()
        second.start()
        link.source.commit(insert(80, "x"))
        link.send()
        link.wait_equal()
        assert second._workers == {}
        first.stop()
        first.join()
        link.source.commit(insert(81, "x"))
        link.send()
        link.wait_equal()
        second.stop()
        second.join()


def test_lost_connections_are_made_again(link):
    with receiving(link) as (receiver,):
        link.wait_equal()
        with psycopg.connect(link.embassy.server.dsn(), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IN (%s, %s)",
                (link.register.name, link.embassy.control),
            )
        link.source.commit(insert(90, "x"))
        link.source.pulse()
        link.send()
        link.wait_equal()
        assert causes(receiver) == []


def test_replay_with_the_standby_dropped_while_the_receiver_runs(link):
    lsn = link.source.commit(insert(300, "early"))
    early = dict(link.source.rows)
    link.source.commit(insert(301, "late"), delete(300))
    link.source.pulse()
    link.send()
    surroundings = link.embassy.surroundings()
    with receiving(link) as (receiver,):
        link.wait_equal()
        with psycopg.connect(link.embassy.server.dsn(), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{link.register.name}" WITH (FORCE)')
        wait_for(lambda: causes(receiver) == ["StandbyMissing"], what="the loss is noticed")
        result = replay(link.register, surroundings, until=None, tell=lambda _: None)
        assert result.is_live
        assert result.generation == 1
        link.wait_equal()
        link.source.commit(insert(302, "after"))
        link.source.pulse()
        link.send()
        link.wait_equal()
        restored = replay(link.register, surroundings, until=Lsn(lsn), tell=lambda _: None)
        assert link.rows(restored.database) == early
        assert restored.commit_lsn == str(Lsn(lsn))
        link.wait_equal()
        with pytest.raises(CheckFailed, match="exists already"):
            replay(link.register, surroundings, until=Lsn(lsn), tell=lambda _: None)


def test_replay_without_a_receiver_makes_the_live_standby(link):
    link.source.commit(insert(300, "x"))
    link.source.pulse()
    link.send()
    replay(link.register, link.embassy.surroundings(), until=None, tell=lambda _: None)
    assert link.is_equal()
    with receiving(link):
        link.source.commit(insert(301, "x"))
        link.source.pulse()
        link.send()
        link.wait_equal()


def test_standby_is_read_only_for_others(link):
    with receiving(link):
        link.wait_equal()
        wait_for(lambda: databases(link) == {link.register.name})
        with (
            psycopg.connect(link.embassy.server.dsn(link.register.name)) as connection,
            pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
        ):
            connection.execute("DELETE FROM public.person")


def _quietly(read: Callable[..., Any], *arguments: object) -> Any:
    try:
        return read(*arguments)
    except psycopg.Error:
        return None
