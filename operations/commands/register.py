"""`embassy register prepare|snapshot|list`: a register at this site."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Annotated

import typer

from data_embassy.config import open_site, site_folder
from data_embassy.errors import ConfigError

if TYPE_CHECKING:
    from pipelines.snapshot import Progress

app = typer.Typer(help="The registers of this site.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The register's name.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_registers(*, as_json: Json = False) -> None:
    """List the registers of this site: state, tier, lane, source, pause. Asks files only, so it works in the dark."""
    from operations.onboarding.listing import list_registers as found

    rows = found(open_site(site_folder(None)))
    if as_json:
        print(json.dumps([dataclasses.asdict(row) for row in rows]))
        return
    for row in rows:
        print("\n".join(row.lines()))


@app.command()
def prepare(
    name: Name,
    *,
    print_sql: Annotated[bool, typer.Option("--print-sql", help="Print the SQL that the register's DBA runs.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Print the SQL that takes everything back.")] = False,
) -> None:
    """Print what the register's DBA reads and runs once, as a superuser in the register's database."""
    from connectors.prepare import prepare_sql, undo_sql

    if not print_sql:
        way_back = " --undo" if undo else ""
        raise ConfigError(
            "preparation is the DBA's own act: this program holds no superuser's password",
            remedy=f"embassy register prepare {name} --print-sql{way_back} | psql -X -v ON_ERROR_STOP=1 -d DATABASE",
        )
    register = open_site(site_folder(None)).register(name)
    print(undo_sql(register) if undo else prepare_sql(register), end="")


@app.command()
def snapshot(
    name: Name,
    *,
    slot_seconds: Annotated[
        float, typer.Option("--slot-seconds", min=1, help="How long the slot may wait for older transactions.")
    ] = 120.0,
    after_generation: Annotated[
        int | None,
        typer.Option("--after-generation", min=0, help="Only if asked for: the last generation that was taken."),
    ] = None,
    is_capture_left: Annotated[
        bool, typer.Option("--leave-capture", help="Do not apply the connector afterwards.")
    ] = False,
    is_differing: Annotated[
        bool,
        typer.Option("--differing", help="Ask the embassy what its standby holds, and send only what differs."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Take a new generation: one exact snapshot of the register into its home topic. Then capture begins or goes on."""
    from operations.healing import heal
    from operations.onboarding.add import begin_capture
    from pipelines.snapshot import Options, take_snapshot

    def report(progress: Progress) -> None:
        line = json.dumps(dataclasses.asdict(progress)) if as_json else _line(progress)
        print(line, flush=True)

    site = open_site(site_folder(None))
    options = Options(slot_seconds_max=slot_seconds, after_generation=after_generation)
    take = heal if is_differing else take_snapshot
    taken = take(site, site.register(name), report=report, options=options)
    if as_json:
        print(
            json.dumps(dataclasses.asdict(taken) | {"phase": "done", "consistent_point": str(taken.consistent_point)})
        )
    else:
        kept = f" ({taken.rows_kept} of them stood at the embassy)" if is_differing else ""
        print(
            f"{name}: generation {taken.generation} complete in {taken.seconds:.1f} s: {taken.tables} tables, "
            f"{taken.rows} rows{kept}, {taken.bytes / 1e6:.1f} MB sent, consistent point {taken.consistent_point}"
        )
    if not is_capture_left:
        begin_capture(site, name)


def _line(progress: Progress) -> str:
    """One plain line; the estimate of the time left rests on heap sizes and is rough."""
    head = f"{progress.seconds:7.1f} s  {progress.phase:<9}"
    if progress.phase != "rows":
        return f"{head} {progress.message}"
    left = ""
    if progress.bytes and progress.bytes_estimated > progress.bytes:
        seconds = progress.seconds * (progress.bytes_estimated - progress.bytes) / progress.bytes
        left = f", about {seconds:.0f} s left"
    text = (
        f"{head} {progress.tables_done}/{progress.tables} tables, {progress.rows} rows, "
        f"{progress.bytes / 1e6:.1f} MB{left}"
    )
    return f"{text}  {progress.message}".rstrip()
