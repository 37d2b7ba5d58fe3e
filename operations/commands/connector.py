"""`embassy connector plan|apply|status|remove NAME`: a register's capture connector in Kafka Connect."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from data_embassy.config import open_site, site_folder
from data_embassy.errors import CheckFailed

app = typer.Typer(help="Capture connectors of this site's registers.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The register's name.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def plan(name: Name, *, as_json: Json = False) -> None:
    """Print what `apply` would make so, and what differs from it now. Changes nothing."""
    from connectors.apply import connect_client
    from connectors.plan import plan as make_plan

    site = open_site(site_folder(None))
    wanted = make_plan(site, name)
    with connect_client(site) as client:
        found = client.config(wanted.name)
    present = {key: value for key, value in (found or {}).items() if key != "name"}
    keys = sorted(wanted.config.keys() | present.keys())
    changes = {
        key: [present.get(key), wanted.config.get(key)] for key in keys if present.get(key) != wanted.config.get(key)
    }
    if as_json:
        print(json.dumps({"connector": wanted.name, "exists": found is not None, "changes": changes}))
        return
    print(f"connector {wanted.name}: {'as planned' if not changes else 'change' if found is not None else 'create'}")
    for key, (old, new) in changes.items():
        print(f"  {key}: {'' if old is None else f'{old} -> '}{'(removed)' if new is None else new}")
    for topic, settings in wanted.topics.items():
        print(f"topic {topic}: {', '.join(f'{key}={value}' for key, value in settings.items())}")


@app.command()
def apply(name: Name, *, as_json: Json = False) -> None:
    """Create the register's home topics and its connector, or change the connector; may be repeated."""
    from connectors.apply import apply_connector
    from connectors.plan import connector_name

    created = apply_connector(open_site(site_folder(None)), name)
    if as_json:
        print(json.dumps({"connector": connector_name(name), "topics_created": created}))
    else:
        print(f"{connector_name(name)} applied" + (f"; created {', '.join(created)}" if created else ""))


@app.command()
def status(name: Name, *, as_json: Json = False) -> None:
    """Show whether capture runs, and why not; exit code 1 when it does not."""
    from connectors.apply import connect_client
    from connectors.plan import connector_name
    from connectors.watch import health_folder, read_health

    site = open_site(site_folder(None))
    site.register(name)
    with connect_client(site) as client:
        found = client.status(connector_name(name))
    known = read_health(health_folder(site), name)
    cause = found.cause or (known.cause if known is not None and not found.is_running else None)
    restarts = 0 if known is None else known.restarts
    if as_json:
        print(json.dumps({"register": name, "state": found.state, "cause": cause, "restarts": restarts}))
    else:
        print(f"{name}: {found.state}, {restarts} restarts" + (f"\n  {cause}" if cause else ""))
    if not found.is_running:
        raise CheckFailed(f"capture of {name} does not run", remedy=f"embassy connector apply {name}")


@app.command()
def remove(name: Name) -> None:
    """Delete the connector. The slot and the topics stay; the slot holds back the register's WAL until they go too."""
    from connectors.apply import connect_client
    from connectors.plan import connector_name

    site = open_site(site_folder(None))
    site.register(name)
    with connect_client(site) as client:
        was_there = client.remove(connector_name(name))
    print(f"{connector_name(name)} {'removed' if was_there else 'was not there'}")
