"""A lost slot is healed: the new generation is exact, and only what differs from the standby was sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from consumers import rebuild as rebuild_module
from consumers import worker
from consumers.load import Base
from consumers.replay import replay
from pipelines.snapshot import BaseRefused, BaseSilent, asking
from tests.support.healing import Healing, healing
from tests.support.synthetic_register import insert, update

SCHEMA = """
CREATE TABLE person (id bigint PRIMARY KEY, name text, born date, data bytea);
INSERT INTO person SELECT n, repeat(md5(n::text), 2), '1950-01-01'::date + n % 20000, decode(md5(n::text), 'hex')
  FROM generate_series(1, 9000) n;
CREATE TABLE paper (office text, number integer, at timestamptz, body text,
    size integer GENERATED ALWAYS AS (length(body)) STORED, PRIMARY KEY (office, number));
INSERT INTO paper SELECT 'Büro ' || n % 7, n, '2026-01-01'::timestamptz + n * interval '1 s', repeat('x', n % 90)
  FROM generate_series(1, 3000) n;
CREATE TABLE event (a integer, b text);
INSERT INTO event SELECT n % 10, 'same' FROM generate_series(1, 1000) n;
CREATE TABLE quiet (id integer PRIMARY KEY, note text);
INSERT INTO quiet SELECT n, 'never changed ' || n FROM generate_series(1, 6000) n;
CREATE TABLE emptied (id integer PRIMARY KEY);
INSERT INTO emptied SELECT generate_series(1, 500);
CREATE TABLE altered (id integer PRIMARY KEY, was text);
INSERT INTO altered SELECT n, 'x' FROM generate_series(1, 200) n;
CREATE TABLE gone (id integer PRIMARY KEY);
CREATE TYPE mood AS ENUM ('a', 'b');
CREATE TABLE felt (mood mood PRIMARY KEY, n integer);
INSERT INTO felt VALUES ('a', 1), ('b', 2);
CREATE SEQUENCE numbers;
SELECT setval('numbers', 10);
"""
IN_THE_GAP = """
UPDATE person SET name = 'changed' WHERE id % 400 = 0;
DELETE FROM person WHERE id BETWEEN 700 AND 720;
INSERT INTO person SELECT n, 'new', NULL, NULL FROM generate_series(50000, 50100) n;
UPDATE person SET id = id + 100000 WHERE id IN (5, 6, 8999);
INSERT INTO person VALUES (-1, NULL, 'infinity', '');
UPDATE paper SET body = body || '!' WHERE number % 1000 = 1;
UPDATE paper SET office = 'Amt "z"' WHERE number IN (3, 4);
INSERT INTO event VALUES (1, 'same');
TRUNCATE emptied;
SELECT nextval('numbers') FROM generate_series(1, 5);
"""
SCHEMA_IN_THE_GAP = """
ALTER TABLE altered ADD COLUMN fresh integer DEFAULT 7;
ALTER TABLE altered RENAME COLUMN was TO known;
DROP TABLE gone;
CREATE TABLE born (id integer PRIMARY KEY, t text);
INSERT INTO born SELECT n, 'b' FROM generate_series(1, 100) n;
ALTER TYPE mood ADD VALUE 'c';
ALTER TABLE quiet ADD CONSTRAINT positive CHECK (id > 0);
"""


SMALL = """
CREATE TABLE person (id bigint PRIMARY KEY, name text);
INSERT INTO person SELECT n, repeat('name', 20) || n FROM generate_series(1, 1000) n;
CREATE TABLE other (id integer PRIMARY KEY);
"""


HALF_A_MILLION = """
CREATE TABLE parcel (id bigint PRIMARY KEY, owner text, area numeric, note text, at timestamptz);
INSERT INTO parcel SELECT n, md5(n::text), n / 7.0, repeat(md5((n * 7)::text), 3),
    '2026-01-01'::timestamptz + n * interval '1 s' FROM generate_series(1, 500000) n;
"""
ONE_IN_A_HUNDRED = {
    "scattered": "UPDATE parcel SET note = 'sold' WHERE id % 100 = 0",
    "recent": "UPDATE parcel SET note = 'sold' WHERE id > 495000",
}


@pytest.fixture
def large(postgres, tmp_path, monkeypatch) -> Iterator[Healing]:
    with healing(postgres, tmp_path, monkeypatch, schema=SCHEMA) as one:
        yield one


@pytest.fixture
def small(postgres, tmp_path, monkeypatch) -> Iterator[Healing]:
    with healing(postgres, tmp_path, monkeypatch, schema=SMALL) as one:
        one.home.run("UPDATE person SET name = 'changed' WHERE id = 700")
        yield one


def stream(one: Healing, *, gap: int = 0) -> None:
    """A session of capture, as far as the embassy is concerned; `gap` bytes behind what it applied."""
    source = one.link.source
    lsn, system = one.home.query(
        "SELECT (pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint, system_identifier::text FROM pg_control_system()"
    )[0]
    source.lsn = max(source.lsn, lsn) + gap
    source.session(system_identifier=system, confirmed=source.lsn if gap else 0)
    one.link.send()


def commit(one: Healing, number: int) -> None:
    """A transaction that the standby applies."""
    one.link.source.commit(insert(number, "streamed"), update(1, f"streamed {number}"))
    one.link.send()


def has_streamed(one: Healing, number: int) -> bool:
    return one.standby(f"SELECT name FROM public.person WHERE id = {number}") == [("streamed",)]


def rebuild(one: Healing) -> None:
    """Home dark, every standby lost: the lane alone brings it back."""
    one.stop()
    one.drop_standbys()
    rebuilt = replay(one.register, one.embassy.surroundings(), until=None, tell=lambda _: None)
    assert rebuilt.is_live
    assert one.databases() == {one.register.name}
    one.assert_equal()


def test_only_what_differs_is_sent_and_a_rebuild_gives_the_same(large: Healing):
    large.home.run(IN_THE_GAP)
    large.home.run(SCHEMA_IN_THE_GAP)
    large.home.run("INSERT INTO felt VALUES ('c', 3)")
    healed = large.take(is_differing=True)
    large.wait_live(2)
    large.assert_equal()
    assert large.bytes_of(2) < 0.3 * large.bytes_of(1)
    assert 0.9 * healed.rows < healed.rows_kept < healed.rows
    rebuild(large)


def test_a_standby_that_stopped_in_the_stream_is_the_base_again_and_again(small: Healing):
    stream(small)
    commit(small, 2001)
    commit(small, 2002)
    small.wait(lambda: has_streamed(small, 2002), "the stream is applied")
    stream(small, gap=1 << 16)
    small.wait(lambda: small.stops() == ["SessionGap"], "it stops")
    small.take(is_differing=True)
    small.wait_live(2)
    small.assert_equal()
    small.home.run("DELETE FROM person WHERE id % 100 = 3; TRUNCATE other")
    small.take(is_differing=True)
    small.wait_live(3)
    small.assert_equal()
    rebuild(small)


@pytest.mark.campaign
def test_a_base_that_goes_on_under_our_eyes_stays_what_it_was(small: Healing):
    stream(small)
    commit(small, 2001)
    small.wait(lambda: has_streamed(small, 2001), "the stream is applied")

    def go_on() -> None:
        commit(small, 2002)
        small.wait(lambda: has_streamed(small, 2002), "it goes on")

    small.on_question[3] = go_on
    small.take(is_differing=True)
    small.wait_live(2)
    small.assert_equal()


@pytest.mark.campaign
def test_a_receiver_that_begins_anew_builds_the_base_that_went_on(small: Healing, monkeypatch):
    built: list[str] = []

    def build(base: Base, database: str, **rest: Any) -> None:
        built.append(database)
        rebuild_module.build_base(base, database, **rest)

    monkeypatch.setattr(worker, "build_base", build)
    stream(small)
    commit(small, 2001)
    small.wait(lambda: has_streamed(small, 2001), "the stream is applied")

    def begin_anew() -> None:
        commit(small, 2002)
        small.wait(lambda: has_streamed(small, 2002), "it goes on")
        small.stop()
        small.start()

    small.on_question[3] = begin_anew
    small.take(is_differing=True)
    small.wait_live(2)
    small.assert_equal()
    assert set(built) == {f"{small.register.name}_g2_base"}
    rebuild(small)


@pytest.mark.clears("BaseMissing")
def test_a_base_that_the_lane_does_not_hold_any_more_is_said_and_a_whole_snapshot_helps(small: Healing, monkeypatch):
    stream(small)
    commit(small, 2001)
    small.wait(lambda: has_streamed(small, 2001), "the stream is applied")

    def begin_anew() -> None:
        monkeypatch.setattr(rebuild_module, "search", lambda *_: [])
        commit(small, 2002)
        small.wait(lambda: has_streamed(small, 2002), "it goes on")
        small.stop()
        small.start()

    small.on_question[3] = begin_anew
    with pytest.raises(BaseSilent):
        small.take(is_differing=True, silence_seconds_max=3.0)
    small.wait(lambda: small.stops() == ["BaseMissing"], "it stops")
    whole = small.take(is_differing=False)
    small.wait_live(whole.generation)
    small.assert_equal()
    assert small.stops() == []


@pytest.mark.campaign
@pytest.mark.parametrize("question", [1, 3, 5])
def test_home_dies_and_the_embassy_loses_every_session_and_the_next_attempt_is_exact(small: Healing, question: int):
    def die() -> None:
        raise KeyboardInterrupt

    small.on_question[question] = die
    with pytest.raises(KeyboardInterrupt):
        small.take(is_differing=True)
    small.home.run("UPDATE person SET name = 'between' WHERE id IN (1, 1000)")
    small.on_question[question + 1] = small.end_sessions
    assert small.take(is_differing=True).attempt == 2
    small.wait_live(2)
    small.assert_equal()
    rebuild(small)


@pytest.mark.campaign
@pytest.mark.parametrize("change", ["TRUNCATE person", "ALTER TABLE person ADD COLUMN more integer DEFAULT 1"])
def test_what_changes_form_at_home_meanwhile_begins_a_new_attempt(small: Healing, change: str):
    small.on_question[2] = lambda: small.home.run(change)
    assert small.take(is_differing=True).attempt == 2
    small.wait_live(2)
    small.assert_equal()


def test_a_standby_that_somebody_edits_meanwhile_never_passes(small: Healing):
    small.home.run("INSERT INTO other VALUES (1)")

    def edit() -> None:
        small.stop()
        small.edit("UPDATE public.person SET name = 'edited' WHERE id = 1")
        small.start()

    small.on_question[5] = edit  # Everything of the table was compared by then.
    with pytest.raises(BaseSilent):
        small.take(is_differing=True, silence_seconds_max=5)
    assert "LoadDivergence" in small.stops()


@pytest.mark.campaign
def test_without_a_standby_nothing_is_sent(postgres, tmp_path, monkeypatch):
    with healing(postgres, tmp_path, monkeypatch, schema=SMALL, is_begun=False) as one:
        one.start()
        with pytest.raises(BaseRefused) as refused:
            one.take(is_differing=True)
        assert refused.value.remedy.endswith(f"embassy register snapshot {one.register.name}")
        assert one.records(1)[-1][0] == "SnapshotQuestion"


@pytest.mark.campaign
def test_a_silent_embassy_is_asked_again_and_then_given_up(small: Healing, monkeypatch):
    monkeypatch.setattr(asking, "ASK_AGAIN_SECONDS", 0.2)
    small.stop()
    with pytest.raises(BaseSilent):
        small.take(is_differing=True, silence_seconds_max=1)
    assert [name for name, _ in small.records(2)].count("SnapshotQuestion") > 1


@pytest.mark.campaign
def test_one_row_in_a_hundred_costs_a_small_part_of_the_lane(postgres, tmp_path, monkeypatch, record_property, capsys):
    with healing(postgres, tmp_path, monkeypatch, schema=HALF_A_MILLION) as one:
        full = one.lane_bytes()
        for generation, (kind, change) in enumerate(ONE_IN_A_HUNDRED.items(), start=2):
            one.home.run(change)
            lane, receipts = one.lane_bytes(), one.receipt_bytes()
            taken = one.take(is_differing=True)
            sent, heard = one.lane_bytes() - lane, one.receipt_bytes() - receipts
            one.wait_live(generation)
            one.assert_equal()
            figures = f"{kind}: {sent} of {full} bytes sent, {heard} heard, {taken.seconds:.1f} s"
            record_property(kind, figures)
            with capsys.disabled():
                print(figures)  # noqa: T201 (the figures of docs/verification.md)
            assert sent < 0.2 * full
