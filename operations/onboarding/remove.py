"""Let a register go. Each site removes what is its own; every step may be repeated until none is open.

The first step takes the contract away from the workers, into `<state>/removing/`, where the later steps find it. What
needs a superuser in the register's database is the DBA's part, printed as SQL.
"""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path
from typing import Final

from connectors.apply import connect_client
from connectors.plan import connector_name
from connectors.prepare import undo_sql
from connectors.slot import drop_slot
from consumers.bases import base_database
from consumers.control import Control
from consumers.load import drop_generation
from data_embassy.config import Register, Site, contract_path, read_contract, unpause
from data_embassy.errors import CheckFailed, ContractError
from data_embassy.kafka import delete_topics
from operations.onboarding.contract import forget_secrets, move_to_removing, removing_path
from operations.onboarding.steps import Course, State

SLOT_SECONDS_MAX: Final = 30.0
RECEIVER_SECONDS_MAX: Final = 60.0
_KEPT: Final = ("removing", "verifications")
"""Folders of the site's state that a removal leaves alone: its own, and reports that somebody may ask for."""


def find(site: Site, name: str) -> Register:
    """The register, under contract or on its way out; raises ConfigError."""
    kept = removing_path(site, name)
    if name not in site.registers and kept.exists():
        return _read(site, kept, name)
    return site.register(name)


def remove_at_home(site: Site, register: Register, *, has_source: bool) -> Course:
    """Contract, connector, slot, topics. Without a source (gone for good) its slot is nobody's business."""
    name = register.name
    course = _begun(site, register)
    course.attempt("connector", lambda: _connector(site, name))
    if has_source:
        course.attempt("slot", lambda: _slot(register))
    if course.is_complete:
        topics = (register.changes_topic, register.schemas_topic)
        course.attempt("topics", lambda: _topics(site, *topics))
    else:
        course.note("topics", "open", "after the connector, which would make them again")
    if course.is_complete:
        course.note("files", "done", "state and secrets of this register")
        _forget_files(site, register)
    return course


def remove_at_embassy(site: Site, register: Register, *, with_lane: bool) -> Course:
    """Contract, standbys, control rows, files; the lane as well if asked for. Raises CheckFailed while it is received.

    The lane is what a standby can be built from again: home forgets, the embassy's log does not.
    """
    course = _begun(site, register)
    course.attempt("standbys", lambda: _standbys(site, register.name))
    if with_lane:
        course.attempt("lane", lambda: _topics(site, register.lane_topic, register.receipts_topic))
    else:
        course.note("lane", "there", f"{register.lane_topic} is kept")
    if course.is_complete:
        course.note("files", "done", "state of this register")
        _forget_files(site, register)
    return course


def sql_for_dba(register: Register) -> str:
    """What the register's DBA runs; raises ContractError at the embassy."""
    return undo_sql(register)


def _begun(site: Site, register: Register) -> Course:
    course = Course(register=register.name)
    if contract_path(site.folder, register.name).exists():
        move_to_removing(site, register.name)
        course.note("contract", "done", "the workers drop the register")
    else:
        course.note("contract", "there", "the workers have dropped the register")
    return course


def _connector(site: Site, name: str) -> tuple[State, str]:
    with connect_client(site) as client:
        was_there = client.remove(connector_name(name))
    return "done" if was_there else "there", connector_name(name)


def _slot(register: Register) -> tuple[State, str]:
    assert register.source is not None
    was_there = drop_slot(register.source, seconds=SLOT_SECONDS_MAX)
    return "done" if was_there else "there", register.source.slot


def _topics(site: Site, *topics: str) -> tuple[State, str]:
    deleted = delete_topics(site.kafka, topics)
    return "done" if deleted else "there", ", ".join(deleted or topics)


def _standbys(site: Site, name: str) -> tuple[State, str]:
    assert site.postgres is not None
    with closing(Control.open(site.postgres, role="remove")) as control:
        _await_receiver(control, name)
        databases = [one.database for one in control.standbys(name)] + control.retired(name)
        for database in databases:
            for each in (database, base_database(database)):
                drop_generation(control.connection, each)
        control.forget(name)
    return "done" if databases else "there", ", ".join(databases) or "no standby"


def _await_receiver(control: Control, name: str) -> None:
    deadline = time.monotonic() + RECEIVER_SECONDS_MAX

    def is_over(seconds: float) -> bool:
        time.sleep(seconds)
        return time.monotonic() > deadline

    if not control.lock("receive", name, wait=is_over):
        raise CheckFailed(
            f"{name} is still being received", remedy=f"end other receivers, then: embassy register remove {name} --yes"
        )


def _forget_files(site: Site, register: Register) -> None:
    """What the workers kept, and the secrets that `register add` wrote for it; the contract at last."""
    name = register.name
    unpause(site, name)
    for path in site.state.glob(f"**/{name}.json"):
        if path.relative_to(site.state).parts[0] not in _KEPT:
            path.unlink(missing_ok=True)
    forget_secrets(site, name)
    removing_path(site, name).unlink(missing_ok=True)


def _read(site: Site, path: Path, name: str) -> Register:
    problems: list[str] = []
    register = read_contract(path, site.folder, problems, is_home=site.role == "home", name=name)
    if problems:
        lines = "\n  ".join(problems)
        raise ContractError(f"the contract of {name} cannot be used:\n  {lines}", remedy=f"correct {path}, then again")
    return register
