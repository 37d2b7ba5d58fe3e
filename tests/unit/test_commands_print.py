"""What commands print and answer with, on stand-ins for the services: shown for people, as JSON, and their refusals."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from connectors import apply as connectors_apply
from connectors.client import ConnectorStatus
from consumers.apply.ddl.decisions import Pending
from data_embassy.config import write_atomically
from data_embassy.errors import CheckFailed, ConfigError
from data_embassy.status import Part, RegisterStatus
from operations import verify as verification
from operations.commands import connector, decide, repair, status, verifications, verify
from operations.verify import repair as repairs
from operations.verify.model import Report
from schemas.ranges import EVERYTHING

SITES = {
    "home": '[site]\nrole="home"\n[kafka]\nbootstrap="x:1"\n[connect]\nurl="http://x:2"\n[link]\nbootstrap="x:3"\n',
    "embassy": '[site]\nrole="embassy"\n[kafka]\nbootstrap="x:1"\n[postgres]\nhost="127.0.0.1"\nport=1\n',
}
CONTRACT = {
    "home": 'lane = "5555555555555555"\ntier = 1\n[source]\nhost = "127.0.0.1"\n',
    "embassy": 'lane = "5555555555555555"\ntier = 1\n',
}
Run = Callable[..., tuple[int, str]]
WAITING = Pending(id=7, digest="d", tag="ALTER TABLE", text="ALTER TABLE a ADD b text", reason="why")


@pytest.fixture(params=["home", "embassy"])
def site(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    role = str(request.param)
    write_atomically(tmp_path / "site.toml", SITES[role])
    write_atomically(tmp_path / "registers" / "land.toml", CONTRACT[role])
    monkeypatch.setenv("EMBASSY_SITE", str(tmp_path))
    return tmp_path


@pytest.fixture
def run(site: Path) -> Run:
    """Runs a command's function; its errors come through as they are."""

    def call(command: Callable[..., None], *arguments: str) -> tuple[int, str]:
        app = typer.Typer()
        app.command()(command)
        found = CliRunner().invoke(app, arguments, catch_exceptions=False)
        return found.exit_code, found.stdout

    return call


only_home = pytest.mark.parametrize("site", ["home"], indirect=True)
only_embassy = pytest.mark.parametrize("site", ["embassy"], indirect=True)


def report(*, equal: bool) -> Report:
    return Report(
        register="land", verification="v", position="0/1", generation=1, pause_ms=1.0, tables=(), sequences=(),
        definitions=() if equal else ("index i is missing",), algorithm="hash", attempts=1, started_at="a",
        finished_at="b", seconds=1.0,
    )  # fmt: skip


# -- decide ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def decided(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    made: list[Any] = []
    monkeypatch.setattr(decide, "_waiting", lambda *_: WAITING)
    monkeypatch.setattr(decide, "_decide", lambda _site, register, waiting, sql: made.append((register, waiting, sql)))
    return made


@only_embassy
def test_what_waits_is_shown_with_the_ways_on(run: Run, decided: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    code, shown = run(decide.decide, "land")
    assert (code, decided) == (0, [])
    assert "schema change 7 of land (ALTER TABLE): why" in shown
    assert "--ddl 7 --skip" in shown
    assert json.loads(run(decide.decide, "land", "--json")[1])["waiting"]["ddl"] == 7
    monkeypatch.setattr(decide, "_waiting", lambda *_: None)
    assert run(decide.decide, "land")[1] == "no schema change of land waits for a decision\n"
    assert json.loads(run(decide.decide, "land", "--json")[1])["waiting"] is None


@only_embassy
def test_a_decision_is_one_about_what_waits(run: Run, decided: list[Any], tmp_path: Path) -> None:
    assert run(decide.decide, "land", "--ddl", "7", "--skip") == (0, "decided; land goes on\n")
    file = tmp_path / "instead.sql"
    file.write_text("SELECT 1")
    assert (
        json.loads(run(decide.decide, "land", "--ddl", "7", "--run-file", str(file), "--json")[1])["decision"] == "run"
    )
    assert decided == [("land", WAITING, None), ("land", WAITING, "SELECT 1")]
    for wrong in ((), ("--skip", "--run-file", str(file)), ("--run-file", str(tmp_path / "none"))):
        with pytest.raises(ConfigError):
            run(decide.decide, "land", "--ddl", "7", *wrong)
    with pytest.raises(CheckFailed, match="no schema change 8"):
        run(decide.decide, "land", "--ddl", "8", "--skip")
    assert len(decided) == 2


@only_home
def test_home_decides_nothing(run: Run) -> None:
    with pytest.raises(ConfigError, match="no embassy"):
        run(decide.decide, "land")


# -- verify, repair, verifications -------------------------------------------------------------------------------------


@only_home
@pytest.mark.parametrize("equal", [True, False])
def test_a_verification_says_whether_it_is_equal(run: Run, monkeypatch: pytest.MonkeyPatch, equal: bool) -> None:
    def prove(_site: Any, _register: Any, *, tell: Callable[[Any], None], options: Any) -> Report:
        for message in ("begun", "begun", "t: 1 of 2 read now"):
            tell(SimpleNamespace(attempt=1, message=message))
        assert options.reach_seconds_max == 9
        return report(equal=equal)

    monkeypatch.setattr(verification, "verify", prove)
    code, shown = run(verify.verify, "land", "--timeout", "9")
    assert code == (0 if equal else 1)
    assert shown.startswith("land is equal" if equal else "land is NOT EQUAL")
    code, shown = run(verify.verify, "land", "--timeout", "9", "--json")
    assert (code, json.loads(shown)["equal"]) == (0 if equal else 1, equal)


def test_on_a_terminal_the_line_is_overwritten(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    tell = verify.teller(is_silent=False)
    tell(SimpleNamespace(attempt=2, message="here"))  # type: ignore[arg-type]
    assert capsys.readouterr().err == "\r\x1b[2Kattempt 2, here"


@only_home
def test_a_repair_is_shown_before_it_is_done(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    table = repairs.TableRepair(name=("s", "t"), ranges=(EVERYTHING,), rows=3)
    plan = repairs.Plan(verification="v", position="0/1", tables=(table,), left=("s.u is missing",))
    sent: list[Any] = []

    def send(_register: Any, chosen: Any, *, tell: Callable[[str], None]) -> list[str]:
        tell("s.t: 3 rows")
        sent.append(chosen)
        return ["s.t is in use"]

    for name, value in {"plan": lambda *_: plan, "send_again": send}.items():
        monkeypatch.setattr(repairs, name, value)
    monkeypatch.setattr(verification, "verify", lambda *_, **__: report(equal=not sent or len(sent) < 3))
    code, shown = run(repair.repair, "land")
    assert (code, sent) == (1, [])
    assert "s.t: 3 rows in 1 ranges" in shown
    assert "not by a repair: s.u is missing" in shown
    assert run(repair.repair, "land", "--json")[0] == 1
    code, shown = run(repair.repair, "land", "--yes")
    assert (code, shown.splitlines()[:2]) == (0, ["left: s.u is missing", "left: s.t is in use"])
    code, shown = run(repair.repair, "land", "--yes", "--json")
    assert (code, json.loads(shown)["left"]) == (0, ["s.u is missing", "s.t is in use"])
    assert run(repair.repair, "land", "--yes")[0] == 1
    monkeypatch.setattr(repairs, "plan", lambda *_: None)
    assert run(repair.repair, "land") == (0, "land: the last verification found everything equal\n")
    assert json.loads(run(repair.repair, "land", "--json")[1]) == {"plan": None}


def test_kept_reports_are_listed_with_their_signatures(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = SimpleNamespace(signer="home", receipt_signer="embassy")
    for name in ("load_home_keys", "load_embassy_keys"):
        monkeypatch.setattr(f"operations.signing.{name}", lambda _folder: keys)
    kept = [(Path("a.json"), {"report": report(equal=equal).as_json(), "is_signed": equal}) for equal in (True, False)]
    monkeypatch.setattr("data_embassy.verifications.reports", lambda *_: kept)
    monkeypatch.setattr("data_embassy.verifications.is_signed", lambda document, _signer: document["is_signed"])
    first, second = run(verifications.verifications, "land")[1].splitlines()
    assert "equal" in first
    assert "SIGNATURE" not in first
    assert second.endswith("a.json  SIGNATURE DOES NOT FIT")
    assert [row["signed"] for row in json.loads(run(verifications.verifications, "land", "--json")[1])] == [True, False]


# -- status and connector ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "cause", "code"), [("live", None, 0), ("down", "ForwarderDown", 1), ("live", "Gapped", 1)]
)
def test_a_check_fails_for_what_stands_still(
    run: Run, monkeypatch: pytest.MonkeyPatch, state: str, cause: str | None, code: int
) -> None:
    candidate = Part(name="generation 2.1", state="stopped", cause=cause) if state == "live" else None
    one = RegisterStatus(register="land", lane="5", tier=1, state=state, candidate=candidate)
    for place in ("operations.status.home.home_status", "consumers.status.embassy_status"):
        monkeypatch.setattr(place, lambda *_, **__: [one])
    assert "land" in run(status.status)[1]
    assert json.loads(run(status.status, "--json")[1])["registers"][0]["state"] == state
    if code:
        with pytest.raises(CheckFailed, match="1 of 1 registers stand still: land"):
            run(status.status, "--check")
    else:
        assert run(status.status, "--check")[0] == 0


class Connectors:
    """Kafka Connect with one connector, or none."""

    def __init__(self) -> None:
        self.known: dict[str, str] | None = None
        self.state = ConnectorStatus(state="RUNNING")
        self.put_names: list[str] = []

    @contextmanager
    def opened(self) -> Iterator[Connectors]:
        yield self

    def config(self, _name: str) -> dict[str, str] | None:
        return self.known

    def status(self, _name: str) -> ConnectorStatus:
        return self.state

    def remove(self, _name: str) -> bool:
        return self.known is not None

    def put(self, name: str, _config: object) -> None:
        self.put_names.append(name)

    def resume(self, _name: str) -> None:
        self.state = ConnectorStatus(state="RUNNING")

    def restart_failed(self, _name: str) -> None:
        """Nothing failed."""


@pytest.fixture
def connectors(monkeypatch: pytest.MonkeyPatch) -> Connectors:
    one = Connectors()
    wanted = SimpleNamespace(name="capture-land", config={"a": "1", "b": "2"}, topics={"changes.land": {"x": "y"}})
    monkeypatch.setattr(connectors_apply, "connect_client", lambda _site: one.opened())
    monkeypatch.setattr(connectors_apply, "ensure_topics", lambda *_: ["changes.land"] if not one.put_names else [])
    for place in ("connectors.plan.plan", "connectors.apply.plan"):
        monkeypatch.setattr(place, lambda *_: wanted)
    return one


@only_home
def test_a_plan_shows_what_differs(run: Run, connectors: Connectors) -> None:
    assert run(connector.plan, "land")[1].splitlines()[0] == "connector capture-land: create"
    connectors.known = {"name": "capture-land", "a": "1", "b": "3", "c": "4"}
    shown = run(connector.plan, "land")[1]
    assert shown.splitlines() == [
        "connector capture-land: change", "  b: 3 -> 2", "  c: 4 -> (removed)", "topic changes.land: x=y",
    ]  # fmt: skip
    connectors.known = {"a": "1", "b": "2"}
    assert "as planned" in run(connector.plan, "land")[1]
    assert json.loads(run(connector.plan, "land", "--json")[1])["changes"] == {}


@only_home
def test_a_connector_is_applied_looked_at_and_removed(run: Run, connectors: Connectors) -> None:
    connectors.state = ConnectorStatus(state="STOPPED")
    assert run(connector.apply, "land")[1].endswith("applied; created changes.land\n")
    assert json.loads(run(connector.apply, "land", "--json")[1])["topics_created"] == []
    assert run(connector.status, "land") == (0, "land: RUNNING, 0 restarts\n")
    assert run(connector.remove, "land")[1].endswith("was not there\n")
    connectors.known, connectors.state = {}, ConnectorStatus(state="FAILED", cause="why")
    assert run(connector.remove, "land")[1].endswith("removed\n")
    for form in ((), ("--json",)):
        with pytest.raises(CheckFailed, match="does not run"):
            run(connector.status, "land", *form)
