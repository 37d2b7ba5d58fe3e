"""`embassy connector` against a real Kafka Connect and a register prepared by the real script."""

import json
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from typer.testing import CliRunner, Result

from connectors.prepare import prepare_sql
from data_embassy.config import load_site
from data_embassy.errors import CheckFailed
from deploy.local.machine import wait_until, write_private
from operations.commands.connector import app
from tests.support.assemble_reference import Assembler
from tests.support.captured_register import read_topic
from tests.support.connect_worker import ConnectWorker
from tests.support.system import PlainPostgres

SITE = """
[site]
role = "home"
[kafka]
bootstrap = "{bootstrap}"
replicas = 1
[connect]
url = "{url}"
[link]
bootstrap = "127.0.0.1:1"
"""
CONTRACT = """
lane = "0123456789abcdef"
[source]
host = "{host}"
port = {port}
capture_user = "commanded_capture"
pulse_user = "commanded_pulse"
capture_password_file = "../secrets/capture"
pulse_password_file = "../secrets/capture"
"""
KEYS = {
    ("data_embassy", "pulse"): ("only_row",),
    ("data_embassy", "ddl"): ("id",),
    ("public", "person"): ("id",),
}


@pytest.fixture(scope="module")
def site(worker: ConnectWorker, postgres: PlainPostgres) -> Path:
    folder = worker.folder / "site"
    (folder / "registers").mkdir(parents=True)
    write_private(worker.secrets / "capture", "secret")
    write_private(folder / "site.toml", SITE.format(bootstrap=worker.bootstrap, url=worker.url))
    contract = CONTRACT.format(host=postgres.host, port=postgres.port)
    write_private(folder / "registers" / "commanded.toml", contract)
    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE commanded")
    with psycopg.connect(postgres.dsn("commanded"), autocommit=True) as connection:
        connection.execute("CREATE TABLE person (id int PRIMARY KEY, name text)")
        connection.execute("CREATE TABLE keyless (note text)")
        connection.execute(prepare_sql(load_site(folder).register("commanded")).encode())
        for role in ("commanded_capture", "commanded_pulse"):
            connection.execute(sql.SQL("ALTER ROLE {} PASSWORD 'secret'").format(sql.Identifier(role)))
        connection.execute("SELECT pg_create_logical_replication_slot('data_embassy_commanded', 'pgoutput')")
    return folder


@pytest.fixture(autouse=True)
def chosen(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMBASSY_SITE", str(site))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


@pytest.mark.clears("CaptureMissing")
def test_a_connector_is_planned_applied_shown_and_removed(worker: ConnectWorker, postgres: PlainPostgres) -> None:
    assert "connector capture.commanded: create" in run("plan", "commanded").output
    first = json.loads(run("apply", "commanded", "--json").output)
    assert sorted(first["topics_created"]) == ["changes.commanded", "schemas.commanded"]
    wait_until(lambda: run("status", "commanded").exit_code == 0, seconds=60, what="the connector runs")
    assert json.loads(run("plan", "commanded", "--json").output)["changes"] == {}
    assert json.loads(run("apply", "commanded", "--json").output)["topics_created"] == []

    with psycopg.connect(postgres.dsn("commanded"), autocommit=True) as connection:
        connection.execute("INSERT INTO person VALUES (1, 'x')")
        connection.execute("INSERT INTO keyless VALUES ('a'), ('b')")
        connection.execute("UPDATE keyless SET note = 'c' WHERE note = 'a'")
        connection.execute("ALTER TABLE person ADD born date")
        connection.execute("UPDATE person SET born = '2000-01-01'")

    def assembled() -> Assembler:
        assembler = Assembler(KEYS)
        assembler.read(read_topic(worker.bootstrap, "changes.commanded"))
        return assembler

    wait_until(lambda: ("1", "x", "2000-01-01") in assembled().rows(("public", "person")), seconds=60, what="captured")
    assert set(assembled().rows(("public", "keyless"))) == {("b",), ("c",)}
    assert any("ALTER TABLE" in row for row in assembled().rows(("data_embassy", "ddl")))

    assert "removed" in run("remove", "commanded").output
    assert "was not there" in run("remove", "commanded").output
    absent = run("status", "commanded")
    assert isinstance(absent.exception, CheckFailed)
    assert "ABSENT" in absent.output

    run("apply", "commanded")
    wait_until(lambda: run("status", "commanded").exit_code == 0, seconds=60, what="the connector runs again")
    assert "removed" in run("remove", "commanded").output
