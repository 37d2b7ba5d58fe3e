"""Take a register under contract: at home contract, preflight, topics and connector; at the embassy its contract."""

from __future__ import annotations

import socket
from typing import Final

from connectors.apply import apply_connector
from connectors.preflight import Report, check_register
from connectors.slot import slot_state
from data_embassy.config import Register, Site, Terms, open_site
from data_embassy.errors import TransportError
from data_embassy.kafka import ensure_topics, home_topics
from operations.onboarding.contract import Asked, take
from operations.onboarding.steps import Course, State

_PROBE_SECONDS: Final = 5.0


def add(site: Site, asked: Asked) -> Course:
    """Do every step that can be done now. Raises ContractError, ConfigError before anything is written."""
    register, is_new = take(site, asked)
    course = Course(register=register.name)
    course.note("contract", "done" if is_new else "there", f"lane {register.lane}, tier {register.tier}")
    if site.role == "embassy":
        course.next = ["embassy status"]
        return course
    now = open_site(site.folder)
    report = _look(now, register, course)
    course.attempt("topics", lambda: _topics(now, register))
    if report is not None:
        course.attempt("capture", lambda: _capture(now, register))
    course.next = _next(register, course, report)
    return course


def is_refused(course: Course) -> bool:
    """True when the preflight found what a register must not be captured with."""
    return any(step.name == "preflight" and step.state == "open" for step in course.steps)


def _look(site: Site, register: Register, course: Course) -> Report | None:
    """The preflight; None when nobody can log in yet, which the DBA changes."""
    source = register.source
    assert source is not None
    try:
        socket.create_connection((source.capture.host, source.capture.port), _PROBE_SECONDS).close()
    except OSError as error:
        course.unreachable = True
        where = f"{source.capture.host}:{source.capture.port}"
        course.note("source", "open", f"{where} cannot be reached: {error.strerror or type(error).__name__}")
        return None
    report = check_register(site, register)
    if not report.is_reachable:
        course.note("source", "open", f"{source.capture.user} cannot log in yet: the DBA prepares the database")
        return None
    if not report.is_prepared:
        course.note("source", "open", "the DBA has not prepared the database yet")
        return None
    stops = sum(finding.severity == "stop" for finding in report.findings)
    warnings = sum(finding.severity == "warn" for finding in report.findings)
    detail = f"{stops} reasons to stop, {warnings} warnings; embassy register check {register.name} tells them"
    course.note("preflight", "open" if stops else "done", detail)
    return report


def _topics(site: Site, register: Register) -> tuple[State, str]:
    wanted = home_topics(register)
    created = ensure_topics(site.kafka, wanted)
    return "done" if created else "there", ", ".join(created or wanted)


def _capture(site: Site, register: Register) -> tuple[State, str]:
    """The connector begins at the slot, and the first snapshot makes that."""
    assert register.source is not None
    if slot_state(register.source) == "absent":
        return "there", "begins by itself after the first snapshot"
    apply_connector(site, register.name)
    return "done", "the connector is applied"


def begin_capture(site: Site, name: str) -> None:
    """After a snapshot: apply the connector, at once where it waits for the slot. Raises TransportError."""
    try:
        apply_connector(site, name)
    except TransportError as error:
        raise TransportError(
            f"the snapshot is complete, but capture could not be started: {error.message}",
            remedy=f"embassy connector apply {name}",
        ) from error


def _next(register: Register, course: Course, report: Report | None) -> list[str]:
    name = register.name
    found = [f"at the embassy:  embassy register add {name} --lane {register.lane} --tier {register.tier}"]
    if register.terms != Terms():
        found = [f"{found[0]} --contract FILE", "                 with the file that was given here"]
    if report is None and not course.unreachable:
        found += [
            f"its DBA:         embassy register prepare {name} --print-sql | psql -X -v ON_ERROR_STOP=1 -d DATABASE",
            "                 and gives both roles their passwords: \\password ROLE in psql",
        ]
    return [
        *found,
        f"at home:         embassy register check {name}",
        f"at home:         embassy register snapshot {name}",
        "at either site:  embassy status",
    ]
