"""`embassy plan` on a real register: what happens while it watches, kept and planned with again."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from data_embassy.config import Site
from data_embassy.errors import CheckFailed, ConfigError
from data_embassy.kafka import delete_topics, ensure_topics, home_topics
from tests.support.beside import beside
from tests.support.commands import command
from tests.support.prepared_register import PreparedRegister, prepared_register
from tests.support.system import PlainPostgres

TABLE = "CREATE TABLE person (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text)"


@pytest.fixture
def register(postgres: PlainPostgres, broker: str, tmp_path: Path) -> Iterator[PreparedRegister]:
    with prepared_register(postgres, tmp_path, bootstrap=broker, schema=TABLE) as one:
        ensure_topics(one.site.kafka, home_topics(one.register))
        yield one
        delete_topics(one.site.kafka, list(home_topics(one.register)))


def planned(site: Site, monkeypatch: pytest.MonkeyPatch, *options: str) -> None:
    """Run the command; what it finds weak on one machine does not matter here."""
    monkeypatch.setattr("operations.commands.plan.open_site", lambda _: site)
    with suppress(CheckFailed):
        command(site.state.parent, "plan", *options)


@pytest.fixture
def work(register: PreparedRegister) -> Iterator[None]:
    def run(ended: threading.Event) -> None:
        with psycopg.connect(register.server.dsn(register.register.name), autocommit=True) as connection:
            while not ended.wait(0.01):
                connection.execute("INSERT INTO person (name) SELECT md5(g::text) FROM generate_series(1, 10) g")

    with beside(run):
        yield


@pytest.mark.usefixtures("work")
def test_what_is_measured_is_kept_and_planned_with_again(
    register: PreparedRegister, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    name, kept = register.register.name, tmp_path / "measured.json"
    planned(register.site, monkeypatch, "--seconds", "3", "--save", str(kept), "--json")
    said = json.loads(capsys.readouterr().out)
    measured = said["measured"][name]
    assert measured["changes"] > 10
    assert measured["wal_bytes"] > 10 * measured["changes"]
    assert measured["database_bytes"] > 1_000_000
    assert said["unreachable"] == {}
    planned(register.site, monkeypatch, "--measured", str(kept), "--link-mbit", "50", "--json")
    again = json.loads(capsys.readouterr().out)
    assert again["measured"] == said["measured"]
    assert again["asked"]["link_bytes"] == 50 * 125_000
    planned(register.site, monkeypatch, "--measured", str(kept))
    assert name in capsys.readouterr().out


def test_a_register_that_is_away_is_said(
    register: PreparedRegister, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    source = register.register.source
    assert source is not None
    away = replace(register.register, name="away", source=replace(source, pulse=replace(source.pulse, port=1)))
    monkeypatch.setattr(
        "operations.commands.plan.open_site", lambda _: replace(register.site, registers={"away": away})
    )
    with pytest.raises(CheckFailed):
        command(register.site.state.parent, "plan", "--seconds", "1")
    assert "not measured: away" in capsys.readouterr().out


def test_a_plan_is_made_at_home_from_a_measurement(register: PreparedRegister, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("operations.commands.plan.open_site", lambda _: replace(register.site, role="embassy"))
    with pytest.raises(ConfigError, match="made at home"):
        command(register.site.state.parent, "plan")
    (register.site.state.parent / "none.json").write_text("{}")
    monkeypatch.setattr("operations.commands.plan.open_site", lambda _: register.site)
    with pytest.raises(ConfigError, match="holds no measurement"):
        command(register.site.state.parent, "plan", "--measured", str(register.site.state.parent / "none.json"))
