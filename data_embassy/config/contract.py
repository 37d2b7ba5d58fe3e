"""Contracts: one TOML file per register, each read on its own, so that an error in one stops that register only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from data_embassy.config.model import Excluded, Postgres, Register, Source, Terms
from data_embassy.config.reader import Reader
from data_embassy.errors import ContractError

_NAME: Final = re.compile(r"\A[a-z][a-z0-9_]{0,47}\Z")
_LANE: Final = re.compile(r"\A[0-9a-f]{16}\Z")


def contracts_folder(site: Path) -> Path:
    """Where a site's contracts lie."""
    return site / "registers"


def contract_files(site: Path) -> list[Path]:
    """All contracts of a site, by name."""
    return sorted(contracts_folder(site).glob("*.toml"))


def contract_path(site: Path, name: str) -> Path:
    """A register's contract; raises ContractError when this cannot be a register's name."""
    if not _NAME.match(name):
        raise ContractError(f"{name[:60]!r} is no register's name", remedy=f"use {_NAME_RULE}")
    return contracts_folder(site) / f"{name}.toml"


_NAME_RULE: Final = "lower-case letters, digits and _, at most 48, a letter first"


def read_contracts(
    site: Path, *, is_home: bool, known: Mapping[str, Register]
) -> tuple[dict[str, Register], dict[str, ContractError]]:
    """All contracts of a site's folder: those that can be used, and what is wrong with the others.

    A lane that several contracts name stays with the one of them that is `known` to have it.
    """
    registers, problems = {}, {}
    for path in contract_files(site):
        found: list[str] = []
        register = read_contract(path, site, found, is_home=is_home)
        if found:
            problems[path.stem] = found
        else:
            registers[path.stem] = register
    for name, problem in _doubled_lanes(registers, known).items():
        del registers[name]
        problems[name] = [f"{contracts_folder(site) / name}.toml: {problem}"]
    return registers, {name: _error(name, found) for name, found in problems.items()}


def _doubled_lanes(registers: Mapping[str, Register], known: Mapping[str, Register]) -> dict[str, str]:
    lanes: dict[str, list[str]] = {}
    for name, register in registers.items():
        lanes.setdefault(register.lane, []).append(name)
    doubled = {}
    for lane, names in lanes.items():
        owners = [name for name in names if name in known and known[name].lane == lane]
        for name in names if len(names) > 1 else ():
            if owners != [name]:
                doubled[name] = f"lane {lane} is used twice"
    return doubled


def _error(name: str, problems: list[str]) -> ContractError:
    return ContractError(
        f"the contract of {name} cannot be used:\n  " + "\n  ".join(problems),
        remedy="correct the file, then: embassy config check",
    )


def read_contract(path: Path, site: Path, problems: list[str], *, is_home: bool, name: str | None = None) -> Register:
    """One contract; adds what is wrong with it to `problems`. `name` where the file is not yet called so."""
    reader = Reader(path, site, problems)
    name = name or path.stem
    if not _NAME.match(name):
        problems.append(f"{path}: a register's name is {_NAME_RULE}")
    lane = reader.text("", "lane")
    if not _LANE.match(lane):
        problems.append(f"{path}: lane must be 16 lower-case hex digits")
    tier = reader.number("", "tier", 1, 1, 9)
    source = _read_source(reader, name) if is_home else None
    terms = _read_terms(reader)
    reader.finish()
    return Register(name=name, lane=lane, tier=tier, source=source, terms=terms)


def _read_terms(reader: Reader) -> Terms:
    return Terms(
        institution=reader.optional("owner", "institution"),
        contact=reader.optional("owner", "contact"),
        rpo_seconds=reader.limit("objectives", "rpo_seconds", 1, 604800),
        rto_seconds=reader.limit("objectives", "rto_seconds", 1, 2592000),
        home_hours=reader.number("retention", "home_hours", 24, 1, 8784),
        expected_extensions=reader.texts("", "expected_extensions"),
        excluded=tuple(_read_excluded(entry) for entry in reader.entries("excluded")),
    )


def _read_excluded(reader: Reader) -> Excluded:
    table = reader.words("excluded", "table")
    relation_schema, _, relation_name = table.partition(".")
    if table and not (relation_schema and relation_name):
        reader.refuse("excluded", "table", "must be a schema and a table, such as public.session or public.cache_*")
    found = Excluded(
        table=table, reason=reader.words("excluded", "reason"), promotion=reader.words("excluded", "promotion")
    )
    reader.finish()
    return found


def _read_source(reader: Reader, name: str) -> Source:
    def access(who: str) -> Postgres:
        return Postgres(
            host=reader.text("source", "host"),
            port=reader.number("source", "port", 5432, 1, 65535),
            database=reader.text("source", "database", name),
            user=reader.text("source", f"{who}_user", f"data_embassy_{who}"),
            password=reader.password("source", f"{who}_password_file"),
        )

    return Source(
        capture=access("capture"),
        pulse=access("pulse"),
        slot=reader.text("source", "slot", f"data_embassy_{name}"),
        publication=reader.text("source", "publication", "data_embassy"),
    )
