"""`embassy local`: both sites on this machine; start, stop, look, and break the link between them."""

from __future__ import annotations

import dataclasses
import json
import shlex
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from deploy.local.link import LinkStatus
    from deploy.local.system import Environment, LocalSystem, ProcessStatus

app = typer.Typer(help="Both sites on this machine, made of real parts.", no_args_is_help=True)
link = typer.Typer(help="The long link between the sites.", no_args_is_help=True)
app.add_typer(link, name="link")

Folder = Annotated[
    Path | None, typer.Option("--folder", help="The system's folder (env: EMBASSY_LOCAL).", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
FOLLOW_SECONDS = 0.3


class Extra(StrEnum):
    """What is started only when it is asked for."""

    MONITORING = "monitoring"


@app.command()
def up(
    *,
    folder: Folder = None,
    register: Annotated[
        list[str] | None, typer.Option("--register", help="A reference register to bring along; may be repeated.")
    ] = None,
    has_registers: Annotated[
        bool, typer.Option("--registers/--no-registers", help="Bring reference registers.")
    ] = True,
    extras: Annotated[
        list[Extra] | None,
        typer.Option("--with", help="Also start: each site's Prometheus and Alertmanager.", show_default=False),
    ] = None,
) -> None:
    """Start everything that does not run, and bring the reference registers. Harmless when it is up."""
    from deploy.local.references import NAMES, add_reference

    system = _system(folder, progress=_progress())
    system.up(has_monitoring=Extra.MONITORING in (extras or ()), has_pages=True)
    for name in (register or NAMES) if has_registers else ():
        add_reference(system, name)
    system.say(f"up, in {system.folder}")
    _show_pages(system.status())
    print("addresses: embassy local env    processes: embassy local status    the end: embassy local down")


@app.command()
def down(
    *,
    folder: Folder = None,
    keep_data: Annotated[bool, typer.Option("--keep-data", help="Stop only; `up` goes on with the data.")] = False,
) -> None:
    """Stop everything and remove it: processes, data, keys. The fetched Java parts stay."""
    _system(folder, progress=_progress()).down(keep_data=keep_data)


@app.command()
def status(*, folder: Folder = None, as_json: AsJson = False) -> None:
    """Show every process; exit code 1 when one does not run."""
    lines = _system(folder).status()
    if as_json:
        print(json.dumps([dataclasses.asdict(line) for line in lines], indent=2))
    else:
        print(f"{'PROCESS':22}{'STATE':10}{'PID':>8}{'UPTIME':>10}{'MEMORY':>9}{'PORT':>7}")
        for line in lines:
            memory = "-" if line.memory_mb is None else f"{line.memory_mb} MB"
            uptime = f"{line.uptime_seconds} s" if line.pid else "-"
            print(f"{line.name:22}{line.state:10}{line.pid or '-':>8}{uptime:>10}{memory:>9}{line.port:>7}")
        _show_pages(lines)
    if any(line.state != "running" for line in lines):
        raise typer.Exit(1)


def _show_pages(lines: Iterable[ProcessStatus]) -> None:
    for line in lines:
        if line.name.endswith("-page"):
            print(f"{line.name.replace('-', ' ')}: http://127.0.0.1:{line.port}/")


@app.command()
def logs(
    process: Annotated[str | None, typer.Argument(help="A process; all when left out.", show_default=False)] = None,
    *,
    folder: Folder = None,
    is_followed: Annotated[bool, typer.Option("-f", "--follow", help="Go on printing what is added.")] = False,
    lines: Annotated[int, typer.Option("-n", "--lines", min=0, help="How many last lines of each log.")] = 40,
) -> None:
    """Print the end of the processes' logs."""
    system = _system(folder)
    names = [process] if process else [line.name for line in system.status()]
    tails = {name: _Tail(system.log_file(name), lines) for name in names}
    while True:
        for name, tail in tails.items():
            for line in tail.read():
                print(line if process else f"{name}: {line}", flush=True)
        if not is_followed:
            return
        time.sleep(FOLLOW_SECONDS)


@app.command()
def env(
    *,
    folder: Folder = None,
    as_json: AsJson = False,
    as_exports: Annotated[
        bool, typer.Option("--export", help='Print shell commands: eval "$(embassy local env --export)".')
    ] = False,
) -> None:
    """Print addresses with superuser passwords, for psql and for scripts."""
    system = _system(folder)
    found = system.env()
    if as_json:
        print(json.dumps(found, indent=2))
        return
    if as_exports:
        print(_exports(found))
        return
    for name, dsns in found["registers"].items():
        print(f"{name}: home_dsn={dsns['home_dsn']} standby_dsn={dsns['standby_dsn']}")
    for key, value in found.items():
        if key != "registers":
            print(f"{key}={value}")


def _exports(found: Environment) -> str:
    """LOCAL_HOME_SITE and its like, and a PATH on which psql, pgbench and this command are found."""
    from deploy.local.postgres import bin_folder

    lines = [
        f"export LOCAL_{key.upper()}={shlex.quote(str(value))}" for key, value in found.items() if key != "registers"
    ]
    folders = ":".join(shlex.quote(str(path)) for path in (Path(sys.executable).parent, bin_folder()))
    return "\n".join([*lines, f"export PATH={folders}:$PATH"])


@link.command()
def cut(
    *,
    folder: Folder = None,
    is_silent: Annotated[bool, typer.Option("--silent", help="Connections stay open and carry nothing.")] = False,
) -> None:
    """Cut the link: nothing passes until it is mended."""
    _show_link(_system(folder).link.cut(is_silent=is_silent))


@link.command()
def mend(*, folder: Folder = None) -> None:
    """Mend a cut link."""
    _show_link(_system(folder).link.mend())


@link.command()
def delay(
    milliseconds: Annotated[float, typer.Argument(min=0, max=60_000, help="Added to the round trip.")],
    *,
    folder: Folder = None,
) -> None:
    """Make the link long: milliseconds added to the round trip, half in each direction."""
    _show_link(_system(folder).link.delay(milliseconds))


@link.command()
def rate(
    kilobits: Annotated[float, typer.Argument(min=0, help="Kilobits per second; 0 is unlimited.")],
    *,
    folder: Folder = None,
) -> None:
    """Make the link narrow: kilobits per second in each direction."""
    _show_link(_system(folder).link.rate(kilobits))


@link.command(name="status")
def link_status(*, folder: Folder = None, as_json: AsJson = False) -> None:
    """Show what the link does to traffic and what it carried."""
    _show_link(_system(folder).link.status(), as_json=as_json)


def _system(folder: Path | None, *, progress: Callable[[str], None] | None = None) -> LocalSystem:
    from deploy.local.system import LocalSystem

    return LocalSystem(folder) if progress is None else LocalSystem(folder, progress=progress)


def _progress() -> Callable[[str], None]:
    began = time.monotonic()

    def say(line: str) -> None:
        sys.stderr.write(f"{time.monotonic() - began:6.1f} s  {line}\n")

    return say


def _show_link(state: LinkStatus, *, as_json: bool = False) -> None:
    if as_json:
        print(json.dumps(dataclasses.asdict(state)))
        return
    shape = state.shape
    condition = ("cut, silent" if shape.is_silent else "cut") if shape.is_cut else "open"
    rate_text = f"{shape.rate_kbit:g} kbit/s" if shape.rate_kbit else "unlimited"
    print(
        f"link: {condition}, delay {shape.delay_ms:g} ms, rate {rate_text}, {state.connections} connections, "
        f"{state.bytes_to_embassy} bytes to the embassy, {state.bytes_to_home} bytes to home"
    )


class _Tail:
    """Reads a log from its last lines on, through rotation."""

    def __init__(self, path: Path, lines: int) -> None:
        self._path = path
        self._lines: int | None = lines
        self._offset = 0

    def read(self) -> Iterator[str]:
        """Lines that were added since the last call."""
        if not self._path.exists():
            return
        if self._path.stat().st_size < self._offset:
            self._offset = 0
        with self._path.open("rb") as file:
            file.seek(self._offset)
            added = file.read()
        complete = added[: added.rfind(b"\n") + 1]
        self._offset += len(complete)
        found = complete.decode(errors="replace").splitlines()
        if self._lines is not None:
            found, self._lines = found[len(found) - min(len(found), self._lines) :], None
        yield from found
