"""The running system: nobody works as superuser, no secret shows, every private file is private."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import psycopg
import pytest
import requests
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from data_embassy.config import load_site
from data_embassy.kafka import client_settings
from deploy.local.services import LINK_PRINCIPAL
from deploy.local.sites import CAPTURE_ROLE, PULSE_ROLE, STANDBY_ROLE
from tests.support.scenario import Registers, wait_for

_PASSWORD = re.compile(r"\A[0-9a-f]{32,}\Z")


def secrets_of(registers: Registers) -> dict[str, str]:
    """Every password, every private key's body, by file."""
    layout = registers.system.layout
    found = {}
    for folder in (layout.operator, *(layout.site(site) / "secrets" for site in ("home", "embassy"))):
        for path in folder.iterdir():
            if path.is_file() and _PASSWORD.match(text := path.read_text().strip()):
                found[str(path)] = text
    for site in ("home", "embassy"):
        for kind in ("keys", "tls"):
            for path in (layout.site(site) / kind).rglob("*"):
                if path.is_file() and b"PRIVATE KEY" in path.read_bytes():
                    body = "".join(part for part in path.read_text().splitlines() if not part.startswith("-"))
                    found[str(path)] = body[40:80]
    return found


def shown(registers: Registers) -> Iterator[tuple[str, str]]:
    """Command lines of every process of this machine, all logs, everything that Connect answers."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            yield f"cmdline of {process.name}", process.joinpath("cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
    for log in registers.system.layout.logs.iterdir():
        if log.is_file():
            yield log.name, log.read_bytes().decode(errors="replace")
    connect = registers.system.env()["connect_url"]
    paths = ["/", "/connectors?expand=info&expand=status", "/connector-plugins", "/admin/loggers"]
    for name in requests.get(f"{connect}/connectors", timeout=20).json():
        paths += [f"/connectors/{name}{tail}" for tail in ("", "/config", "/tasks", "/status", "/offsets", "/topics")]
    for path in paths:
        yield f"Connect {path}", requests.get(connect + path, timeout=20).text


def test_no_secret_shows_in_command_lines_logs_or_connects_answers(registers: Registers):
    secrets = secrets_of(registers)
    assert {Path(path).name for path in secrets} >= {"kafka", "postgres", "postgres-capture", "postgres-pulse"}
    assert any("/tls/" in path for path in secrets)
    everything = dict(shown(registers))
    assert any("run\0forward" in text for text in everything.values()), "our own processes were looked at"
    config = next(text for where, text in everything.items() if where.endswith("/config"))
    assert json.loads(config)["database.password"].startswith("${directory:")
    assert any(CAPTURE_ROLE in text for text in everything.values()), "the search finds what is there"
    for where, text in everything.items():
        assert not [path for path, secret in secrets.items() if secret in text], where


@pytest.mark.parametrize(
    ("server", "roles"), [("home_postgres", {CAPTURE_ROLE, PULSE_ROLE}), ("embassy_postgres", {STANDBY_ROLE})]
)
def test_nobody_works_as_superuser(registers: Registers, server: Literal["home_postgres"], roles: set[str]):
    with psycopg.connect(registers.system.env()[server], autocommit=True) as connection:

        def working() -> set[tuple[object, ...]]:
            rows = connection.execute(
                "SELECT usename::text, rolsuper FROM pg_stat_activity JOIN pg_roles ON rolname = usename"
                " WHERE backend_type IN ('client backend', 'walsender') AND pid <> pg_backend_pid()"
                "   AND (application_name ~* 'data.embassy|debezium' OR rolname = ANY (%s))",
                (sorted(roles),),
            )
            return set(rows.fetchall())

        wait_for(lambda: {name for name, _ in working()} >= roles, f"{sorted(roles)} work at {server}", seconds=60)
        assert working() == {(role, False) for role in roles}


_PRIVATE = ("operator", "logs", "run", *(f"{site}/{name}" for site in ("home", "embassy")
                                         for name in ("secrets", "keys", "tls", "state")))  # fmt: skip


@pytest.mark.parametrize("folder", _PRIVATE)
def test_private_files_are_private(registers: Registers, folder: str):
    root = registers.system.folder / folder
    assert stat.S_IMODE(root.stat().st_mode) & 0o077 == 0
    for path in root.rglob("*"):
        if path.is_file() and _PASSWORD.match(path.read_text(errors="replace").strip()):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_home_has_three_rights_on_lanes_and_two_on_receipts(registers: Registers):
    admin = AdminClient(client_settings(load_site(registers.system.layout.site("embassy")).kafka))
    every = AclBindingFilter(
        ResourceType.ANY, None, ResourcePatternType.ANY, None, None,  # type: ignore[arg-type]
        AclOperation.ANY, AclPermissionType.ANY,
    )  # fmt: skip
    found = {
        (rule.restype.name, rule.name, rule.resource_pattern_type.name, rule.operation.name, rule.permission_type.name)
        for rule in admin.describe_acls(every, request_timeout=20).result()
        if rule.principal == LINK_PRINCIPAL
    }
    assert found == {
        ("TOPIC", prefix, "PREFIXED", operation, "ALLOW")
        for prefix, operations in {"lane.": ("DESCRIBE", "READ", "WRITE"), "receipts.": ("DESCRIBE", "READ")}.items()
        for operation in operations
    }
