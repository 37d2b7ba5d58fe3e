"""The contracts and pauses of a site, looked at while its processes run.

A worker calls `look` once a second and brings what it does in line with the answer. Only files are asked, and their
content only when one of them changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from data_embassy.config.contract import contract_files, read_contracts
from data_embassy.config.model import Site

LOOK_SECONDS: Final = 1.0
"""How often a worker looks."""
_Signature = tuple[tuple[str, int, int, int], ...]


class LiveSite:
    """A site whose contracts may change. One thread uses it."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._signature: _Signature | None = None

    def look(self) -> Site:
        """The site as it is now: the same object as before when no contract changed."""
        signature = self._sign()
        if signature != self._signature:
            registers, faults = read_contracts(
                self.site.folder, is_home=self.site.role == "home", known=self.site.registers
            )
            # Signed before it was read: a change in between is read again at the next look.
            self._signature = signature
            if (registers, _texts(faults)) != (self.site.registers, _texts(self.site.faults)):
                self.site = replace(self.site, registers=registers, faults=faults)
        return self.site

    def _sign(self) -> _Signature:
        signature = []
        for path in contract_files(self.site.folder):
            try:
                stat = path.stat()
            except FileNotFoundError:
                continue  # Removed between two system calls.
            signature.append((path.name, stat.st_ino, stat.st_mtime_ns, stat.st_size))
        return tuple(signature)


def _texts(faults: Mapping[str, Exception]) -> dict[str, str]:
    return {name: str(error) for name, error in faults.items()}
