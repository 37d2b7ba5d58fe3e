"""`embassy register remove NAME`: let a register go at this site."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from data_embassy.config import Site, open_site, site_folder
from data_embassy.errors import ConfigError


def remove(
    name: Annotated[str, typer.Argument(help="The register.")],
    *,
    is_agreed: Annotated[bool, typer.Option("--yes", help="Remove; without it a person types the name.")] = False,
    print_sql: Annotated[
        bool, typer.Option("--print-sql", help="Home: print the DBA's part, and remove nothing.")
    ] = False,
    is_source_gone: Annotated[
        bool, typer.Option("--source-gone", help="Home: the register's server is gone for good, and its slot with it.")
    ] = False,
    with_lane: Annotated[
        bool, typer.Option("--lane-too", help="Embassy: delete the lane as well; nothing can be rebuilt then.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Remove a register while this site's workers run; may be repeated until nothing is open.

    At home: contract, connector, slot, topics; the rest of the register's database is the DBA's part, printed as SQL.
    Exit code 3 while something could not be reached. At the embassy: contract, standbys, what is known of them.
    """
    from operations.onboarding.remove import find, remove_at_embassy, remove_at_home, sql_for_dba
    from operations.onboarding.steps import require_reached

    site = open_site(site_folder(None))
    _refuse_unfit(site, is_for_home=print_sql or is_source_gone, is_for_embassy=with_lane)
    register = find(site, name)
    if print_sql:
        print(sql_for_dba(register), end="")
        return
    _require_agreement(site, name, is_agreed=is_agreed)
    if site.role == "home":
        course = remove_at_home(site, register, has_source=not is_source_gone)
        sql = sql_for_dba(register)
    else:
        course, sql = remove_at_embassy(site, register, with_lane=with_lane), None
    if as_json:
        print(json.dumps(course.as_json() | {"sql": sql}))
    else:
        print("\n".join([f"removing {name} at {site.name}", *course.lines()]))
        if sql is not None:
            print(f"-- The part of the register's DBA (run as a superuser in its database):\n{sql}", end="")
    require_reached(course, f"embassy register remove {name} --yes")


def _refuse_unfit(site: Site, *, is_for_home: bool, is_for_embassy: bool) -> None:
    if (is_for_home and site.role != "home") or (is_for_embassy and site.role != "embassy"):
        raise ConfigError(f"site {site.name} has no such part", remedy="embassy register remove --help")


def _require_agreement(site: Site, name: str, *, is_agreed: bool) -> None:
    if is_agreed:
        return
    if sys.stdin.isatty():
        print(f"This removes {name} at {site.name}. Type its name to go on: ", end="", flush=True)
        if sys.stdin.readline().strip() == name:
            return
        raise ConfigError("nothing was removed", remedy=f"embassy register remove {name}")
    raise ConfigError("nothing is removed without --yes", remedy=f"embassy register remove {name} --yes")
