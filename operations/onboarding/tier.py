"""Give a register another tier at this site: one line of its contract."""

from __future__ import annotations

import re
from typing import Final

from data_embassy.config import Site, contract_path, write_atomically
from data_embassy.errors import ConfigError
from operations.onboarding.contract import validated

_LINE: Final = re.compile(r"^tier[ \t]*=[^\n#]*?(?P<rest>[ \t]*(#[^\n]*)?)$", re.MULTILINE)
_TABLE: Final = re.compile(r"^[ \t]*\[", re.MULTILINE)


def set_tier(site: Site, name: str, tier: int) -> int:
    """Write the tier into the contract, which the workers take up within a second; its former tier.

    Everything else in the file stays as it is. Raises ConfigError for a register without a contract, ContractError
    for a tier that makes none.
    """
    former = site.register(name).tier
    path = contract_path(site.folder, name)
    text = with_tier(path.read_text(encoding="utf-8"), tier)
    validated(site, name, text)
    if tier != former:
        write_atomically(path, text)
    return former


def with_tier(text: str, tier: int) -> str:
    """A contract's text with this tier; raises ConfigError when it names the tier twice."""
    table = _TABLE.search(text)
    head, rest = (text, "") if table is None else (text[: table.start()], text[table.start() :])
    changed, count = _LINE.subn(lambda found: f"tier = {tier}{found['rest']}", head)
    if count > 1:
        raise ConfigError("the contract names its tier twice", remedy="leave one line: tier = N")
    return changed + rest if count else f"tier = {tier}\n{text}"
