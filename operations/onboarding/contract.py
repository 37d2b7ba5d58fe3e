"""Write a register's contract and its secrets, so that the site's workers take it up within a second or two."""

from __future__ import annotations

import os
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from data_embassy.config import (
    PasswordFile,
    Postgres,
    Register,
    Secret,
    Site,
    contract_path,
    read_contract,
    sync_folder,
    write_atomically,
)
from data_embassy.errors import ConfigError, ContractError
from operations.onboarding.agreement import Given, completed, is_same, read_given
from operations.onboarding.dsn import Address

_ROLES: Final = ("capture", "pulse")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What an operator asks for; None where a register under contract already is to stay as it is."""

    name: str
    lane: str | None = None
    tier: int | None = None
    address: Address | None = None
    passwords: dict[str, Secret] | None = None
    """By role, `capture` and `pulse`."""
    password_files: dict[str, Path] | None = None
    """Where they came from: a file among the site's secrets is named as it is."""
    text: str | None = None
    """A contract, which may lack lane, tier and source; the same file at both sites."""


def take(site: Site, asked: Asked) -> tuple[Register, bool]:
    """The register under contract, and whether it is newly so; passwords that were given are stored in either case.

    Raises ContractError when the site has another contract of that name, or what was asked makes no contract.
    """
    path = contract_path(site.folder, asked.name)
    refuse_removing(site, asked.name)
    if asked.name in site.faults:
        raise site.faults[asked.name]
    known, given = site.registers.get(asked.name), read_given(asked.text, site.role)
    if known is not None:
        _refuse_other(known, asked, given, path)
        _store_passwords(known, asked)
        return known, False
    text = _compose(site, asked, given)
    register = validated(site, asked.name, text)
    _refuse_contradiction(register, asked)
    if register.lane in {one.lane for one in site.registers.values()}:
        raise ContractError(f"lane {register.lane} belongs to another register", remedy="give another --lane")
    _store_passwords(register, asked)
    write_atomically(path, text)
    return register, True


def removing_path(site: Site, name: str) -> Path:
    """Where the contract of a register stands while it is being removed; raises ContractError as `contract_path`."""
    return site.state / "removing" / contract_path(site.folder, name).name


def forget_secrets(site: Site, name: str) -> None:
    """Remove the password files that were written for a register; those that it shares with others stay."""
    for role in _ROLES:
        _secret_path(site, name, role).unlink(missing_ok=True)


def refuse_removing(site: Site, name: str) -> None:
    """Raise ContractError for a register whose removal was begun."""
    if removing_path(site, name).exists():
        raise ContractError(f"{name} is being removed", remedy=f"embassy register remove {name} --yes")


def _compose(site: Site, asked: Asked, given: Given) -> str:
    if site.role == "embassy" and asked.lane is None and not given.has("lane"):
        raise ConfigError(
            f"{asked.name} has no contract here, and its lane was not given",
            remedy=f"at home: embassy register add {asked.name} prints the line for the embassy",
        )
    # Of a file that lacks it everything is said at once: `validated`.
    if site.role == "home" and asked.address is None and asked.text is None:
        raise ConfigError(
            f"{asked.name} has no contract here, and its source was not given",
            remedy=f"embassy register add {asked.name} --dsn postgresql://HOST:5432/DATABASE --tier 1",
        )
    return completed(
        given,
        title=f"Contract of the register {asked.name} at {site.name}. Written by `embassy register add`.",
        head={"lane": asked.lane or secrets.token_hex(8), "tier": asked.tier or 1},
        source={} if asked.address is None else _source(site, asked, asked.address),
    )


def _source(site: Site, asked: Asked, address: Address) -> dict[str, str | int]:
    found: dict[str, str | int] = {"host": address.host, "port": address.port, "database": address.database}
    if address.user is not None:
        found["capture_user"] = address.user
    for role in _ROLES:
        if role in _given(asked):
            file = _file_among_secrets(site, asked, role) or _secret_path(site, asked.name, role)
            found[f"{role}_password_file"] = os.path.relpath(file, site.folder)
    return found


def _given(asked: Asked) -> dict[str, Secret]:
    found = dict(asked.passwords or {})
    if asked.address is not None and asked.address.password is not None:
        found.setdefault("capture", asked.address.password)
    return found


def _secret_path(site: Site, name: str, role: str) -> Path:
    return site.folder / "secrets" / f"{name}-{role}"


def _file_among_secrets(site: Site, asked: Asked, role: str) -> Path | None:
    """A password file that can be named as it is: Kafka Connect reads files of that folder, to the last byte."""
    file = (asked.password_files or {}).get(role)
    if file is None or file.absolute().parent != (site.folder / "secrets").absolute():
        return None
    return file.absolute() if not file.read_text(encoding="utf-8").endswith(("\n", "\r")) else None


def _store_passwords(register: Register, asked: Asked) -> None:
    if register.source is None:
        return
    targets: dict[str, Postgres] = {"capture": register.source.capture, "pulse": register.source.pulse}
    for role, secret in _given(asked).items():
        password = targets[role].password
        if password is None:
            raise ContractError(
                f"the contract of {register.name} names no {role}_password_file",
                remedy=f'write {role}_password_file = "secrets/{register.name}-{role}" into its [source], then again',
            )
        if not _holds(password, secret):
            write_atomically(password.path, secret.reveal())


def _holds(password: PasswordFile, secret: Secret) -> bool:
    try:
        return password.read().reveal() == secret.reveal()
    except ConfigError:
        return False


def validated(site: Site, name: str, text: str) -> Register:
    """The contract that this text would be; raises ContractError with everything that is wrong."""
    problems: list[str] = []
    with tempfile.TemporaryDirectory(prefix="embassy-") as folder:
        draft = Path(folder) / f"{name}.toml"
        draft.write_text(text, encoding="utf-8")
        register = read_contract(draft, site.folder, problems, is_home=site.role == "home")
    if problems:
        lines = "\n  ".join(problem.replace(str(draft), "contract") for problem in problems)
        raise ContractError(f"this makes no contract:\n  {lines}", remedy="correct what was given")
    return register


def _refuse_other(known: Register, asked: Asked, given: Given, path: Path) -> None:
    differs = _differences(known, asked)
    if asked.text is not None and not (path.exists() and is_same(given, path.read_text(encoding="utf-8"))):
        differs.append("contract")
    if differs:
        raise ContractError(
            f"{known.name} is under contract already, with another {' and '.join(differs)}",
            remedy=f"edit {path}, or choose another name",
        )


def _refuse_contradiction(register: Register, asked: Asked) -> None:
    """A file that says one thing, and options that say another."""
    differs = _differences(register, asked)
    if differs:
        raise ContractError(
            f"the contract has another {' and '.join(differs)} than the options", remedy="give each of them once"
        )


def _differences(register: Register, asked: Asked) -> list[str]:
    return [
        name
        for name, is_same_value in (
            ("lane", asked.lane in (None, register.lane)),
            ("tier", asked.tier in (None, register.tier)),
            ("source", asked.address is None or _is_at(register, asked.address)),
        )
        if not is_same_value
    ]


def _is_at(known: Register, address: Address) -> bool:
    source = known.source
    return source is not None and (
        (source.capture.host, source.capture.port, source.capture.database)
        == (address.host, address.port, address.database)
        and address.user in (None, source.capture.user)
    )


def move_to_removing(site: Site, name: str) -> None:
    """Take a contract away from the workers, keeping it for the steps of the removal. Raises ConfigError."""
    path, kept = contract_path(site.folder, name), removing_path(site, name)
    write_atomically(kept, path.read_text(encoding="utf-8"))
    path.unlink()
    sync_folder(path.parent)
