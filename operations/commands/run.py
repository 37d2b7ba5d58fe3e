"""`embassy run forward|pulse|receive|page`: this site's processes, each in the foreground until SIGTERM."""

from __future__ import annotations

from functools import partial

import typer

from data_embassy.config import open_site, site_folder

app = typer.Typer(help="This site's processes, in the foreground.", no_args_is_help=True)


@app.command()
def forward() -> None:
    """Home: seal what the registers change and append it to the lanes."""
    from pipelines.app import run_forward

    run_forward(open_site(site_folder(None)))


@app.command()
def pulse() -> None:
    """Home: let each register's clock beat once a second; restart capture tasks that failed."""
    from connectors.watch import watch
    from pipelines.pulse import run_pulse

    site = open_site(site_folder(None))
    run_pulse(site, loops=(partial(watch, site),))


@app.command()
def receive() -> None:
    """Embassy: open the lanes and keep the standbys warm."""
    from consumers.receive import run_receive

    run_receive(open_site(site_folder(None)))


@app.command()
def page() -> None:
    """Both sites: the status page for people; read-only, on loopback unless the site says how it is guarded."""
    from operations.page.serve import serve

    serve(open_site(site_folder(None)))
