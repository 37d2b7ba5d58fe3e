"""docs/reference/registers.md, made from the registers themselves: `python -m tests.support.registers_page PAGE`."""

import sys
import tomllib
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from deploy.registers.catalogue import REGISTERS
from deploy.registers.reference import Reference

_INTRODUCTION: Final = """<!-- Generated from deploy/registers by `make docs`; a test compares it. -->

# Reference registers

Ten registers that a state keeps, each with the shape, the size and the habits of its kind, to try data-embassy on:
`embassy local up --register NAME`. Look for the one that is most like yours. Each has a seeded generator (the same rows
for a seed and a scale), people at work in it (transactions, several at once), invariants that hold at every commit, at
home and in the standby, and a contract.

| register | tier | holds | owner |
|---|---|---|---|
"""


def page() -> str:
    """The whole page."""
    registers = REGISTERS.values()
    return _INTRODUCTION + "\n".join(map(_row, registers)) + "\n" + "".join(map(_section, registers))


def _row(register: Reference) -> str:
    owner = _contract(register)["owner"]["institution"]
    return f"| [{register.name}](#{register.name}) | {register.tier} | {register.purpose} | {owner} |"


def _section(register: Reference) -> str:
    schema = files(f"deploy.registers.{register.name}").joinpath("schema.sql").read_text(encoding="utf-8")
    happens = ((action.__name__, _summary(action.__doc__)) for action in register.actions)
    holds = ((name, _comment(text)) for name, text in register.checks.items())
    parts = (
        f"## {register.name}", _comment(schema), _promises(_contract(register)), "What happens in it:", _items(happens),
        "What always holds:", _items(holds),
    )  # fmt: skip
    return "\n" + "\n\n".join(parts) + "\n"


def _promises(contract: dict[str, Any]) -> str:
    loss, absence = contract["objectives"]["rpo_seconds"], contract["objectives"]["rto_seconds"]
    extensions = ", ".join(contract["expected_extensions"]) or "none"
    home = "".join(f" `{one['table']}` stays at home: {one['reason']}." for one in contract.get("excluded", ()))
    return f"May lose {loss} s and is up again after {absence} s. Extensions: {extensions}.{home}"


def _items(pairs: Iterable[tuple[str, str]]) -> str:
    return "\n".join(f"- {name.replace('_', ' ')}: {text}" for name, text in pairs)


def _contract(register: Reference) -> dict[str, Any]:
    return tomllib.loads(register.contract.read_text(encoding="utf-8"))


def _summary(docstring: str | None) -> str:
    assert docstring is not None
    return " ".join(docstring.split())


def _comment(statements: str) -> str:
    """The comment that SQL begins with."""
    lines = []
    for text in statements.splitlines():
        if not text.startswith("--"):
            break
        lines.append(text.removeprefix("--").strip())
    return " ".join(lines)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
