"""What differs between a register and its standby is sent, the rest is kept: exact whatever happened in the gap."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import psycopg
import pytest

from consumers.load import LoadDivergence
from pipelines.snapshot import BaseRefused, BaseSilent, asking
from schemas.records import decode
from tests.integration.test_heal_generation import IN_THE_GAP, SCHEMA, SCHEMA_IN_THE_GAP
from tests.support.direct_healing import DirectHealing, direct_healing
from tests.support.prepared_register import contents, prepared_register

SMALL = """
CREATE TABLE t (id integer PRIMARY KEY, name text);
INSERT INTO t SELECT n, repeat('name', 20) || n FROM generate_series(1, 1000) n;
CREATE TABLE other (id integer PRIMARY KEY);
"""


@pytest.fixture
def healing(postgres, tmp_path, monkeypatch) -> Iterator[DirectHealing]:
    with prepared_register(postgres, tmp_path, schema=SCHEMA) as home, direct_healing(home, tmp_path) as one:
        one.take(monkeypatch, is_differing=False)
        yield one


@pytest.fixture
def small(postgres, tmp_path, monkeypatch) -> Iterator[DirectHealing]:
    with prepared_register(postgres, tmp_path, schema=SMALL) as home, direct_healing(home, tmp_path) as one:
        one.take(monkeypatch, is_differing=False)
        home.run("UPDATE t SET name = 'changed' WHERE id = 700")
        yield one


def once(action: Callable[[], None], *, question: int) -> Callable[[], None]:
    """Do it when home asks this question for the first time."""
    asked = itertools.count(1)

    def hook() -> None:
        if next(asked) == question:
            action()

    return hook


def is_equal(healing: DirectHealing, generation: int) -> bool:
    server, name = healing.home.server, healing.home.register.name
    return contents(server.dsn(name)) == contents(server.dsn(healing.database(generation)))


def test_rows_tables_and_definitions(healing: DirectHealing, monkeypatch):
    assert is_equal(healing, 1)
    healing.home.run(IN_THE_GAP)
    healing.home.run(SCHEMA_IN_THE_GAP)
    healing.home.run("INSERT INTO felt VALUES ('c', 3)")
    taken = healing.take(monkeypatch)
    assert is_equal(healing, 2)
    assert 0.9 * taken.rows < taken.rows_kept < taken.rows


@pytest.mark.parametrize("change", ["TRUNCATE t", "ALTER TABLE t ADD COLUMN more integer DEFAULT 1"])
def test_what_changes_form_at_home_meanwhile_begins_a_new_attempt(small: DirectHealing, monkeypatch, change: str):
    small.before_answer = once(lambda: small.home.run(change), question=2)
    taken = small.take(monkeypatch)
    assert taken.attempt == 2
    assert is_equal(small, 2)


def test_a_base_that_was_edited_by_hand_meanwhile_is_never_passed(small: DirectHealing, monkeypatch):
    def edit() -> None:
        with small.connect(small.database(1)) as connection:
            connection.execute("UPDATE public.t SET name = 'edited' WHERE id = 1")

    # Everything of the table was compared by then.
    small.before_answer = once(edit, question=5)
    small.home.run("INSERT INTO other VALUES (1)")
    with pytest.raises(LoadDivergence):
        small.take(monkeypatch)


def test_a_base_that_went_on_is_sought_elsewhere(small: DirectHealing, monkeypatch):
    small.before_answer = once(lambda: small.apply(1, "TRUNCATE public.t"), question=2)
    with pytest.raises(AssertionError, match="is not at"):
        small.take(monkeypatch)
    assert [(base.generation, base.attempt) for base in small.builds] == [(1, 1)]


def test_without_a_standby_nothing_is_sent(small: DirectHealing, monkeypatch):
    with psycopg.connect(small.home.server.dsn(small.postgres.database)) as control:
        control.execute("DELETE FROM public.standbys")
    with pytest.raises(BaseRefused) as refused:
        small.take(monkeypatch)
    assert refused.value.remedy.endswith(f"embassy register snapshot {small.register.name}")
    assert decode(small.records[-1][1])[0] == "SnapshotQuestion"


def test_a_silent_embassy_is_asked_again_and_then_given_up(small: DirectHealing, monkeypatch):
    monkeypatch.setattr(asking, "ASK_AGAIN_SECONDS", 0.2)
    monkeypatch.setattr(small, "load", lambda *_, **__: None)
    with pytest.raises(BaseSilent):
        small.take(monkeypatch)
    assert [decode(value)[0] for key, value in small.records if key.run >> 32 == 2].count("SnapshotQuestion") > 1
