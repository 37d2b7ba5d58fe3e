"""What home and the embassy make of a register's beats, slot, publication and event triggers; no database."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from consumers import checks, refusals
from consumers.checks import Pulse, check_ddl, follow
from data_embassy.errors import StreamError
from data_embassy.watched import UNCHANGED, find_change
from pipelines.pulse import sentry
from pipelines.pulse.sentry import Known, Look, Memory, judge, learn

EVENTS = ("ddl_command_end", "sql_drop", "table_rewrite")


def sound() -> dict[str, Any]:
    operations = dict.fromkeys(("insert", "update", "delete", "truncate"), True)
    publication = {"name": "p", "oid": 1, "is_all_tables": True, "via_root": False, "generated": "s", **operations}
    triggers = [{"name": event, "oid": 10 + at, "event": event, "enabled": "A"} for at, event in enumerate(EVENTS)]
    return {"publications": [publication], "event_triggers": triggers, "event_triggers_setting": "on"}


def changed(change: Callable[[dict[str, Any]], object]) -> str:
    document = sound()
    change(document)
    return json.dumps(document)


SOUND = json.dumps(sound())
CASES: list[tuple[Callable[[dict[str, Any]], object], str]] = [
    (lambda d: d.update(publications=[]), "PublicationChanged"),
    (lambda d: d["publications"][0].update(oid=2), "PublicationChanged"),
    (lambda d: d["publications"][0].update(is_all_tables=False), "PublicationChanged"),
    (lambda d: d["publications"][0].update(truncate=False), "PublicationChanged"),
    (lambda d: d["publications"][0].update(via_root=True), "PublicationChanged"),
    (lambda d: d["publications"][0].update(generated="n"), "PublicationChanged"),
    (lambda d: d["event_triggers"].pop(), "EventTriggerChanged"),
    (lambda d: d["event_triggers"][0].update(enabled="D"), "EventTriggerChanged"),
    (lambda d: d["event_triggers"][0].update(enabled="O"), "EventTriggerChanged"),
    (lambda d: d["event_triggers"][0].update(oid=99), "EventTriggerChanged"),
    (lambda d: d.update(event_triggers_setting="off"), "EventTriggersOff"),
]


def beat(number: int, watched: str) -> dict[str, str | None]:
    return {"beat": str(number), "at": "2024-05-06 07:08:09+00", "watched": watched}


def look(number: int = 8, **more: Any) -> Look:
    return Look(**{"beat": number, "watched": SOUND, "has_slot": True, **more})


KNOWN = Known(generation=1, beat=7, watched=SOUND, had_slot=True)


def test_nothing_is_found_where_nothing_changed() -> None:
    assert find_change(SOUND, SOUND) is None
    assert find_change(None, SOUND) is None
    assert find_change(SOUND, UNCHANGED) is None
    older = json.loads(SOUND)
    del older["publications"][0]["generated"]
    assert find_change(json.dumps(older), SOUND) is None


@pytest.mark.parametrize(("change", "cause"), CASES)
def test_both_sites_give_a_change_the_same_name(change: Callable[[dict[str, Any]], object], cause: str) -> None:
    found = judge(KNOWN, look(watched=changed(change)))
    assert found is not None
    assert type(found) is getattr(sentry, cause)
    with pytest.raises(getattr(refusals, cause)) as stop:
        follow(Pulse(7, None, SOUND), [beat(8, SOUND), beat(9, changed(change))])
    assert stop.value.message == found.message
    assert "embassy register snapshot NAME" in stop.value.remedy


def test_the_first_beat_of_a_generation_is_believed_when_it_is_sound() -> None:
    other = changed(lambda d: d["publications"][0].update(oid=2))
    assert follow(Pulse(7, None), [beat(8, other)]).watched == other
    with pytest.raises(refusals.PublicationChanged):
        follow(Pulse(7, None), [beat(8, changed(lambda d: d.update(publications=[])))])


@pytest.mark.parametrize("tag", ["CREATE PUBLICATION", "ALTER PUBLICATION", "DROP PUBLICATION"])
def test_a_schema_change_of_the_publication_itself_stops_before_the_next_beat(tag: str) -> None:
    row = {"tag": tag, "object_identity": "p"}
    with pytest.raises(refusals.PublicationChanged):
        check_ddl(Pulse(7, None, SOUND), [row])
    check_ddl(Pulse(7, None, SOUND), [row | {"object_identity": "other"}, {"tag": "CREATE TABLE"}])
    check_ddl(Pulse(7, None, None), [row])


def test_what_was_not_sent_again_is_as_it_was() -> None:
    assert follow(Pulse(7, None, SOUND), [beat(8, UNCHANGED)]).watched == SOUND
    assert follow(Pulse(7, None, None), [beat(8, "{}")]).watched is None


@pytest.mark.parametrize("damaged", ["x", "[]", '{"publications": 5}', '{"publications": [{}]}'])
def test_what_cannot_be_read_is_a_stop_of_its_own(damaged: str) -> None:
    with pytest.raises(refusals.BeatSkipped):
        follow(Pulse(7, None, SOUND), [beat(8, damaged)])
    assert isinstance(judge(KNOWN, look(watched=damaged)), sentry.RegisterUnprepared)


@pytest.mark.parametrize(
    ("seen", "cause"),
    [
        (look(7), "RegisterWentBack"),
        (look(3, has_slot=False), "RegisterWentBack"),
        (look(has_slot=False, watched=changed(lambda d: d.update(publications=[]))), "SlotMissing"),
        (look(lost_by="idle_timeout"), "SlotInvalidated"),
    ],
)
def test_the_most_telling_cause_is_named(seen: Look, cause: str) -> None:
    assert type(judge(KNOWN, seen)).__name__ == cause


def test_a_register_without_a_slot_yet_is_no_fault() -> None:
    assert judge(Known(generation=1), look(has_slot=False)) is None


def test_a_look_that_was_sound_moves_the_beat_and_keeps_what_a_generation_began_with() -> None:
    first = learn(Known(generation=1), look(has_slot=False))
    assert first == Known(generation=1, beat=8, watched=SOUND, had_slot=False)
    assert learn(first, look(9)) == replace(first, beat=9, had_slot=True)


def test_memory_outlives_the_process_and_begins_anew_with_a_generation(tmp_path: Path) -> None:
    def begin(generation: int) -> None:
        (tmp_path / "snapshot").mkdir(exist_ok=True)
        (tmp_path / "snapshot" / "r.json").write_text(json.dumps({"generation": generation, "attempt": 1}))

    memory = Memory(tmp_path, "r")
    assert memory.known() == Known()
    begin(1)
    assert memory.known().is_fresh
    memory.keep(learn(memory.known(), look()))
    assert Memory(tmp_path, "r").known() == KNOWN.__class__(generation=1, beat=8, watched=SOUND, had_slot=True)
    memory.keep(memory.known().with_fault(judge(memory.known(), look(2)) or pytest.fail("nothing found")))
    assert isinstance(judge(Memory(tmp_path, "r").known(), look(900)), sentry.RegisterWentBack)
    begin(2)
    assert memory.known().is_fresh


def test_every_cause_of_the_embassy_is_a_stream_error() -> None:
    assert all(issubclass(cause, StreamError) for cause in checks._BY_KIND.values())
