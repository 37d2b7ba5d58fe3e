"""`embassy config show|check`: what this site's processes read."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from data_embassy.config import PasswordFile, load_site, site_folder

app = typer.Typer(help="This site's configuration.", no_args_is_help=True)


def _plain(value: Any) -> Any:
    if isinstance(value, PasswordFile):
        return str(value.path)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return str(value) if isinstance(value, Path) else value


@app.command()
def show() -> None:
    """Print the configuration as it is understood, without secrets."""
    print(json.dumps(_plain(load_site(site_folder(None))), indent=2))


@app.command()
def check(*, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Read every file and every password file; exit code 2 lists all that is wrong."""
    site = load_site(site_folder(None))
    for register in site.registers.values():
        if register.source is not None:
            for access in (register.source.capture, register.source.pulse):
                if access.password is not None:
                    access.password.read()
    if site.kafka.password is not None:
        site.kafka.password.read()
    summary = {"site": site.name, "role": site.role, "registers": sorted(site.registers)}
    print(
        json.dumps(summary) if as_json else f"{site.name} ({site.role}): {len(site.registers)} registers, all readable"
    )
