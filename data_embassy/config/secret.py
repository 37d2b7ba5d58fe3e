"""Secrets: texts that do not show themselves, and the files of mode 0600 that hold passwords."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from data_embassy.errors import ConfigError

REMEDY: Final = "correct the file, then: embassy config check"


class Secret:
    """A secret text; its repr shows nothing."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The text itself, for the edge that needs it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(...)"

    __str__ = __repr__


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordFile:
    """A file that holds a password: read at use, so that a rotated one counts at the next connection."""

    path: Path

    def read(self) -> Secret:
        """The password; raises ConfigError when the file is missing, empty or readable by others."""
        try:
            mode = self.path.stat().st_mode
            text = self.path.read_text(encoding="utf-8").strip("\r\n")
        except OSError as error:
            raise ConfigError(f"password file {self.path} cannot be read: {error.strerror}", remedy=REMEDY) from error
        if stat.S_IMODE(mode) & 0o077:
            raise ConfigError(f"password file {self.path} is accessible to others", remedy=f"chmod 600 {self.path}")
        if not text:
            raise ConfigError(f"password file {self.path} is empty", remedy="write the password into it")
        return Secret(text)
