"""Commands that take long, on stand-ins: progress for people and as JSON, what is said at the end, who is called."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from consumers.replay import Progress as ReplayProgress
from consumers.replay import Replayed
from data_embassy.errors import ConfigError
from data_embassy.types import Lsn
from operations.commands import register, replay, run
from pipelines.snapshot import Progress
from pipelines.snapshot.words import Taken
from tests.unit.test_commands_print import Run

LIVE = Replayed(
    database="land_2", generation=2, attempt=1, commit_lsn="0/1", transactions=4, changes=5, rows=6, is_live=True,
    seconds=1.5,
)  # fmt: skip
TAKEN = Taken(
    generation=3, attempt=1, consistent_point=Lsn(0x16B3748), is_temporary=True, tables=2, rows=9, bytes=2_000_000,
    seconds=1.0, rows_kept=7,
)  # fmt: skip
HOME = '[site]\nrole="home"\n[kafka]\nbootstrap="x:1"\n[connect]\nurl="http://x:2"\n[link]\nbootstrap="x:3"\n'
EMBASSY = '[site]\nrole="embassy"\n[kafka]\nbootstrap="x:1"\n[postgres]\nhost="127.0.0.1"\nport=1\n'
LANE = 'lane = "5555555555555555"\ntier = 1\n'


def at(text: str, contract: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    (folder / "registers").mkdir()
    (folder / "site.toml").write_text(text)
    (folder / "registers" / "land.toml").write_text(contract)
    monkeypatch.setenv("EMBASSY_SITE", str(folder))

    def call(command: Callable[..., None], *arguments: str) -> tuple[int, str]:
        app = typer.Typer()
        app.command()(command)
        found = CliRunner().invoke(app, arguments, catch_exceptions=False)
        return found.exit_code, found.output

    return call


@pytest.fixture
def embassy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    return at(EMBASSY, LANE, tmp_path, monkeypatch)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    return at(HOME, LANE + '[source]\nhost = "127.0.0.1"\n', tmp_path, monkeypatch)


def test_a_replay_says_how_far_it_is_and_what_came_of_it(embassy: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def rebuild(_register: Any, _around: Any, *, until: Lsn | None, tell: Callable[[Any], None]) -> Replayed:
        asked.append(until)
        for total in (None, 9, 9):
            tell(ReplayProgress(step="load", done=1, total=total, rows=2, changes=3))
        return LIVE

    monkeypatch.setattr("consumers.replay.replay", rebuild)
    monkeypatch.setattr("consumers.receive.surroundings_of", lambda _site: None)
    monkeypatch.setattr(replay, "_LINE_SECONDS", 0.0)
    shown = embassy(replay.replay, "land")[1]
    first, second, last = shown.splitlines()
    assert first == "load: 1 envelopes, 2 rows loaded, 3 changes applied"
    assert second == "load: 1 of 9 envelopes, 2 rows loaded, 3 changes applied"
    assert last.startswith("land was rebuilt into land_2: generation 2.1, 6 rows and 4 transactions, up to 0/1")
    assert last.endswith("(now live)")
    assert json.loads(embassy(replay.replay, "land", "--until", "0/16B3748", "--json")[1])["rows"] == 6
    assert asked == [None, Lsn(0x16B3748)]
    with pytest.raises(ConfigError, match="is no position"):
        embassy(replay.replay, "land", "--until", "yesterday")


@pytest.mark.parametrize(
    ("form", "taker"), [((), "pipelines.snapshot.take_snapshot"), (("--differing",), "operations.healing.heal")]
)
def test_a_snapshot_says_how_far_it_is_and_capture_goes_on(
    home: Run, monkeypatch: pytest.MonkeyPatch, form: tuple[str, ...], taker: str
) -> None:
    begun: list[str] = []

    def take(_site: Any, _register: Any, *, report: Callable[[Progress], None], options: Any) -> Taken:
        assert (options.slot_seconds_max, options.after_generation) == (5, 2)
        report(Progress(phase="slot", message="waits", seconds=1))
        report(Progress(phase="rows", message="", tables=2, bytes=1_000_000, bytes_estimated=3_000_000, seconds=2))
        report(Progress(phase="rows", message="last", tables=2, tables_done=2, rows=9, bytes=3, bytes_estimated=3))
        return TAKEN

    monkeypatch.setattr(taker, take)
    monkeypatch.setattr("operations.onboarding.add.begin_capture", lambda _site, name: begun.append(name))
    options = ("--slot-seconds", "5", "--after-generation", "2", *form)
    lines = home(register.snapshot, "land", *options)[1].splitlines()
    assert lines[0] == "    1.0 s  slot      waits"
    assert lines[1].endswith("0/2 tables, 0 rows, 1.0 MB, about 4 s left")
    assert lines[2].endswith("2/2 tables, 9 rows, 0.0 MB  last")
    assert ("(7 of them stood at the embassy)" in lines[3]) is bool(form)
    printed = home(register.snapshot, "land", *options, "--json", "--leave-capture")[1].splitlines()
    assert json.loads(printed[0])["phase"] == "slot"
    assert json.loads(printed[-1])["consistent_point"] == "0/16B3748"
    assert begun == ["land"]


def test_the_preparation_is_printed_and_never_run(home: Run) -> None:
    with pytest.raises(ConfigError, match="the DBA's own act") as refused:
        home(register.prepare, "land", "--undo")
    assert "--print-sql --undo" in refused.value.remedy
    made, undone = (home(register.prepare, "land", "--print-sql", *more)[1] for more in ((), ("--undo",)))
    assert "CREATE SCHEMA" in made
    assert "DROP SCHEMA" in undone
    assert made != undone


@pytest.mark.parametrize(
    ("command", "place"),
    [
        (run.forward, "pipelines.app.run_forward"),
        (run.pulse, "pipelines.pulse.run_pulse"),
        (run.receive, "consumers.receive.run_receive"),
    ],
)
def test_each_process_runs_for_its_site(
    home: Run, monkeypatch: pytest.MonkeyPatch, command: Callable[..., None], place: str
) -> None:
    called: list[str] = []
    monkeypatch.setattr(place, lambda site, **_: called.append(site.role))
    assert home(command)[0] == 0
    assert called == ["home"]
