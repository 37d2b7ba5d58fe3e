"""The command `embassy`: nouns and verbs, and the one place where errors become exit codes.

Exit codes: 0 ok, 1 a check failed, 2 usage or configuration, 3 unreachable.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from data_embassy import log
from data_embassy.errors import ConfigError, DataEmbassyError, TransportError

app = typer.Typer(
    help="Warm, sealed, provably equal standbys of a state's registers in an embassy abroad.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
_NOUNS: Final = ("local", "register", "connector", "run", "keys", "config")
_VERBS: Final = ("demo", "status", "plan", "report")
_REGISTER_VERBS: Final = (
    "add",
    "check",
    "replay",
    "verify",
    "verifications",
    "repair",
    "drilled",
    "drills",
    "pause",
    "resume",
    "tier",
    "decide",
    "remove",
)


@app.callback()
def _site(
    site: Annotated[
        Path | None, typer.Option("--site", help="The site's folder (env: EMBASSY_SITE).", show_default=False)
    ] = None,
    is_verbose: Annotated[bool, typer.Option("--verbose", help="More log lines; still no row data.")] = False,
) -> None:
    log.configure(is_verbose=is_verbose)
    if site is not None:
        os.environ["EMBASSY_SITE"] = str(site)


def mount() -> None:
    """Mount each noun's file; the roles are imported only when a command of theirs runs."""
    for noun in _NOUNS:
        app.add_typer(importlib.import_module(f"operations.commands.{noun}").app, name=noun)
    register = importlib.import_module("operations.commands.register").app
    for verb in _REGISTER_VERBS:
        register.command(name=verb)(getattr(importlib.import_module(f"operations.commands.{verb}"), verb))
    for verb in _VERBS:
        if importlib.util.find_spec(f"operations.commands.{verb}") is None:
            continue
        app.command(name=verb)(getattr(importlib.import_module(f"operations.commands.{verb}"), verb))


def exit_code(error: DataEmbassyError) -> int:
    """The documented exit code of an error."""
    if isinstance(error, ConfigError):
        return 2
    return 3 if isinstance(error, TransportError) else 1


def main() -> None:
    """Entry point of the console script."""
    mount()
    try:
        app()
    except DataEmbassyError as error:
        sys.stderr.write(error.diagnostics() + "\n")
        sys.exit(exit_code(error))
    except KeyboardInterrupt:
        sys.exit(130)
