"""`embassy register prepare|snapshot|list`: a register at this site."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Annotated

import typer

from data_embassy.config import load_site, site_folder
from data_embassy.errors import ConfigError

if TYPE_CHECKING:
    from pipelines.snapshot import Progress

app = typer.Typer(help="The registers of this site.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The register's name.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_registers(*, as_json: Json = False) -> None:
    """List the registers that have a contract at this site."""
    site = load_site(site_folder(None))
    rows = [
        {
            "name": register.name,
            "lane": register.lane,
            "tier": register.tier,
            "source": None
            if register.source is None
            else f"{register.source.capture.host}:{register.source.capture.port}/{register.source.capture.database}",
        }
        for register in site.registers.values()
    ]
    if as_json:
        print(json.dumps(rows))
        return
    for row in rows:
        print(f"{row['name']:<24} tier {row['tier']}  lane {row['lane']}  {row['source'] or ''}".rstrip())


@app.command()
def prepare(
    name: Name,
    *,
    print_sql: Annotated[bool, typer.Option("--print-sql", help="Print the SQL that the register's DBA runs.")] = False,
) -> None:
    """Print what the register's DBA reads and runs once, as a superuser in the register's database."""
    from connectors.prepare import prepare_sql

    if not print_sql:
        raise ConfigError(
            "preparation is the DBA's own act: this program holds no superuser's password",
            remedy=f"embassy register prepare {name} --print-sql | psql -X -v ON_ERROR_STOP=1 -d DATABASE",
        )
    print(prepare_sql(load_site(site_folder(None)).register(name)), end="")


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
    as_json: Json = False,
) -> None:
    """Take a new generation: one exact snapshot of the register into its home topic."""
    from pipelines.snapshot import Options, take_snapshot

    def report(progress: Progress) -> None:
        line = json.dumps(dataclasses.asdict(progress)) if as_json else _line(progress)
        print(line, flush=True)

    site = load_site(site_folder(None))
    options = Options(slot_seconds_max=slot_seconds, after_generation=after_generation)
    taken = take_snapshot(site, site.register(name), report=report, options=options)
    if as_json:
        print(
            json.dumps(dataclasses.asdict(taken) | {"phase": "done", "consistent_point": str(taken.consistent_point)})
        )
        return
    print(
        f"{name}: generation {taken.generation} complete in {taken.seconds:.1f} s: {taken.tables} tables, "
        f"{taken.rows} rows, {taken.bytes / 1e6:.1f} MB, consistent point {taken.consistent_point}"
    )


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
