"""Every class that can stop a register stands in the table of causes, with runbook, command, and a test of both."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer

from data_embassy import causes
from data_embassy.errors import CheckFailed, ConfigError, DataEmbassyError, KeyringError, RegisterStopped
from operations.cli import app, mount

RUNBOOKS = Path("docs/runbooks")
PACKAGES = ("data_embassy", "consumers", "pipelines", "connectors")
COMMAND_ERRORS = (CheckFailed, ConfigError)
"""They end a command, never a register; a contract's fault is in the table all the same."""
NO_STOPS = {
    "ApplyError": "abstract",
    "DataEmbassyError": "abstract",
    "EnvelopeError": "abstract",
    "KeyringError": "abstract",
    "KeyRefused": "abstract",
    "RegisterStopped": "carries the class of its cause",
    "EpochExhausted": "the forwarder begins a new epoch",
    "BaseSilent": "of register snapshot --differing",
    "AttemptSuperseded": "the receiver opens the later attempt",
    "KeysPresent": "of keys init",
    "FingerprintMismatch": "of keys import",
    "NothingToReplay": "of register replay",
    "SnapshotDisturbed": "of register snapshot",
    "SourceFault": "abstract",
    "TopicMissing": "tried again; when it lasts it is HomeTopicMissing",
    "Undecided": "calls itself DdlNotReplayed",
}
NOT_CLEARED = {
    "EncodingUnknown": "the register has to move to another database, which is no command; the preflight stops before",
    "SettingsNotPinned": "PostgreSQL lets every role set what is pinned: nothing known provokes it",
    "StreamBroken": "a fault of Debezium that nothing known provokes; the plugin's RecordEncoderTest makes one up",
    "StreamNotUnderstood": "a later PostgreSQL's format, ended by an upgrade; the plugin's own tests make one up",
    "UnknownShape": "the assembly refuses such a change before the decoder sees it: UnknownSchema",
    "ReceiptMalformed": "home passes such a receipt by and says EmbassySilent; no register stops for it",
    "TransportError": "no stop: it is waited for and ends by itself; tests/fault cut links and end servers",
    "BaseMoved": "no stop: the base is built anew; test_heal_generation.py moves it and ends receivers",
    "Unreachable": "no stop: it is waited for and ends by itself; tests/fault cut links and end servers",
}
"""Causes without a test that clears them, and why there is none."""


def test_every_cause_has_a_test_in_which_its_remedy_clears_it():
    cleared = clearing_tests()
    unknown = cleared.keys() - causes.CAUSES.keys()
    assert not unknown, f"no such causes: {unknown}"
    assert causes.CAUSES.keys() - cleared.keys() - NOT_CLEARED.keys() == set()
    assert cleared.keys() & NOT_CLEARED.keys() == set()


def test_every_class_that_can_stop_a_register_stands_in_the_table():
    missing = {
        f"{cls.__module__}.{cls.__name__}"
        for cls in stop_classes()
        if cls.__name__ not in causes.CAUSES and cls.__name__ not in NO_STOPS
    }
    assert missing == set()


@pytest.mark.parametrize("name", sorted(causes.CAUSES))
def test_every_cause_has_a_section_in_its_runbook(name):
    cause = causes.CAUSES[name]
    page = RUNBOOKS / f"{cause.runbook}.md"
    assert page.exists()
    assert f"`{name}`" in page.read_text(encoding="utf-8")
    assert cause.what.endswith(".")


def test_every_command_of_a_remedy_exists():
    known = commands()
    for name, cause in causes.CAUSES.items():
        for command in re.findall(r"\bembassy ((?:[a-z-]+ ?)+)", cause.remedy or ""):
            assert any(command.strip().startswith(one) for one in known), f"{name}: embassy {command}"


def test_every_command_of_a_runbook_exists():
    known = commands()
    for page in RUNBOOKS.glob("*.md"):
        for command in re.findall(r"^ *embassy (?:--site \S+ )?((?:[a-z-]+ ?)+)", page.read_text(), re.MULTILINE):
            assert any(command.strip().startswith(one) for one in known), f"{page.name}: embassy {command}"


def test_a_remedy_names_the_register_and_who_acts():
    at_home = causes.remedy_of("Gapped", register="land", site="home")
    abroad = causes.remedy_of("Gapped", register="land", site="embassy")
    assert (at_home, abroad) == ("embassy register snapshot land", "at home: embassy register snapshot land")
    assert causes.remedy_of("New", register="land", site="home", otherwise="embassy register x NAME").endswith("x land")


def clearing_tests() -> dict[str, list[str]]:
    """The tests marked `clears`, by cause."""
    found: dict[str, list[str]] = {}
    for path in sorted(Path("tests").rglob("test_*.py")):
        if "mark.clears" not in path.read_text(encoding="utf-8") or path == Path(__file__).relative_to(Path.cwd()):
            continue
        module = importlib.import_module(".".join(path.with_suffix("").parts))
        for name, test in vars(module).items():
            for mark in getattr(test, "pytestmark", []) if name.startswith("test_") else []:
                for cause in mark.args if mark.name == "clears" else ():
                    found.setdefault(cause, []).append(f"{path}::{name}")
    return found


def stop_classes() -> Iterator[type[DataEmbassyError]]:
    for module in modules():
        for cls in vars(module).values():
            is_error = isinstance(cls, type) and issubclass(cls, DataEmbassyError)
            if is_error and cls.__module__ == module.__name__ and not cls.__name__.startswith("_"):
                if issubclass(cls, COMMAND_ERRORS) and cls.__name__ not in causes.CAUSES:
                    continue
                if cls.__name__ == "Refused" and module.__name__ == "data_embassy.envelope.errors":
                    continue  # Abstract; the one that is raised is the applier's.
                yield cls
    assert issubclass(RegisterStopped, DataEmbassyError)
    assert issubclass(KeyringError, DataEmbassyError)


def modules() -> Iterator[ModuleType]:
    for package in PACKAGES:
        for found in pkgutil.walk_packages([package], f"{package}."):
            if not found.name.endswith("__main__"):
                yield importlib.import_module(found.name)


def commands() -> set[str]:
    if not app.registered_groups:
        mount()

    def walk(command: Any, path: str) -> Iterator[str]:
        if hasattr(command, "commands"):
            for name, inner in command.commands.items():
                yield from walk(inner, f"{path} {name}")
        else:
            yield path.strip()

    return set(walk(typer.main.get_command(app), ""))
