"""Read the facts as the capture role and gather what the checks say of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import psycopg
from psycopg.rows import dict_row

from connectors.preflight import activity, constraints, excluded, preparation, server, slots, tables, types
from connectors.preflight.expected import Expected, expected
from connectors.preflight.findings import SEVERITIES, Check, Context, Finding, Report, info, stop, warn
from connectors.prepare import prepare_sql
from data_embassy.config import Postgres, Register, Site, Source
from data_embassy.errors import ConfigError, TransportError
from data_embassy.postgres import Connection, connect

_APPLICATION: Final = "data-embassy check"
_STATEMENT_TIMEOUT: Final = "60s"
_ABOUT: Final = """
SELECT current_setting('server_version_num')::integer,
       to_regnamespace('data_embassy') IS NOT NULL
         AND EXISTS (SELECT FROM pg_class WHERE relname = 'pulse' AND relnamespace = to_regnamespace('data_embassy'))
"""


def check_register(
    site: Site, register: Register, *, login: Postgres | None = None, standby_version: int | None = None
) -> Report:
    """Everything that stands in the way of capturing this register, or should be known before.

    Reads as the capture role, or as `login` before that role exists. Changes nothing. `standby_version` is the major
    version of the embassy's server. Raises ConfigError when the site has no access to the source.
    """
    source = register.source
    if site.role != "home" or source is None:
        raise ConfigError(f"{register.name} has no source at this site", remedy="run this at home")
    script = prepare_sql(register)
    try:
        connection = connect(login or source.capture, application_name=_APPLICATION, autocommit=True)
    except TransportError as error:
        return Report(
            register=register.name, is_reachable=False, is_prepared=False, findings=(_unreachable(error, register),)
        )
    with connection:
        context = _context(connection, register, source, standby_version)
        checks = _checks(expected(script))
        connection.execute("SET default_transaction_read_only = on")
        connection.execute("SELECT set_config('statement_timeout', %s, false)", (_STATEMENT_TIMEOUT,))
        found = [] if context.is_prepared else [_unprepared(context)]
        found += [finding for check in checks for finding in _run(connection, check, context)]
    if context.is_prepared:
        found += _logins(source, context)
    found.sort(key=lambda finding: SEVERITIES.index(finding.severity))
    return Report(register=register.name, is_reachable=True, is_prepared=context.is_prepared, findings=tuple(found))


def titles() -> dict[str, str]:
    """What each check's name stands for, for people."""
    return {
        "connection": "Connection",
        "preparation": "Preparation",
        **{check.name: check.title for check in _checks(expected(""))},
        "identity_cost": "What updates cost",
    }  # fmt: skip


def _checks(wanted: Expected) -> tuple[Check, ...]:
    about_server = (*server.CHECKS, *slots.CHECKS, *preparation.checks(wanted))
    return (*about_server, *tables.CHECKS, *excluded.CHECKS, *constraints.CHECKS, *types.CHECKS, *activity.CHECKS)


def _context(connection: Connection, register: Register, source: Source, standby_version: int | None) -> Context:
    row = connection.execute(_ABOUT).fetchone()
    assert row is not None
    return Context(
        register=register.name,
        capture_role=source.capture.user,
        pulse_role=source.pulse.user,
        publication=source.publication,
        slot=source.slot,
        server_version=row[0],
        standby_version=standby_version,
        is_prepared=row[1],
        home_clock_us=0,
        terms=register.terms,
    )


def _run(connection: Connection, check: Check, context: Context) -> list[Finding]:
    parameters = {
        "capture": context.capture_role, "pulse": context.pulse_role, "publication": context.publication,
        "slot": context.slot,
    }  # fmt: skip
    context = _now(context)
    try:
        with connection.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(check.query, parameters).fetchall()
    except psycopg.errors.InsufficientPrivilege:
        say = stop if context.is_prepared else info
        return [say(check.name, check.title, "the facts cannot be read without the preparation's rights",
                    context.prepare)]  # fmt: skip
    except (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable):
        return [warn(check.name, check.title, f"the facts were not there after {_STATEMENT_TIMEOUT}",
                     f"embassy register check {context.register}, when the server is less busy")]  # fmt: skip
    return list(check.judge(rows, context))


def _now(context: Context) -> Context:
    return replace(context, home_clock_us=time.time_ns() // 1000)


def _unreachable(error: TransportError, register: Register) -> Finding:
    return stop(
        "connection", f"register {register.name}", error.message,
        "if the roles do not exist yet: embassy register prepare "
        f"{register.name} --print-sql, run it, give both roles a password (\\password) and write it into the files that"
        " the contract names; otherwise check address, password file and pg_hba.conf (or look with another role:"
        f" embassy register check {register.name} --user ROLE --password-file FILE)",
    )  # fmt: skip


def _unprepared(context: Context) -> Finding:
    return stop(
        "preparation", "database", "it is not prepared: the preparation makes two roles, the schema data_embassy (a"
        " clock row, a log of schema changes, two tables for verification), a publication of all tables and three event"
        " triggers, and gives tables without a usable key REPLICA IDENTITY FULL", context.prepare,
    )  # fmt: skip


def _logins(source: Source, context: Context) -> Iterator[Finding]:
    """The ways in that are not tried yet: the walsender's, and the clock's own role."""
    try:
        connect(source.capture, application_name=_APPLICATION, autocommit=True, replication=True).close()
    except TransportError as error:
        yield stop(
            "connection", f"role {source.capture.user}", f"no replication connection: {error.message}",
            "check pg_hba.conf and the role's REPLICATION right",
        )  # fmt: skip
    try:
        pulse = connect(source.pulse, application_name=_APPLICATION, autocommit=True)
    except TransportError as error:
        yield stop(
            "connection", f"role {source.pulse.user}", f"the clock cannot log in: {error.message}",
            "check pg_hba.conf and the role's password file",
        )  # fmt: skip
        return
    with pulse:
        row = pulse.execute(
            "SELECT has_function_privilege('data_embassy.beat()', 'EXECUTE'), "
            "current_setting('default_transaction_read_only') = 'on'"
        ).fetchone()
    assert row is not None
    if not row[0]:
        yield stop("roles", f"role {source.pulse.user}", "it may not advance the clock", context.prepare)
    if row[1]:
        yield stop(
            "roles", f"role {source.pulse.user}", "default_transaction_read_only is on: the clock cannot advance",
            f'ALTER DATABASE "{source.pulse.database}" RESET default_transaction_read_only, and for the role',
        )  # fmt: skip
