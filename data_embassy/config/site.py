"""A site's folder -> frozen objects: `site.toml`, and one contract per register."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from data_embassy.config.contract import read_contracts
from data_embassy.config.model import Broker, Connect, Link, Metrics, Page, Place, Postgres, Site
from data_embassy.config.reader import Reader
from data_embassy.config.secret import REMEDY
from data_embassy.errors import ConfigError

REPLICAS: Final = 3
"""Of a topic, unless `site.toml` says something else: one broker may be away, and another one's disk be lost."""


def load_site(folder: Path) -> Site:
    """Read a site's folder; raises ConfigError that lists every problem found in all files."""
    return _load(folder, tolerates_contracts=False)


def open_site(folder: Path) -> Site:
    """Read a site's folder; contracts that cannot be used stand in `faults`.

    For long-lived processes and for commands that concern one register: another one's contract is none of their
    business. Raises ConfigError that lists every problem of `site.toml`.
    """
    return _load(folder, tolerates_contracts=True)


def _load(folder: Path, *, tolerates_contracts: bool) -> Site:
    problems: list[str] = []
    folder = folder.absolute()
    reader = Reader(folder / "site.toml", folder, problems)
    role = reader.text("site", "role")
    if role not in ("home", "embassy"):
        problems.append(f"{reader.path}: site.role must be home or embassy")
    registers, faults = read_contracts(folder, is_home=role == "home", known={})
    site = Site(
        role="home" if role == "home" else "embassy",
        name=reader.text("site", "name", role),
        folder=folder,
        keys=folder / reader.text("site", "keys", "keys"),
        state=folder / reader.text("site", "state", "state"),
        kafka=Broker(
            bootstrap=reader.text("kafka", "bootstrap"),
            username=reader.optional("kafka", "username"),
            password=reader.password("kafka", "password_file"),
            replicas=reader.number("kafka", "replicas", REPLICAS, 1, 15),
        ),
        connect=Connect(url=reader.text("connect", "url")) if role == "home" else None,
        link=_load_link(reader) if role == "home" else None,
        postgres=_load_postgres(reader) if role == "embassy" else None,
        metrics=Metrics(
            forward=reader.number("metrics", "forward", 0, 0, 65535),
            pulse=reader.number("metrics", "pulse", 0, 0, 65535),
            receive=reader.number("metrics", "receive", 0, 0, 65535),
        ),
        page=_load_page(reader),
        disks=tuple(folder / path for path in reader.texts("site", "disks") or ()),
        place=_place(reader.degrees("site", "latitude", 90), reader.degrees("site", "longitude", 180), problems),
        registers=registers,
        faults=faults,
    )
    reader.finish()
    texts = [] if tolerates_contracts else [error.message for error in faults.values()]
    if problems or texts:
        lines = "\n  ".join([*problems, *texts])
        raise ConfigError(f"the configuration cannot be used:\n  {lines}", remedy=REMEDY)
    return site


def _load_page(reader: Reader) -> Page:
    return Page(
        bind=reader.text("page", "bind", "127.0.0.1"),
        port=reader.number("page", "port", 8440, 1, 65535),
        hosts=reader.texts("page", "hosts") or (),
        token=reader.password("page", "token_file"),
        cert_file=reader.file("page", "cert_file"),
        key_file=reader.file("page", "key_file"),
        client_ca_file=reader.file("page", "client_ca_file"),
    )


def _load_link(reader: Reader) -> Link:
    return Link(
        bootstrap=reader.text("link", "bootstrap"),
        ca_file=reader.file("link", "ca_file"),
        cert_file=reader.file("link", "cert_file"),
        key_file=reader.file("link", "key_file"),
        place=_place(reader.degrees("link", "latitude", 90), reader.degrees("link", "longitude", 180), reader.problems),
    )


def _place(latitude: float | None, longitude: float | None, problems: list[str]) -> Place | None:
    if latitude is not None and longitude is not None:
        return Place(latitude=latitude, longitude=longitude)
    if latitude is not None or longitude is not None:
        problems.append("a place has a latitude and a longitude, in degrees")
    return None


def _load_postgres(reader: Reader) -> Postgres:
    return Postgres(
        host=reader.text("postgres", "host"),
        port=reader.number("postgres", "port", 5432, 1, 65535),
        database=reader.text("postgres", "database", "data_embassy"),
        user=reader.text("postgres", "user", "data_embassy"),
        password=reader.password("postgres", "password_file"),
    )


def site_folder(explicit: Path | None) -> Path:
    """The folder given on the command line, else `EMBASSY_SITE`; raises ConfigError when neither is there."""
    if explicit is not None:
        return explicit
    named = os.environ.get("EMBASSY_SITE")
    if not named:
        raise ConfigError("no site was chosen", remedy="give --site FOLDER or set EMBASSY_SITE")
    return Path(named)
