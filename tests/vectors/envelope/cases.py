"""Vector files and their keys: read and written here, made by generate.py, judged by test_envelope_vectors.py."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from data_embassy.keys.kinds import KeyKind, Role, SecretKey
from tests.support.sealing import Sites, Stream, ring, sites_of

FOLDER = Path(__file__).parent
KEYS = FOLDER / "keys.json"
_FIRST_LINE = "data-embassy envelope vector 1"


@dataclass(frozen=True)
class Case:
    name: str
    kind: str
    expect: str
    data: bytes
    about: str
    keys: str = "embassy"
    epoch: str = "epoch-ok"
    content: str = ""


def encode_case(case: Case) -> bytes:
    lines = [
        _FIRST_LINE,
        f"case: {case.name}",
        f"as: {case.kind}",
        f"expect: {case.expect}",
        f"keys: {case.keys}",
        f"epoch: {case.epoch if case.kind == 'records' else ''}".rstrip(),
        f"content: {case.content}".rstrip(),
        f"about: {case.about}",
    ]
    return "\n".join(lines).encode() + b"\n\n" + case.data


def load_case(path: Path) -> Case:
    head, _, data = path.read_bytes().partition(b"\n\n")
    first, *lines = head.decode().split("\n")
    if first != _FIRST_LINE:
        raise ValueError(f"{path} is no vector")
    fields = dict((line.removesuffix(":") + ": ").split(": ", 1) for line in lines)
    fields = {name: value.removesuffix(": ") for name, value in fields.items()}
    return Case(
        fields["case"], fields["as"], fields["expect"], data, fields["about"], fields["keys"], fields["epoch"],
        fields["content"],
    )  # fmt: skip


def write_keys() -> None:
    """Write the seeds of all sites, once: they protect nothing."""
    if KEYS.exists():
        return
    seeds = {family: {role.value: _seeds(family, role) for role in Role} for family in ("home", "foreign")}
    KEYS.write_text(json.dumps(seeds, indent=1) + "\n", encoding="utf-8")


def _seeds(family: str, role: Role) -> dict[str, str]:
    keys = ring(role, role.value, Stream(f"{family}/{role}")).keys
    return {key.kind.value: key.seed.hex() for key in keys}


def load_sites() -> dict[str, Sites]:
    """`home`: the sites of the vectors. `foreign`: others, whom they do not know."""
    families = json.loads(KEYS.read_text(encoding="utf-8"))
    return {
        family: sites_of(*([_key(kind, seed) for kind, seed in roles[role.value].items()] for role in Role))
        for family, roles in families.items()
    }


def _key(kind: str, seed: str) -> SecretKey:
    return SecretKey(kind=KeyKind(kind), serial=1, is_active=True, seed=bytes.fromhex(seed))
