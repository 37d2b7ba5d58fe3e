"""Every judgement of the preflight is pure: facts in, findings out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from connectors.preflight import Finding, Report, activity, excluded, preparation, server, slots, tables, titles, types
from connectors.preflight.expected import expected
from connectors.preflight.findings import SEVERITIES, Context, human_bytes
from connectors.prepare import template
from data_embassy.config import Excluded, Terms
from operations.commands.check import text

NOW = Context(
    register="r", capture_role="c", pulse_role="p", publication="pub", slot="own", server_version=180006,
    standby_version=18, is_prepared=True, home_clock_us=0,
)  # fmt: skip
SERVER: dict[str, Any] = {
    "in_recovery": False, "wal_level": "logical", "fsync": "on", "full_page_writes": "on", "event_triggers": "on",
    "encoding": "UTF8", "database": "d", "connections_max": -1, "clock_us": 0, "has_embassy_local": False,
}  # fmt: skip
SLOT: dict[str, Any] = {
    "name": "own", "type": "logical", "plugin": "pgoutput", "database": "d", "active": True, "wal_status": "reserved",
    "invalidation": "", "failover": False, "two_phase": False, "temporary": False, "safe_wal_size": None,
    "retained": 1000, "slots_max": 10, "senders_max": 10, "senders": 1, "here": "d",
}  # fmt: skip


def severities(findings: Iterable[Finding]) -> list[tuple[str, str]]:
    return [(finding.severity, finding.object) for finding in findings]


def test_a_sound_server_has_nothing_to_say():
    assert list(server.judge_server([SERVER], NOW)) == []


@pytest.mark.parametrize(
    ("facts", "context", "found"),
    [
        ({"in_recovery": True}, {}, ("stop", "server")),
        ({"wal_level": "replica"}, {}, ("stop", "wal_level")),
        ({"fsync": "off"}, {}, ("warn", "fsync, full_page_writes")),
        ({"event_triggers": "off"}, {}, ("stop", "event_triggers")),
        ({"encoding": "SQL_ASCII"}, {}, ("stop", "database d")),
        ({"encoding": "LATIN1"}, {}, ("info", "database d")),
        ({"has_embassy_local": True}, {}, ("stop", "schema embassy_local")),
        ({"clock_us": 2_000_000}, {}, ("warn", "clock")),
        ({"clock_us": -1_000_001}, {}, ("warn", "clock")),
        ({}, {"server_version": 140020}, ("stop", "version")),
        ({}, {"server_version": 190000}, ("stop", "version")),
        ({}, {"server_version": 170005}, ("warn", "version")),
        ({}, {"standby_version": 17}, ("stop", "version")),
        ({}, {"standby_version": None}, ("info", "version")),
    ],
)
def test_what_is_wrong_with_a_server(facts: dict[str, Any], context: dict[str, Any], found: tuple[str, str]):
    assert severities(server.judge_server([SERVER | facts], replace(NOW, **context))) == [found]


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ({}, ("info", "slot own")),
        ({"active": False}, ("warn", "slot own")),
        ({"plugin": "test_decoding"}, ("stop", "slot own")),
        ({"database": "other"}, ("stop", "slot own")),
        ({"wal_status": "lost"}, ("stop", "slot own")),
        ({"invalidation": "idle_timeout"}, ("stop", "slot own")),
        ({"wal_status": "unreserved"}, ("warn", "slot own")),
        ({"two_phase": True}, ("stop", "slot own")),
    ],
)
def test_what_is_wrong_with_our_slot(facts: dict[str, Any], found: tuple[str, str]):
    assert severities(slots.judge_slots([SLOT | facts], NOW)) == [found]


def test_room_for_slots_and_senders():
    nothing = SLOT | {"name": None, "slots_max": 1, "senders_max": 3, "senders": 1}
    assert severities(slots.judge_slots([nothing], NOW)) == [
        ("stop", "max_replication_slots"), ("warn", "max_wal_senders"), ("info", "slot own")
    ]  # fmt: skip


def test_a_foreign_idle_slot_that_keeps_much_is_named():
    other = SLOT | {"name": "other", "active": False, "retained": 5_000_000_000}
    assert ("warn", "slot other") in severities(slots.judge_slots([SLOT, other], NOW))


@pytest.mark.parametrize(
    ("name", "value", "severity"),
    [
        ("max_slot_wal_keep_size", "-1", "warn"),
        ("max_slot_wal_keep_size", "100000", "info"),
        ("idle_replication_slot_timeout", "3600", "warn"),
        ("wal_sender_timeout", "0", "warn"),
        ("wal_sender_timeout", "5000", "warn"),
    ],
)
def test_settings_that_shorten_an_outage(name: str, value: str, severity: str):
    sound = {"max_slot_wal_keep_size": "100000", "wal_sender_timeout": "60000"}
    rows = [{"name": each, "setting": setting} for each, setting in (sound | {name: value}).items()]
    assert (severity, name) in severities(server.judge_settings(rows, NOW))


@pytest.mark.parametrize(
    ("version", "facts", "found"),
    [
        (180006, {"standbys": 0}, []),
        (160010, {}, [("warn", "physical standby")]),
        (180006, {}, [("warn", "slot own"), ("warn", "synchronized_standby_slots"), ("info", "physical standby")]),
        (180006, {"failover": True, "awaited": "s"}, [("info", "physical standby")]),
    ],
)
def test_failover(version: int, facts: dict[str, Any], found: list[tuple[str, str]]):
    row = {"standbys": 1, "awaited": "", "failover": False} | facts
    assert severities(server.judge_failover([row], replace(NOW, server_version=version))) == found


def test_wal_beyond_three_times_its_size_is_a_warning():
    row = {"bytes": 4_000, "files": 3, "max_wal_size": 1_000}
    assert severities(server.judge_wal([row], NOW)) == [("warn", "pg_wal")]


TABLE: dict[str, Any] = {
    "name": "t", "relkind": "r", "relpersistence": "p", "relreplident": "d", "relrowsecurity": False,
    "relforcerowsecurity": False, "access_method": "heap", "row_estimate": 10, "bytes": 8192, "toast_bytes": 0,
    "unidentified": False, "has_key": True, "has_virtual": False, "inherits": False,
}  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ({}, []),
        ({"unidentified": True, "has_key": False}, ["stop", "info"]),
        ({"relreplident": "f"}, ["info"]),
        ({"relreplident": "f", "bytes": 1_000_000}, ["warn"]),
        ({"relreplident": "f", "has_key": False, "row_estimate": 1_000_000}, ["info", "warn"]),
        ({"has_virtual": True}, []),
        ({"has_virtual": True, "unidentified": True}, ["stop", "info"]),
    ],
)
def test_identities(facts: dict[str, Any], found: list[str]):
    assert [f.severity for f in tables.judge_identity([TABLE | facts], NOW)] == found


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ({}, []),
        ({"access_method": "columnar"}, ["stop"]),
        ({"toast_bytes": 90_000_000, "bytes": 90_000_000}, ["warn"]),
        ({"toast_bytes": 90_000_000, "bytes": 90_000_000, "row_estimate": 100_000}, []),
    ],
)
def test_tables_that_do_not_cross(facts: dict[str, Any], found: list[str]):
    assert [f.severity for f in tables.judge_not_carried([TABLE | facts], NOW)] == found


STAYS = Excluded(table="public.session*", reason="who is logged in", promotion="they log in again")
HELD: dict[str, Any] = {
    "name": "session_a", "relation_schema": "public", "relation_name": "session_a", "is_foreign": False,
    "is_unlogged": True,
}  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "terms", "found"),
    [
        ({"is_unlogged": False}, Terms(), []),
        ({}, Terms(), [("warn", "not_carried", "SET LOGGED")]),
        ({"is_unlogged": False, "is_foreign": True}, Terms(), [("warn", "not_carried", "register of its own")]),
        ({}, Terms(excluded=(STAYS,)), [("info", "excluded", "nothing to do")]),
        ({"is_unlogged": False, "is_foreign": True}, Terms(excluded=(STAYS,)), [("info", "excluded", "nothing to do")]),
        ({"is_unlogged": False}, Terms(excluded=(STAYS,)), [("stop", "excluded", "SET UNLOGGED")]),
        (
            {"is_unlogged": False, "relation_name": "person"},
            Terms(excluded=(STAYS,)),
            [("warn", "excluded", "take it out")],
        ),
        ({}, Terms(excluded=(STAYS, STAYS)), [("info", "excluded", "nothing to do")]),
    ],
)
def test_tables_that_stay_at_home_by_agreement(facts: dict[str, Any], terms: Terms, found: list[tuple[str, str, str]]):
    findings = list(excluded.judge_excluded([HELD | facts], replace(NOW, terms=terms)))
    assert [(one.severity, one.check) for one in findings] == [one[:2] for one in found]
    assert all(expected[2] in one.remedy for one, expected in zip(findings, found, strict=True))


@pytest.mark.parametrize(
    ("table", "relation", "is_covered"),
    [
        ("public.session", ("public", "session"), True),
        ("public.session", ("public", "Session"), False),
        ("public.session", ("public", "sessions"), False),
        ("public.cache_?", ("public", "cache_1"), True),
        ("*.cache", ("a b", "cache"), True),
        ("public.[ab]", ("public", "a"), False),
        ("public.[ab]", ("public", "[ab]"), True),
    ],
)
def test_an_exclusion_covers_names_as_the_catalog_spells_them(table, relation, is_covered):
    assert Excluded(table=table, reason="r", promotion="p").covers(*relation) is is_covered


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ({"modifier": 24}, []),
        ({"modifier": -1}, ["info"]),
        ({"modifier": 1004}, ["info"]),
        ({"modifier": -1, "avg_width": 700}, ["warn"]),
        ({"modifier": 24, "storage": "e"}, ["warn"]),
        ({"modifier": -1, "storage": "p"}, []),
        ({"modifier": -1, "is_small": True, "is_text": False}, []),
        ({"modifier": -1, "is_text": False, "type": "bytea"}, ["info"]),
    ],
)
def test_wide_keys(facts: dict[str, Any], found: list[str]):
    key = {
        "name": "t", "column_name": "k", "type": "text", "storage": "x", "length": -1, "is_text": True,
        "is_small": False, "avg_width": None,
    }  # fmt: skip
    assert [f.severity for f in tables.judge_keys([key | facts], NOW)] == found


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ({"strategy": "h", "kind": "e"}, ["stop"]),
        ({"strategy": "h", "deterministic": False}, ["warn"]),
        ({"strategy": "r", "provider": "i"}, ["info"]),
        ({"strategy": "r", "provider": "c", "is_c": True}, []),
        ({"strategy": "l"}, []),
    ],
)
def test_partition_keys(facts: dict[str, Any], found: list[str]):
    row = {"name": "t", "column_name": "k", "kind": "b", "provider": "", "deterministic": True, "is_c": False}
    assert [f.severity for f in tables.judge_partitions([row | facts], NOW)] == found


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ({"type": "int4"}, []),
        ({"type": "regproc"}, ["stop"]),
        ({"type": "regclass"}, ["warn"]),
        ({"schema": "public", "type": "seg", "extension": "seg"}, ["stop"]),
        ({"type": "xid"}, ["info"]),
        ({"type": "pg_node_tree"}, ["stop"]),
        ({"schema": "public", "extension": "citext"}, []),
        ({"schema": "public", "extension": "postgis"}, ["warn"]),
        ({"schema": "public"}, ["warn"]),
    ],
)
def test_types(facts: dict[str, Any], found: list[str]):
    row = {"schema": "pg_catalog", "type": "x", "name": "x", "extension": None, "example": "t.a", "columns": 2}
    assert [f.severity for f in types.judge_types([row | facts], NOW)] == found


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ({"needs_superuser": False, "is_trusted": False}, "info"),
        ({"needs_superuser": True, "is_trusted": True}, "info"),
        ({"needs_superuser": True, "is_trusted": False}, "warn"),
        ({"needs_superuser": None, "is_trusted": None}, "warn"),
        ({"name": "timescaledb", "needs_superuser": True, "is_trusted": False}, "stop"),
    ],
)
def test_extensions(facts: dict[str, Any], found: str):
    assert [f.severity for f in types.judge_extensions([{"name": "x", "version": "1"} | facts], NOW)] == [found]


def test_extensions_that_the_contract_does_not_expect_and_those_that_are_missing():
    row = {"name": "hstore", "version": "1", "needs_superuser": True, "is_trusted": True}
    context = replace(NOW, terms=Terms(expected_extensions=("citext",)))
    found = [(one.object, one.severity) for one in types.judge_extensions([row], context)]
    assert found[:2] == [("extension hstore", "warn"), ("extension citext", "warn")]
    expected = replace(NOW, terms=Terms(expected_extensions=("hstore",)))
    assert [one.severity for one in types.judge_extensions([row], expected)] == ["info"]


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ({"recorded": "2.31", "actual": "2.36"}, ["warn"]),
        ({"recorded": "2.36", "actual": "2.36"}, ["info"]),
        ({"locale": "C"}, []),
        ({"provider": "b", "locale": "C.UTF-8"}, []),
    ],
)
def test_collations(facts: dict[str, Any], found: list[str]):
    row = {"name": "database d", "provider": "c", "locale": "et_EE.UTF-8", "recorded": None, "actual": None}
    assert [f.severity for f in types.judge_collations([row | facts], NOW)] == found


def test_a_new_transaction_is_not_a_long_one():
    row = {"name": "transaction of pid 1", "gid": None, "pid": 1, "who": "user x", "seconds": 299}
    assert list(activity.judge_transactions([row], NOW)) == []
    prepared = row | {"name": "prepared transaction", "gid": "g", "pid": None, "seconds": 301}
    (found,) = activity.judge_transactions([prepared], NOW)
    assert "ROLLBACK PREPARED" in found.remedy


ROLE: dict[str, Any] = {
    "who": "capture", "name": "c", "is_there": True, "rolcanlogin": True, "rolsuper": False, "rolreplication": True,
    "rolbypassrls": True, "rolcreaterole": False, "rolcreatedb": False, "rolinherit": True, "rolconnlimit": -1,
    "valid_seconds": None, "member_of": ["pg_monitor", "pg_read_all_data"], "can_connect": True,
}  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ({}, []),
        ({"is_there": False}, ["stop"]),
        ({"rolreplication": False}, ["stop"]),
        ({"member_of": []}, ["stop"]),
        ({"can_connect": False}, ["stop"]),
        ({"rolsuper": True}, ["stop"]),
        ({"rolcreatedb": True}, ["warn"]),
        ({"valid_seconds": 3600}, ["warn"]),
        ({"valid_seconds": -1}, ["stop"]),
        ({"rolconnlimit": 2}, ["warn"]),
        ({"who": "pulse", "member_of": []}, ["warn"]),
    ],
)
def test_roles(facts: dict[str, Any], found: list[str]):
    assert [f.severity for f in preparation.judge_roles([ROLE | facts], NOW)] == found


def test_before_the_preparation_a_missing_role_is_no_stop():
    findings = preparation.judge_roles([ROLE | {"is_there": False}], replace(NOW, is_prepared=False))
    assert [f.severity for f in findings] == ["info"]


def test_the_script_is_read_whole():
    script = template()
    found = expected(script)
    assert len(found.functions) == script.count("CREATE OR REPLACE FUNCTION data_embassy.")
    assert len(found.tables) == script.count(" TABLE IF NOT EXISTS data_embassy.")
    assert found.tables["inside"].is_unlogged
    assert found.tables["inside"].columns == {"backend"}
    assert found.functions["beat"].is_definer
    assert found.functions["beat"].config == {"search_path=pg_catalog, pg_temp"}
    assert found.functions["on_ddl"].config == frozenset()
    assert all(table.columns for table in found.tables.values())


def test_settings_are_read_with_their_quotes():
    role = '"a ""b""' + '"'
    script = f"ALTER ROLE {role} IN DATABASE \"d\" SET \"DateStyle\" TO 'ISO, it''s';"
    assert expected(script).settings == {role: {"DateStyle": "ISO, it's"}}


def _report(*findings: Finding) -> Report:
    return Report(register="r", is_reachable=True, is_prepared=True, findings=findings)


def test_only_a_stop_makes_a_register_not_ready():
    finding = Finding(check="types", severity="warn", object="o", reason="because", remedy="do")
    assert _report(finding).is_ready
    assert not _report(finding, replace(finding, severity="stop")).is_ready


def test_the_text_has_the_most_severe_first_and_groups_what_is_alike():
    many = [
        Finding(check="not_carried", severity="info", object=f"table t{i:02}", reason="alike", remedy="do")
        for i in range(30)
    ]
    stop = Finding(check="server", severity="stop", object="wal_level", reason="bad", remedy="restart")
    lines = text(_report(*many, stop)).splitlines()
    assert lines[0] == "register r: NOT ready (1 to stop for, 0 warnings, 30 to know)"
    assert lines[2].startswith("STOP")
    assert lines[4:6] == ["    wal_level: bad", "      -> restart"]
    assert sum("alike" in line for line in lines) == 1
    assert any("and 20 more (--json lists all)" in line for line in lines)


def test_every_finding_of_a_check_has_a_title():
    names = titles()
    checks = (*server.CHECKS, *slots.CHECKS, *tables.CHECKS, *types.CHECKS, *activity.CHECKS)
    assert {check.name for check in checks} <= names.keys()
    assert SEVERITIES == ("stop", "warn", "info")


@pytest.mark.parametrize(("size", "said"), [(0, "0 bytes"), (999, "999 bytes"), (1500, "1.5 kB"), (2e13, "20.0 TB")])
def test_sizes_for_people(size: float, said: str):
    assert human_bytes(size) == said
