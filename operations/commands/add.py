"""`embassy register add NAME`: take a register under contract at this site."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from data_embassy.config import Site, open_site, site_folder
from data_embassy.errors import CheckFailed, ConfigError

_TIER = "Higher tiers go first when the link cannot carry everything: 1 to 9, 1 if not given."
_FILE = "of mode 0600"


def add(
    name: Annotated[str, typer.Argument(help="A name for the register: lower-case letters, digits and _.")],
    *,
    dsn: Annotated[
        str | None,
        typer.Option("--dsn", help="Home: where the register is, without a password: postgresql://HOST:5432/DATABASE."),
    ] = None,
    dsn_file: Annotated[
        Path | None, typer.Option("--dsn-file", help=f"Home: a file {_FILE} with the DSN (env: EMBASSY_DSN).")
    ] = None,
    capture_password_file: Annotated[
        Path | None,
        typer.Option(
            "--capture-password-file",
            help=f"Home: a file {_FILE} with the capture role's password (env: EMBASSY_CAPTURE_PASSWORD).",
        ),
    ] = None,
    pulse_password_file: Annotated[
        Path | None,
        typer.Option(
            "--pulse-password-file",
            help=f"Home: a file {_FILE} with the pulse role's password (env: EMBASSY_PULSE_PASSWORD).",
        ),
    ] = None,
    contract: Annotated[
        Path | None,
        typer.Option(
            "--contract",
            help="A file with the contract, the same at both sites; other options say what it leaves open.",
        ),
    ] = None,
    lane: Annotated[
        str | None, typer.Option("--lane", help="The lane's id: at the embassy as home printed it; at home by chance.")
    ] = None,
    tier: Annotated[int | None, typer.Option("--tier", min=1, max=9, help=_TIER)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Take a register under contract while this site's workers run; may be repeated until nothing is open.

    At home it writes the contract, runs the preflight, makes the topics, starts capture where a slot exists, and
    prints the commands that follow, also the embassy's. At the embassy it writes the contract.
    """
    from operations.onboarding.add import add as add_register
    from operations.onboarding.add import is_refused
    from operations.onboarding.contract import Asked
    from operations.onboarding.dsn import read_dsn, read_password
    from operations.onboarding.steps import require_reached

    site = open_site(site_folder(None))
    files = {"capture": capture_password_file, "pulse": pulse_password_file}
    _refuse_unfit(
        site, given={"--dsn": dsn, "--dsn-file": dsn_file} | {f"--{k}-password-file": files[k] for k in files}
    )
    address = read_dsn(dsn, dsn_file, os.environ) if site.role == "home" else None
    passwords = {role: read_password(role, file, os.environ) for role, file in files.items()}
    asked = Asked(
        name=name,
        lane=lane,
        tier=tier,
        address=address,
        passwords={role: secret for role, secret in passwords.items() if secret is not None},
        password_files={role: file for role, file in files.items() if file is not None},
        text=None if contract is None else _read(contract),
    )
    course = add_register(site, asked)
    print(json.dumps(course.as_json()) if as_json else "\n".join([f"register {name} at {site.name}", *course.lines()]))
    require_reached(course, f"embassy register add {name}")
    if is_refused(course):
        raise CheckFailed(
            f"{name} must not be captured as it is", remedy=f"embassy register check {name}, and what it says"
        )


def _refuse_unfit(site: Site, given: Mapping[str, object]) -> None:
    """The embassy holds no access to a register."""
    unfit = [option for option, value in given.items() if value is not None]
    if site.role == "embassy" and unfit:
        raise ConfigError(
            f"{', '.join(unfit)}: the embassy has no access to registers",
            remedy="at the embassy: embassy register add NAME --lane LANE --tier N, as home printed it",
        )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the contract {path} cannot be read: {type(error).__name__}", remedy="check it") from error
