"""The demo: two registers under load, warm standbys abroad, everything that may break, and the proof.

Told in sections that somebody who never saw a database can follow. It uses the local system as anybody would: through
`LocalSystem`, the registers' own writers, and the oracle of `compare`.
"""

import contextlib
import datetime as dt
import json
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import psycopg
from psycopg import sql

from data_embassy.errors import CheckFailed, DataEmbassyError
from deploy.local import registers
from deploy.local.compare import Comparison, compare, contents
from deploy.local.layout import default_folder
from deploy.local.machine import wait_until
from deploy.local.processes import HOME
from deploy.local.references import NAMES, fill_reference, replicate_reference
from deploy.local.system import LocalSystem
from deploy.local.watch import Watch
from deploy.registers import pgbench
from deploy.registers.catalogue import REGISTERS

SCALES: Final = {"population": 1.0, "pgbench": 5.0}
CUT_SECONDS: Final = 20.0
LIVE_SECONDS: Final = 12.0
_WRITERS: Final = 4
_POPULATION_RATE: Final = 60.0
_PGBENCH_RATE: Final = 50.0
_FIRST_LEVEL_SECONDS_MAX: Final = 180.0
_LEVEL_SECONDS_MAX: Final = 180.0
_REBUILT: Final = "population"
_CHANGED: Final = "population"
_DDL_TRIES: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the person chose."""

    is_ended_with_down: bool = False
    has_home_dark: bool = True


def run_demo(system: LocalSystem, options: Options) -> bool:
    """Run the demo; True when every register was equal. Its last line says how it ended."""
    narrator = _Narrator()
    system.say = narrator.say
    try:
        results = _Demo(system=system, narrator=narrator).run(has_home_dark=options.has_home_dark)
    except KeyboardInterrupt:
        print("\ndemo: interrupted; the system goes on running, make down ends it", flush=True)
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the last line says it
        _explain(error)
        print(f"demo: failed: {_one_line(error)}", flush=True)
        return False
    if options.is_ended_with_down:
        narrator.section("The end")
        system.down()
    else:
        _say_what_next(system, narrator)
    equal = sum(result.equal for result in results)
    print(f"\ndemo: {equal} of {len(results)} registers equal at their positions", flush=True)
    return equal == len(results)


class _Narrator:
    """Sections with the time since the beginning; lines below them."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def section(self, title: str) -> None:
        minutes, seconds = divmod(int(time.monotonic() - self._began), 60)
        print(f"\n[{minutes}:{seconds:02d}] {title}", flush=True)

    def say(self, line: str) -> None:
        print(f"  {line}", flush=True)


@dataclass(slots=True, kw_only=True)
class _Demo:
    system: LocalSystem
    narrator: _Narrator
    watch: Watch = field(init=False)

    def __post_init__(self) -> None:
        self.watch = Watch(self.system, NAMES)

    def run(self, *, has_home_dark: bool) -> list[Comparison]:
        self._bring_up()
        with self._writers():
            self._replicate()
            self._show_live()
            self._change_the_schema()
            self._cut_the_link()
            self._kill_workers()
            self._verify()
        results = self._compare()
        if has_home_dark and all(result.equal for result in results):
            self._darken_home()
        return results

    def _bring_up(self) -> None:
        self._tell(
            "Two sites",
            "Home holds the registers. The embassy abroad holds their standbys. Between them: one long, sealed link.",
        )
        self.system.up()

    @contextmanager
    def _writers(self) -> Iterator[None]:
        """Both registers, filled, and people at work in them while the body runs."""
        self._tell(
            "Two registers at home",
            f"population: people, homes, families, papers (about {SCALES['population'] * 225_000:,.0f} rows)",
            f"pgbench: a bank nobody made for this ({SCALES['pgbench'] * 100_000:,.0f} accounts), its own clients",
        )
        for name in NAMES:
            fill_reference(self.system, name, SCALES[name])
        seed = time.time_ns()
        people = REGISTERS["population"].workload(
            self.system.database_dsn("population"), seed=seed, writers=_WRITERS, rate=_POPULATION_RATE
        )
        bank = pgbench.Pgbench(self.system.database_dsn("pgbench"), seed=seed, clients=2, rate=_PGBENCH_RATE)
        with people, bank:
            yield
        done = people.counters()
        self._tell(
            "The writers stop",
            f"population: {done.transactions:,} transactions of {len(done.actions)} kinds, {done.rows:,} rows touched",
            f"pgbench: {bank.counters().transactions:,} transactions",
        )

    def _replicate(self) -> None:
        self._tell(
            "Standbys abroad",
            "A snapshot of each register goes through the link, sealed; the writers do not stop for it.",
        )
        for name in NAMES:
            replicate_reference(self.system, name)
        took = self.watch.until_level(seconds=_FIRST_LEVEL_SECONDS_MAX, what="first standbys")
        self.narrator.say(f"both standbys are live, {took:.0f} s after the last snapshot")

    def _show_live(self) -> None:
        self._tell("Live", "lag is how far the standby is behind the register; waiting is what has not left home yet.")
        self.watch.during(LIVE_SECONDS)

    def _change_the_schema(self) -> None:
        column = sql.Identifier(f"remark_{dt.datetime.now(dt.UTC):%Y%m%d_%H%M%S}")
        statement = sql.SQL("ALTER TABLE population.person ADD COLUMN {} text DEFAULT 'none'").format(column)
        self._tell(
            "A schema change", "A DBA at home changes a table while people work in it; nobody tells the embassy."
        )
        with psycopg.connect(self.system.database_dsn(_CHANGED), autocommit=True) as connection:
            # Rather fail and be tried again than make the register's users queue.
            connection.execute("SET lock_timeout = '2s'")
            _until_done(lambda: connection.execute(statement))
            self.narrator.say(f"home:    {statement.as_string(connection)}")
        began = time.monotonic()
        wait_until(
            lambda: _has_column(self._standby_dsn(_CHANGED), "population.person", column),
            seconds=_LEVEL_SECONDS_MAX,
            what="the standby shows the new column",
        )
        self.narrator.say(
            f"embassy: the column is there {time.monotonic() - began:.1f} s later, between the same commits"
        )

    def _verify(self) -> None:
        self._tell(
            "Verified while both sides go on",
            "Home asks through the lane; the embassy reads its standby at one exact position and answers in receipts.",
        )
        for name in NAMES:
            report = json.loads(registers.command(self.system.layout, "home", "register", "verify", name, "--json"))
            if not report["equal"]:
                raise CheckFailed(
                    f"{name} is not equal at {report['position']}", remedy=f"embassy register repair {name}"
                )
            rows = sum(table["rows"] for table in report["tables"])
            self.narrator.say(
                f"{name}: equal at {report['position']}: {len(report['tables'])} tables, {rows:,} rows; "
                f"the standby paused for {report['pause_ms']:.0f} ms"
            )

    def _cut_the_link(self) -> None:
        self._tell(
            f"The link is cut for {CUT_SECONDS:.0f} seconds", "Home goes on working; what it changes waits there."
        )
        self.system.link.cut()
        self.watch.worst_lag_seconds = 0.0
        try:
            self.watch.during(CUT_SECONDS)
        finally:
            self.system.link.mend()
        self.narrator.say("mended")
        took = self.watch.until_level(seconds=_LEVEL_SECONDS_MAX, what="after the cut")
        self.narrator.say(f"level again {took:.0f} s later; at worst {self.watch.worst_lag_seconds:.0f} s behind")

    def _kill_workers(self) -> None:
        for name, meaning in (("forward", "seals and sends at home"), ("receive", "opens and applies abroad")):
            self._tell(
                f"A worker is killed: {name}", f"kill -9 of the process that {meaning}, in the middle of its work."
            )
            began = time.monotonic()
            self.system.kill(name)
            self.system.wait_running(name)
            self.narrator.say(
                f"it came back by itself after {time.monotonic() - began:.0f} s, and goes on where it was"
            )
            self.watch.until_level(seconds=_LEVEL_SECONDS_MAX, what=f"after the death of {name}")
            self.narrator.say(f"level again {time.monotonic() - began:.0f} s after the kill")

    def _compare(self) -> list[Comparison]:
        self._tell(
            "The proof", "Every row of every table as text, and every table's definition: register against standby."
        )
        results = []
        for name in NAMES:
            addresses = self.system.env()["registers"][name]
            result = compare(name, addresses["home_dsn"], addresses["standby_dsn"])
            verdict = "equal" if result.equal else "NOT EQUAL"
            self.narrator.say(
                f"{name}: {verdict} at position {result.position}: {len(result.tables)} tables, {result.rows:,} rows"
            )
            for line in result.differences:
                self.narrator.say(f"  {line}")
            results.append(result)
        return results

    def _darken_home(self) -> None:
        self._tell(
            "Home goes dark",
            f"Every process at home stops, and the standby of {_REBUILT} is thrown away.",
            "The embassy rebuilds it from its own log with its own keys.",
        )
        before = contents(self._standby_dsn(_REBUILT))
        self.system.stop(*HOME, "receive")
        with psycopg.connect(self.system.env()["embassy_postgres"], autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(_REBUILT)))
        said = registers.command(self.system.layout, "embassy", "register", "replay", _REBUILT)
        self.narrator.say(said.strip().splitlines()[-1])
        after = contents(self._standby_dsn(_REBUILT))
        if before != after:
            different = sorted(table for table in before.keys() | after.keys() if before.get(table) != after.get(table))
            raise CheckFailed(
                f"the rebuilt {_REBUILT} differs in {', '.join(different)}", remedy="embassy local logs receive"
            )
        self.narrator.say(f"the rebuilt {_REBUILT} holds what the lost one held, row by row, in {len(after)} tables")
        self._tell(
            "Home returns", "Its processes start again, and the standbys are warm again, with nothing done by hand."
        )
        self.system.up()
        took = self.watch.until_level(seconds=_LEVEL_SECONDS_MAX, what="after home's return")
        self.narrator.say(f"both level {took:.0f} s after home was back")

    def _standby_dsn(self, name: str) -> str:
        return self.system.env()["registers"][name]["standby_dsn"]

    def _tell(self, title: str, *lines: str) -> None:
        self.narrator.section(title)
        for line in lines:
            self.narrator.say(line)


def _until_done(act: Callable[[], object]) -> None:
    """Try again while others hold the lock."""
    for attempt in range(_DDL_TRIES):
        try:
            act()
        except psycopg.errors.LockNotAvailable:
            if attempt == _DDL_TRIES - 1:
                raise
        else:
            return


def _has_column(dsn: str, table: str, column: sql.Identifier) -> bool:
    query = sql.SQL("SELECT {} FROM {} LIMIT 0").format(column, sql.Identifier(*table.split(".")))
    with contextlib.suppress(psycopg.Error), psycopg.connect(dsn, connect_timeout=5) as connection:
        connection.execute(query)
        return True
    return False


def _say_what_next(system: LocalSystem, narrator: _Narrator) -> None:
    home, embassy = system.env()["home_site"], system.env()["embassy_site"]
    folder = "" if system.folder == default_folder() else f" --folder {system.folder}"
    narrator.section("Look around: both sites go on running")
    for line in (
        f"addresses for psql, both sides:    .venv/bin/embassy local env{folder}",
        f"what runs:                         .venv/bin/embassy local status{folder}",
        f"how stale each standby is:         .venv/bin/embassy --site {embassy} status --watch",
        f"prove that a standby is equal:     .venv/bin/embassy --site {home} register verify population",
        f"cut the link yourself, mend it:    .venv/bin/embassy local link cut{folder}    (then: mend)",
        f"logs, which hold no row data:      .venv/bin/embassy local logs -f receive{folder}",
        f"the end, nothing is left behind:   .venv/bin/embassy local down{folder}",
    ):
        narrator.say(line)


def _explain(error: Exception) -> None:
    """What to do goes to the error stream; where it happened as well, if it was nobody's foreseen error."""
    print(file=sys.stderr)
    if isinstance(error, DataEmbassyError):
        print(error.diagnostics(), file=sys.stderr)
    else:
        traceback.print_exception(error)
    print("the system is left as it is: embassy local status, embassy local logs; the end: make down", file=sys.stderr)


def _one_line(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        return f"{error.cmd} ended with {error.returncode}"
    return (str(error).strip() or type(error).__name__).splitlines()[0]
