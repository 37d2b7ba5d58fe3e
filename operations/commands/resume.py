"""`embassy register resume NAME`: let a register go on at this site."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from data_embassy.config import open_site, site_folder


def resume(
    name: Annotated[str, typer.Argument(help="The register.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """End a register's pause here and have its stops looked at again: what is over goes on, what lasts stops again."""
    from operations.onboarding.pausing import resume_register

    site = open_site(site_folder(None))
    was_paused, asked = resume_register(site, name)
    if as_json:
        print(json.dumps({"register": name, "site": site.name, "was_paused": was_paused, "stops_asked": asked}))
        return
    said = f"{name} goes on at {site.name}" if was_paused else f"{name} was not paused at {site.name}"
    print(said + (f"; looked at again: {', '.join(asked)}" if asked else ""))
