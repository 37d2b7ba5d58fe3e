"""`embassy demo`: both sites on this machine, ten registers under load, everything that may break, and the proof."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    *,
    folder: Annotated[
        Path | None, typer.Option("--folder", help="The system's folder (env: EMBASSY_LOCAL).", show_default=False)
    ] = None,
    is_ended_with_down: Annotated[
        bool, typer.Option("--down", help="Stop and remove the system at the end; otherwise it goes on running.")
    ] = False,
    has_home_dark: Annotated[
        bool, typer.Option("--home-dark/--no-home-dark", help="Also rebuild a standby with home stopped.")
    ] = True,
) -> None:
    """Show registers streaming, sealed, into warm standbys: a cut link, kills, proof. Exit code 1 if it fails."""
    from deploy.local.demo import Options, run_demo
    from deploy.local.system import LocalSystem

    system = LocalSystem(folder)
    options = Options(is_ended_with_down=is_ended_with_down, has_home_dark=has_home_dark)
    if not run_demo(system, options):
        raise typer.Exit(1)
