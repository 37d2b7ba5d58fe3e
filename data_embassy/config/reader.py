"""Reads the tables of one TOML file and gathers what is wrong with them."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from data_embassy.config.secret import PasswordFile


class Reader:
    """Reads tables of one file and gathers what is wrong."""

    def __init__(
        self, path: Path, folder: Path, problems: list[str], *, part: tuple[str, dict[str, Any]] | None = None
    ) -> None:
        """`part`: a piece of the file that was read already, and where it stands."""
        self.path, self.folder, self.problems = path, folder, problems
        where, self.data = (f"{path}", self._load()) if part is None else part
        self._where = where
        self._used: set[tuple[str, ...]] = set()

    def _load(self) -> dict[str, Any]:
        try:
            return tomllib.loads(self.path.read_text(encoding="utf-8"))
        except OSError as error:
            self.problems.append(f"{self.path}: cannot be read: {error.strerror}")
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            self.problems.append(f"{self.path}: {error}")
        return {}

    def _value(self, table: str, name: str, kind: type | tuple[type, ...], default: Any, *, required: bool) -> Any:
        self._used.add((table, name))
        where = self.data.get(table, {}) if table else self.data
        value = where.get(name, default) if isinstance(where, dict) else default
        label = _label(table, name)
        first = kind if isinstance(kind, type) else kind[0]
        if value is None and required:
            self.problems.append(f"{self._where}: {label} is missing")
            return first()
        if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
            self.problems.append(f"{self._where}: {label} must be {first.__name__}")
            return first()
        return value

    def text(self, table: str, name: str, default: str | None = None) -> str:
        """A text that must be there, unless it has a default."""
        value: str = self._value(table, name, str, default, required=True)
        return value

    def words(self, table: str, name: str) -> str:
        """A text that must be there and say something."""
        value = self.text(table, name)
        if not value.strip() and self._has(table, name):
            self.refuse(table, name, "must say something")
        return value

    def _has(self, table: str, name: str) -> bool:
        where = self.data.get(table)
        return isinstance(where, dict) and isinstance(where.get(name), str)

    def refuse(self, table: str, name: str, problem: str) -> None:
        """Note what is wrong with a value."""
        self.problems.append(f"{self._where}: {_label(table, name)} {problem}")

    def optional(self, table: str, name: str) -> str | None:
        """A text, None when it is not there."""
        value: str | None = self._value(table, name, str, None, required=False)
        return value

    def number(self, table: str, name: str, default: int | None, low: int, high: int) -> int:
        """A number within bounds."""
        value: int = self._value(table, name, int, default, required=True)
        return self._bounded(table, name, value, low, high)

    def limit(self, table: str, name: str, low: int, high: int) -> int | None:
        """A number within bounds, None when it is not there."""
        value: int | None = self._value(table, name, int, None, required=False)
        return None if value is None else self._bounded(table, name, value, low, high)

    def _bounded(self, table: str, name: str, value: int, low: int, high: int) -> int:
        if not low <= value <= high:
            self.refuse(table, name, f"must lie between {low} and {high}")
        return value

    def degrees(self, table: str, name: str, most: int) -> float | None:
        """An angle between `-most` and `most`, None when it is not there."""
        value = self._value(table, name, (int, float), None, required=False)
        if value is not None and not -most <= value <= most:
            self.refuse(table, name, f"must lie between -{most} and {most} degrees")
            return None
        return None if value is None else float(value)

    def texts(self, table: str, name: str) -> tuple[str, ...] | None:
        """A list of texts, None when it is not there."""
        value = self._value(table, name, list, None, required=False)
        if value is not None and not all(isinstance(one, str) for one in value):
            self.refuse(table, name, "must be a list of texts")
            return None
        return None if value is None else tuple(value)

    def file(self, table: str, name: str) -> Path | None:
        """A file's path, relative to the site's folder."""
        value = self.optional(table, name)
        return None if value is None else self.folder / value

    def password(self, table: str, name: str) -> PasswordFile | None:
        """The file that a password stands in."""
        path = self.file(table, name)
        return None if path is None else PasswordFile(path=path)

    def entries(self, table: str) -> list[Reader]:
        """The tables of an array, each to be read and finished by itself."""
        self._used.add(("", table))
        content = self.data.get(table, [])
        if not isinstance(content, list) or not all(isinstance(one, dict) for one in content):
            self.problems.append(f"{self._where}: {table} is written as one table for each: [[{table}]]")
            return []
        return [
            Reader(self.path, self.folder, self.problems, part=(f"{self._where}: {table} {number}", {table: one}))
            for number, one in enumerate(content, 1)
        ]

    def finish(self) -> None:
        """Report what nobody read: a misspelt setting must not pass silently."""
        for table, content in self.data.items():
            if ("", table) in self._used:
                continue
            if not isinstance(content, dict):
                self.problems.append(f"{self._where}: unknown setting {table}")
                continue
            for name in content:
                if (table, name) not in self._used:
                    self.problems.append(f"{self._where}: unknown setting {table}.{name}")


def _label(table: str, name: str) -> str:
    return f"{table}.{name}" if table else name
