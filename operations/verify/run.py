"""A whole verification: attempts until everything was compared, the report, its copies at both sites."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg

from data_embassy.config import Register, Site, Source
from data_embassy.errors import ConfigError, ContractError
from data_embassy.kafka import client_settings
from data_embassy.keys import load_home_keys
from data_embassy.postgres import Connection, connect
from data_embassy.verifications import keep_report
from operations.verify.answerlog import AnswerLog, new_answers
from operations.verify.attempt import Asked, Attempt, Outcome
from operations.verify.errors import AttemptLost, NeverStill, NotPrepared
from operations.verify.model import Report, TableReport
from pipelines.logs import LogReader
from schemas.content import Name

ATTEMPTS_MAX: Final = 6
_FREE_ATTEMPTS: Final = 2
"""Attempts that make nobody wait: after them tables that moved again are kept still while they are read."""
_LOCK: Final = "SELECT pg_try_advisory_lock(hashtextextended('data_embassy verification', 0))"
_MAY_ASK: Final = (
    "SELECT has_function_privilege(p.oid, 'EXECUTE') FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
    " WHERE n.nspname = 'data_embassy' AND p.proname = 'ask'"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the operator may choose."""

    reach_seconds_max: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a verification is."""

    attempt: int
    message: str


@dataclass(slots=True)
class _Gathered:
    """What the attempts found so far; a later one replaces what an earlier one could not prove."""

    first: Outcome | None = None
    tables: dict[Name, TableReport] = field(default_factory=dict)
    definitions: list[str] | None = None
    sequences: dict[Name, str] | None = None
    left: list[Name] | None = None
    pause_ms: float = 0.0
    attempts: int = 0

    def take(self, outcome: Outcome) -> None:
        self.first = self.first or outcome
        self.pause_ms = max(self.pause_ms, outcome.pause_ms)
        for one in outcome.compared:
            self.tables[one.name] = TableReport(
                name=one.name,
                rows=one.rows,
                equal=one.reason is None,
                position=str(outcome.position),
                reason=one.reason,
                ranges=outcome.ranges.get(one.name, ()),
                is_derived=one.name in outcome.derived,
            )
        if outcome.definitions is not None:
            self.definitions = outcome.definitions
        # No snapshot covers sequences: a difference counts when it is still there at the next point.
        before = self.sequences
        self.sequences = {name: line for name, line in outcome.sequences.items() if before is None or name in before}
        self.left = outcome.moved

    @property
    def is_complete(self) -> bool:
        return self.first is not None and not self.left and self.definitions is not None


def verify(
    site: Site, register: Register, *, tell: Callable[[Progress], None], options: Options | None = None
) -> Report:
    """Prove whether the standby equals the register; the report is stored, signed, at both sites.

    Raises PointBlocked, PointNotReached, NotPrepared, NeverStill, TransportError, ConfigError.
    """
    chosen = options or Options()
    if site.role != "home" or site.link is None or register.source is None:
        raise ContractError(f"{register.name} has no source at this site", remedy="run this at home")
    keys = load_home_keys(site.keys)
    started, began = dt.datetime.now(dt.UTC), time.monotonic()
    with (
        connect(register.source.capture, application_name="data-embassy verify", autocommit=True) as look,
        closing(LogReader(client_settings(site.link), register.receipts_topic)) as topic,
    ):
        _check(look, register)
        answers = new_answers(register, keys, topic)
        verification = answers.reader.verification
        gathered, last = _attempts(register.source, look, answers, options=chosen, tell=tell)
        assert gathered.first is not None
        report = Report(
            register=register.name,
            verification=verification,
            position=str(gathered.first.position),
            generation=gathered.first.generation,
            pause_ms=gathered.pause_ms,
            tables=tuple(gathered.tables[name] for name in sorted(gathered.tables)),
            definitions=tuple(gathered.definitions or ()),
            sequences=tuple((gathered.sequences or {}).values()),
            left_out=tuple(".".join(name) for name in gathered.first.left_out),
            algorithm=gathered.first.algorithm.value,
            attempts=gathered.attempts,
            started_at=started.isoformat(timespec="seconds"),
            finished_at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            seconds=round(time.monotonic() - began, 3),
            versions={"home": look.info.server_version, "standby": gathered.first.standby_version},
        )
        content: dict[str, Any] = report.as_json()
        keep_report(site.state, register.name, verification, content, signer=keys.signer)
        last.end(content)
    return report


def _check(look: Connection, register: Register) -> None:
    row = look.execute(_MAY_ASK).fetchone()
    if row is None or not row[0]:
        raise NotPrepared(
            f"{register.name} was not prepared for verification",
            remedy=f"embassy register prepare {register.name} --print-sql, to be run again by the register's DBA",
        )
    row = look.execute(_LOCK).fetchone()
    if row is None or not row[0]:
        raise ConfigError(f"another verification of {register.name} runs", remedy="wait for it to end")


def _attempts(
    source: Source,
    look: Connection,
    answers: AnswerLog,
    *,
    options: Options,
    tell: Callable[[Progress], None],
) -> tuple[_Gathered, Attempt]:
    gathered = _Gathered()
    lost: AttemptLost | None = None
    for number in range(1, ATTEMPTS_MAX + 1):
        asked = Asked(
            verification=answers.reader.verification,
            attempt=number,
            answer_key=answers.reader.key,
            tables=gathered.left,
            hold=(gathered.left or ()) if number > _FREE_ATTEMPTS else (),
            wants_catalog=gathered.definitions is None,
            reach_seconds_max=options.reach_seconds_max,
        )

        def say(message: str, number: int = number) -> None:
            tell(Progress(attempt=number, message=message))

        answers.start()
        attempt = Attempt(source, look, answers, asked, tell=say)
        try:
            outcome = attempt.run()
        except AttemptLost as error:
            lost = error
            say(error.message)
            continue
        except psycopg.errors.LockNotAvailable:
            continue
        lost = None
        gathered.attempts = number
        gathered.take(outcome)
        if gathered.is_complete and (not gathered.sequences or number > 1):
            return gathered, attempt
    if lost is not None:
        raise lost
    if gathered.is_complete:
        return gathered, attempt
    left = ", ".join(".".join(name) for name in (gathered.left or [])[:5]) or "the schema"
    raise NeverStill(
        f"{left} changed form in each of {ATTEMPTS_MAX} attempts",
        remedy="end what truncates or alters it all the time, then run the verification again",
    )
