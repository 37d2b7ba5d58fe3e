"""What was planted at home is not found where it must not be: at the embassy's broker, on the link, in what we say."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path

import psycopg
from psycopg import sql

from deploy.local.processes import ROLES
from tests.support.odd_register import MARK
from tests.support.odd_register import connect as connect_odd
from tests.support.scenario import ODD, ODD_DATABASE, POPULATION, Registers, wait_for
from tests.support.tap import tapped

_HOLDS_VALUES = ("home-postgres.log",)
"""The register's own server is home's business, and none of ours."""
_CHUNK_BYTES = 1 << 24


def needles_in(paths: Iterable[Path], needles: Iterable[str]) -> dict[str, list[str]]:
    """Which of these texts stand in the content or the name of which files, upper or lower case."""
    wanted = [(needle, needle.lower().encode()) for needle in needles]
    longest = max(len(text) for _, text in wanted)
    found: dict[str, list[str]] = {}
    for path in paths:
        for block in (bytes(path), *_blocks(path, longest)):
            lower = block.lower()
            for needle, text in wanted:
                if text in lower and path.name not in found.get(needle, []):
                    found.setdefault(needle, []).append(path.name)
    return found


def _blocks(path: Path, overlap: int) -> Iterator[bytes]:
    """A file that may go away meanwhile; blocks overlap, so that nothing hides between two."""
    try:
        with path.open("rb") as file:
            tail = b""
            while block := file.read(_CHUNK_BYTES):
                yield tail + block
                tail = (tail + block)[-overlap:]
    except FileNotFoundError:
        return


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def said(registers: Registers) -> dict[str, str]:
    """Everything that our processes and commands say of themselves now."""
    pages = {f"/metrics of {role}": registers.metrics_page(role) for role in ROLES}
    commands = {
        ("embassy", "status"),
        ("embassy", "status", "--json"),
        ("embassy", "register", "list", "--json"),
        ("home", "register", "list", "--json"),
        ("home", "connector", "status", ODD),
    }
    return pages | {" ".join(command): registers.command(*command) for command in sorted(commands)}


def test_planted_values_and_names_are_found_nowhere(registers: Registers, tmp_path):
    values = [f"zyxomma-{secrets.token_hex(12)}" for _ in range(4)]
    text, key, plate, blob = values
    names = [MARK, ODD, ODD_DATABASE, POPULATION, "the scan", "dossier", "Ärchiv", "personal_code", "nom d'usage"]
    layout = registers.system.layout

    with tapped(registers.system, tmp_path / "tap") as tap, registers.writers() as writers:
        with connect_odd(registers.home_dsn(ODD)) as home:
            home.execute("INSERT INTO pair (a, b, v) VALUES (1, %s, to_jsonb(%s::text))", (key, text))
            home.execute("INSERT INTO plate VALUES (900, %s, %s)", (plate, text))
            home.execute("UPDATE plate SET owner = owner || 'x' WHERE id = 900")
            home.execute('INSERT INTO dossier_7d1f (id, "the scan 7d1f") VALUES (9000, %s)', (blob.encode(),))
        writers.wait_done(20)
        wait_for(lambda: _owner(registers) == text + "x", "the planted row is there")
        registers.wait_level(lag=10)
        size = sum(path.stat().st_size for path in tap.files())
        assert size > 20_000, "the tap saw the changes"
        assert needles_in(tap.files(), values + names) == {}

    try:
        _make_errors(registers, plate)
        everything = said(registers)
        assert "Divergence" in everything["embassy status"]
        for where, output in everything.items():
            assert not any(value in output for value in values), where
    finally:
        _mend(registers, plate)

    broker = files_below(layout.service("embassy", "kafka"))
    broker.append(layout.logs / "embassy-kafka.log")
    assert needles_in(broker, values + names) == {}
    logs = [path for path in files_below(layout.logs) if not path.name.startswith(_HOLDS_VALUES)]
    stops = [path for site in ("home", "embassy") for path in files_below(layout.site(site) / "state")]
    assert {path.name for path in logs} >= {"forward.log", "pulse.log", "receive.log", "connect.log", "supervisor.log"}
    assert needles_in([*logs, *stops], values) == {}
    # The search finds what is there: values where the standby is, names in the home broker's folder.
    assert needles_in(files_below(layout.service("embassy", "postgres")), values).keys() == set(values)
    assert ODD in needles_in(files_below(layout.service("home", "kafka")), [ODD])
    registers.assert_equal()


def _owner(registers: Registers) -> str | None:
    with connect_odd(registers.standby_dsn(ODD)) as standby:
        row = standby.execute("SELECT owner FROM plate WHERE id = 900").fetchone()
    return None if row is None else str(row[0])


def _make_errors(registers: Registers, plate: str) -> None:
    """The standby loses a planted row, home changes it: the register stops, and says why without saying what."""
    with _writing(registers) as standby:
        standby.execute("DELETE FROM plate WHERE id = 900")
    with connect_odd(registers.home_dsn(ODD)) as home:
        home.execute("UPDATE plate SET number = number || '.' WHERE number = %s", (plate,))
    wait_for(lambda: registers.stops().get(ODD) is not None, "a stop")


def _mend(registers: Registers, plate: str) -> None:
    """Put the row back as it was, and let the receiver try again."""
    with connect_odd(registers.home_dsn(ODD)) as home:
        (owner,) = home.execute("SELECT owner FROM plate WHERE id = 900").fetchone() or ("",)
    with _writing(registers) as standby:
        standby.execute("INSERT INTO plate VALUES (900, %s, %s)", (plate, owner))
    (registers.system.layout.site("embassy") / "state" / "receive" / f"{ODD}.json").unlink(missing_ok=True)
    wait_for(lambda: registers.stops() == {}, lambda: str(registers.stops()))


def _writing(registers: Registers) -> psycopg.Connection[tuple[object, ...]]:
    connection = connect_odd(registers.standby_dsn(ODD))
    for name, value in (("session_replication_role", "replica"), ("default_transaction_read_only", "off")):
        connection.execute(sql.SQL("SET {} = {}").format(sql.Identifier(name), sql.Literal(value)))
    return connection
