"""`embassy connector plan|apply|status|remove NAME`: the capture connector of a register in Kafka Connect."""

from __future__ import annotations

import dataclasses
import json
from typing import Annotated

import typer

from data_embassy.config import Connect, Site, load_site, site_folder
from data_embassy.errors import CheckFailed, ConfigError

app = typer.Typer(help="The capture connector of a register.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The register.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def _connect(site: Site) -> Connect:
    if site.connect is None:
        raise ConfigError("only home captures", remedy="run the command at home: embassy --site HOME connector ...")
    return site.connect


@app.command()
def plan(name: Name) -> None:
    """Print the connector's configuration and topics; nothing is changed."""
    from connectors.plan import plan as plan_connector

    print(json.dumps(dataclasses.asdict(plan_connector(load_site(site_folder(None)), name)), indent=2))


@app.command()
def apply(name: Name) -> None:
    """Create the register's topics and its connector, or bring them up to the contract. Harmless when repeated."""
    from connectors.client import ConnectClient
    from connectors.plan import plan as plan_connector
    from data_embassy.kafka import ensure_topics

    site = load_site(site_folder(None))
    planned = plan_connector(site, name)
    ensure_topics(site.kafka, planned.topics)
    with ConnectClient(_connect(site).url) as client:
        client.put(planned.name, planned.config)
    print(f"{name}: connector {planned.name} applied")


@app.command()
def status(name: Name, *, as_json: AsJson = False) -> None:
    """The connector's state and, when it failed, its cause; exit code 1 unless it runs."""
    from connectors.client import ConnectClient
    from connectors.plan import connector_name

    site = load_site(site_folder(None))
    with ConnectClient(_connect(site).url) as client:
        found = client.status(connector_name(site.register(name).name))
    print(json.dumps({"register": name, **dataclasses.asdict(found)}) if as_json else f"{name}: {found.state}")
    if not found.is_running:
        raise CheckFailed(found.cause or f"the connector is {found.state}", remedy=f"embassy connector apply {name}")


@app.command()
def remove(name: Name) -> None:
    """Delete the connector; the slot and the topics stay."""
    from connectors.client import ConnectClient
    from connectors.plan import connector_name

    site = load_site(site_folder(None))
    with ConnectClient(_connect(site).url) as client:
        existed = client.remove(connector_name(site.register(name).name))
    print(f"{name}: connector removed" if existed else f"{name}: there was no connector")
