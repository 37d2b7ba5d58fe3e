"""`embassy local` on a stand-in for the system: what is shown, what fails, and how logs are followed."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from deploy.local.link import LinkShape, LinkStatus
from deploy.local.system import ProcessStatus
from operations.commands import local

RUNNING = ProcessStatus(name="forward", state="running", pid=7, uptime_seconds=3, memory_mb=9, port=11)
STOPPED = ProcessStatus(name="pulse", state="stopped", pid=None, uptime_seconds=0, memory_mb=None, port=12)


@dataclass
class Link:
    """The link between the sites, in one shape or another."""

    shape: LinkShape = field(default_factory=LinkShape)

    def status(self) -> LinkStatus:
        return LinkStatus(shape=self.shape, connections=1, bytes_to_embassy=2, bytes_to_home=3)

    def _become(self, **shape: Any) -> LinkStatus:
        self.shape = replace(self.shape, **shape)
        return self.status()

    def cut(self, *, is_silent: bool) -> LinkStatus:
        return self._become(is_cut=True, is_silent=is_silent)

    def mend(self) -> LinkStatus:
        return self._become(is_cut=False, is_silent=False)

    def delay(self, milliseconds: float) -> LinkStatus:
        return self._become(delay_ms=milliseconds)

    def rate(self, kilobits: float) -> LinkStatus:
        return self._become(rate_kbit=kilobits)


@dataclass
class System:
    """What the commands ask of a local system."""

    folder: Path
    lines: list[ProcessStatus] = field(default_factory=lambda: [RUNNING])
    did: list[str] = field(default_factory=list)
    link: Link = field(default_factory=Link)

    def up(self, *, has_monitoring: bool, has_pages: bool) -> None:
        assert has_pages
        self.did.append("up with monitoring" if has_monitoring else "up")

    def down(self, *, keep_data: bool) -> None:
        self.did.append(f"down, keep_data={keep_data}")

    def say(self, line: str) -> None:
        self.did.append(line)

    def status(self) -> list[ProcessStatus]:
        return self.lines

    def log_file(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def env(self) -> dict[str, Any]:
        dsns = {"home_dsn": "postgresql://h", "standby_dsn": "postgresql://s"}
        return {"home_site": "/a site", "registers": {"land": dsns}}


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> System:
    one = System(tmp_path)
    monkeypatch.setattr("deploy.local.system.LocalSystem", lambda *_, **__: one)
    monkeypatch.setattr("deploy.local.references.NAMES", ("land", "court"))
    monkeypatch.setattr("deploy.local.references.add_reference", lambda _system, name: one.did.append(f"add {name}"))
    return one


def run(*arguments: str, code: int = 0) -> str:
    found = CliRunner().invoke(local.app, arguments, catch_exceptions=False)
    assert found.exit_code == code, found.output
    return found.stdout


@pytest.mark.parametrize(
    ("options", "added"),
    [((), ["land", "court"]), (("--register", "court"), ["court"]), (("--no-registers",), [])],
)
def test_up_brings_the_registers_that_are_asked_for(system: System, options: tuple[str, ...], added: list[str]) -> None:
    assert "embassy local env" in run("up", *options)
    assert system.did == ["up", *(f"add {name}" for name in added), f"up, in {system.folder}"]


def test_up_brings_monitoring_when_it_is_asked_for(system: System) -> None:
    run("up", "--no-registers", "--with", "monitoring")
    assert system.did[0] == "up with monitoring"


def test_addresses_of_the_pages_are_shown(system: System) -> None:
    system.lines = [replace(RUNNING, name="home-page", port=8441)]
    for command in (("up", "--no-registers"), ("status",)):
        assert "home page: http://127.0.0.1:8441/" in run(*command)


def test_down_removes_or_keeps_the_data(system: System) -> None:
    run("down")
    run("down", "--keep-data")
    assert system.did == ["down, keep_data=False", "down, keep_data=True"]


def test_status_fails_when_a_process_does_not_run(system: System) -> None:
    assert "forward               running          7       3 s     9 MB     11" in run("status")
    system.lines.append(STOPPED)
    assert "pulse                 stopped          -         -        -     12" in run("status", code=1)
    assert [line["state"] for line in json.loads(run("status", "--json", code=1))] == ["running", "stopped"]


def test_addresses_are_shown_in_three_forms(system: System) -> None:
    shown = run("env")
    assert "land: home_dsn=postgresql://h standby_dsn=postgresql://s" in shown
    assert "home_site=/a site" in shown
    assert json.loads(run("env", "--json")) == system.env()
    first, last = run("env", "--export").splitlines()
    assert first == "export LOCAL_HOME_SITE='/a site'"
    assert last.startswith("export PATH=")


def test_the_link_is_shown_as_it_became(system: System) -> None:
    carried = ", 1 connections, 2 bytes to the embassy, 3 bytes to home\n"
    assert run("link", "cut") == f"link: cut, delay 0 ms, rate unlimited{carried}"
    assert run("link", "cut", "--silent") == f"link: cut, silent, delay 0 ms, rate unlimited{carried}"
    assert run("link", "mend") == f"link: open, delay 0 ms, rate unlimited{carried}"
    assert run("link", "delay", "40") == f"link: open, delay 40 ms, rate unlimited{carried}"
    assert run("link", "rate", "512") == f"link: open, delay 40 ms, rate 512 kbit/s{carried}"
    assert json.loads(run("link", "status", "--json"))["shape"]["delay_ms"] == 40


def test_logs_show_their_last_lines(system: System) -> None:
    assert run("logs") == ""
    system.log_file("forward").write_text("one\ntwo\nthree\nnot ended")
    assert run("logs", "-n", "2") == "forward: two\nforward: three\n"
    assert run("logs", "forward", "-n", "1") == "three\n"


def test_followed_logs_go_on_through_a_rotation(
    system: System, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = system.log_file("forward")
    log.write_text("one\ntwo, which is long\n")
    steps = iter(["one\ntwo, which is long\nthree\n", "new\n", None])

    def later(_seconds: float) -> None:
        content = next(steps)
        if content is None:
            raise KeyboardInterrupt
        log.write_text(content)

    monkeypatch.setattr("time.sleep", later)
    with pytest.raises(KeyboardInterrupt):
        local.logs("forward", is_followed=True, lines=1)
    assert capsys.readouterr().out.splitlines() == ["two, which is long", "three", "new"]


def test_what_is_done_is_said_with_its_time(capsys: pytest.CaptureFixture[str]) -> None:
    local._progress()("brokers")
    assert capsys.readouterr().err == "   0.0 s  brokers\n"
