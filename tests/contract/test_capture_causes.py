"""What the capture plugin says of its own end, read from its sources: causes and commands are those of the table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.client import FAILED, ConnectorStatus
from data_embassy.causes import CAUSES
from tests.contract.test_stops_causes import commands, stop_classes

SOURCES = Path("connectors/capture/src/main/java")
THROWN = re.compile(r"\bnew CaptureException\(")
LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"')
CONDITIONS = {
    "CaptureMissing", "CaptureStopped", "ConnectDown", "EmbassyBrokerDown", "EmbassySilent", "ForwarderDown",
    "HomeBrokerDown", "LinkDown", "PulseDown", "PulseSilent", "ReceiptWentBack", "ReceiverDown",
    "RetentionNearLoss", "SlotNearLoss",
}  # fmt: skip
"""Seen by `embassy status`, thrown by nobody."""


def thrown() -> Iterator[tuple[str, list[str]]]:
    """(where, arguments) of every stop of the plugin; an argument is the text of its expression."""
    for path in sorted(SOURCES.rglob("*.java")):
        text = path.read_text(encoding="utf-8")
        for found in THROWN.finditer(text):
            yield f"{path.name}:{text.count(chr(10), 0, found.start()) + 1}", arguments(text, found.end())


def arguments(text: str, place: int) -> list[str]:
    """The arguments of a call that opens before `place`."""
    found, depth, start = [], 0, place
    while depth >= 0:
        literal = LITERAL.match(text, place)
        if literal:
            place = literal.end()
            continue
        char = text[place]
        depth += (char in "([{") - (char in ")]}")
        if depth < 0 or (depth == 0 and char == ","):
            found.append(text[start:place].strip())
            start = place + 1
        place += 1
    return found


def literals(expression: str) -> list[str]:
    return LITERAL.findall(expression)


def told(expression: str) -> str:
    """The words of an expression; those of two alternatives stand on lines of their own."""
    words, end = "", 0
    for found in LITERAL.finditer(expression):
        is_joined = expression[end : found.start()].strip() == "+"
        words += found[1] if is_joined else "\n" + found[1]
        end = found.end()
    return words


def raised() -> set[str]:
    return {cause for _, (cause, *_) in thrown() for cause in literals(cause)}


def test_arguments_are_cut_where_java_cuts_them() -> None:
    text = 'f(a ? "B, (" : "C\\"", g(1, 2) + "x", h[i, 1]); z(1)'
    assert arguments(text, 2) == ['a ? "B, (" : "C\\""', 'g(1, 2) + "x"', "h[i, 1]"]


def test_every_stop_of_the_plugin_is_found_with_cause_text_and_remedy() -> None:
    stops = list(thrown())
    assert len(stops) >= 15
    for where, parts in stops:
        assert len(parts) in (3, 4), where
        cause, reason, remedy = (literals(part) for part in parts[:3])
        assert cause, f"{where}: the cause is no word"
        assert reason, where
        assert remedy, where


def test_every_cause_of_the_plugin_stands_in_the_table() -> None:
    assert raised() - CAUSES.keys() == set()


def test_every_cause_that_no_class_has_is_one_of_the_plugin() -> None:
    classes = {cls.__name__ for cls in stop_classes()}
    assert CAUSES.keys() - classes - CONDITIONS - raised() == set()


def test_the_plugins_causes_are_shown_at_home() -> None:
    assert {cause: CAUSES[cause].where for cause in raised()} == dict.fromkeys(raised(), "home")


def test_every_command_that_the_plugin_names_exists() -> None:
    known = commands()
    named = 0
    for where, (_, _, remedy, *_) in thrown():
        words = told(remedy)
        for command in re.findall(r"\bembassy ((?:[a-z]+ )+)NAME\b", words):
            named += 1
            assert command.strip() in known, f"{where}: embassy {command}"
        assert "embassy" not in re.sub(r"\bembassy (?:[a-z]+ )+NAME\b", "", words), f"{where}: {words}"
    assert named >= 5


@pytest.mark.parametrize("reason", ["replication slot x does not exist", "Remedy: none. Remedy", "a: b, c. d"])
def test_the_watcher_takes_the_plugins_words_apart(reason: str) -> None:
    source = (SOURCES / "dataembassy/capture/CaptureException.java").read_text(encoding="utf-8")
    assert 'super(cause + ": " + oneLine(message) + ". Remedy: " + remedy, thrown);' in source
    for cause in sorted(raised()):
        stop = ConnectorStatus(state=FAILED, cause=f"{cause}: {reason}. Remedy: embassy connector apply NAME").stop
        assert stop is not None
        assert (stop.cause_class, stop.reason, stop.remedy) == (cause, reason, "embassy connector apply NAME")
