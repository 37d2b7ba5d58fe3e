"""`embassy register decide NAME`: what becomes of a schema change that cannot be replayed, decided at the embassy."""

from __future__ import annotations

import datetime as dt
import getpass
import json
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from data_embassy.config import Site, load_site, site_folder
from data_embassy.errors import CheckFailed, ConfigError

if TYPE_CHECKING:
    from consumers.apply.ddl.decisions import Pending


def decide(
    name: Annotated[str, typer.Argument(help="The register.")],
    *,
    ddl: Annotated[int | None, typer.Option("--ddl", help="Number of the schema change, as its stop names it.")] = None,
    is_skipped: Annotated[
        bool, typer.Option("--skip", help="Run nothing for it: it concerns nothing that a standby holds.")
    ] = False,
    run_file: Annotated[
        Path | None, typer.Option("--run-file", help="Run the SQL of this file instead, with names in full.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """At the embassy: show the schema change that stopped a register, or decide what is done instead.

    The decision is signed, kept, and used again whenever the register is rebuilt from the lane.
    """
    site = load_site(site_folder(None))
    register = site.register(name).name
    waiting = _waiting(site, register)
    if ddl is None:
        _show(register, waiting, as_json=as_json)
        return
    if is_skipped == (run_file is not None):
        raise ConfigError("one decision is needed", remedy="give either --skip or --run-file FILE")
    if waiting is None or waiting.id != ddl:
        raise CheckFailed(
            f"no schema change {ddl} of {register} waits for a decision",
            remedy=f"see what waits: embassy register decide {register}",
        )
    _decide(site, register, waiting, None if run_file is None else _read(run_file))
    answer = {"register": register, "ddl": ddl, "decision": "skip" if is_skipped else "run"}
    print(json.dumps(answer) if as_json else f"decided; {register} goes on")


def _decide(site: Site, register: str, waiting: Pending, sql: str | None) -> None:
    from consumers.decisions import decision_log
    from consumers.stops import StopFiles

    decision_log(site, register).add(
        ddl=waiting.id, digest=waiting.digest, sql=sql, by=getpass.getuser(), now=dt.datetime.now(dt.UTC)
    )
    StopFiles(site.state).clear(register)


def _waiting(site: Site, register: str) -> Pending | None:
    from consumers import standby
    from consumers.apply.ddl import pending
    from consumers.control import Control

    if site.postgres is None:
        raise ConfigError(f"site {site.name} is no embassy", remedy="give --site the embassy's folder")
    with closing(Control.open(site.postgres, role="decide")) as control:
        databases = [one.database for one in control.standbys(register) if control.exists(one.database)]
    found = []
    for database in databases:
        with closing(standby.open_session(site.postgres, database, role="decide")) as connection:
            found.append(pending.read(connection))
    return max((one for one in found if one is not None), key=lambda one: one.id, default=None)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {type(error).__name__}", remedy="give a file of SQL") from None


def _show(register: str, waiting: Pending | None, *, as_json: bool) -> None:
    if as_json:
        shown: dict[str, Any] = {"register": register, "waiting": None}
        if waiting is not None:
            shown["waiting"] = {
                "ddl": waiting.id, "tag": waiting.tag, "reason": waiting.reason, "statement": waiting.text,
            }  # fmt: skip
        print(json.dumps(shown))
        return
    if waiting is None:
        print(f"no schema change of {register} waits for a decision")
        return
    print(
        f"schema change {waiting.id} of {register} ({waiting.tag}): {waiting.reason}\n\n{waiting.text}\n\n"
        f"embassy register decide {register} --ddl {waiting.id} --skip            # it concerns nothing here\n"
        f"embassy register decide {register} --ddl {waiting.id} --run-file FILE   # this SQL instead\n"
        f"at home: embassy register snapshot {register}                           # a new generation"
    )
