"""The demo: ten registers of a state under load, warm standbys abroad, everything that may break, and the proof.

Told in sections that somebody who never saw a database can follow. It uses the local system as anybody would: through
`LocalSystem`, the registers' own writers, auditors at the standbys, and the oracle of `compare`.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import psycopg

from data_embassy.errors import CheckFailed
from deploy.local import registers
from deploy.local.auditor import Auditor, auditing, held
from deploy.local.compare import Comparison, compare
from deploy.local.dark_home import lose_and_rebuild
from deploy.local.jars import silent
from deploy.local.narrator import Narrator, explain, one_line, say_what_next
from deploy.local.references import AT_ONCE, fill_reference, replicate_reference
from deploy.local.schema_change import add_column, await_column
from deploy.local.system import LocalSystem
from deploy.local.watch import Watch, text
from deploy.registers.catalogue import REGISTERS
from deploy.registers.workload import Workload

NAMES: Final = tuple(sorted(REGISTERS, key=lambda name: (REGISTERS[name].tier, name)))
CUT_SECONDS: Final = 15.0
LIVE_SECONDS: Final = 10.0
_WRITERS: Final = 2
_RATE: Final = 5.0
_SHARE: Final = 0.1
_VERIFIED: Final = tuple(name for name in NAMES if REGISTERS[name].tier == 1)
_FIRST_LEVEL_SECONDS_MAX: Final = 240.0
_LEVEL_SECONDS_MAX: Final = 240.0
_REBUILT: Final = "population"
_CHANGED: Final = "population"
_CHANGED_TABLE: Final = "population.person"
_WIDTH: Final = max(map(len, NAMES))
_ROWS: Final = (
    "SELECT sum(reltuples)::bigint FROM pg_class WHERE relnamespace = %s::regnamespace AND relkind = 'r'"
    " AND reltuples > 0"
)
_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the person chose."""

    is_ended_with_down: bool = False
    has_home_dark: bool = True


def run_demo(system: LocalSystem, options: Options) -> bool:
    """Run the demo; True when every register was equal. Its last line says how it ended."""
    narrator = Narrator()
    system.say = narrator.say
    try:
        results = _Demo(system=system, narrator=narrator).run(has_home_dark=options.has_home_dark)
    except KeyboardInterrupt:
        print("\ndemo: interrupted; the system goes on running, make down ends it", flush=True)
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the last line says it
        explain(error)
        print(f"demo: failed: {one_line(error)}", flush=True)
        return False
    if options.is_ended_with_down:
        narrator.tell("The end")
        system.down()
    else:
        say_what_next(system, narrator)
    equal = sum(result.equal for result in results)
    print(f"\ndemo: {equal} of {len(results)} registers equal at their positions", flush=True)
    return equal == len(results)


@dataclass(slots=True, kw_only=True)
class _Demo:
    system: LocalSystem
    narrator: Narrator
    watch: Watch = field(init=False)

    def __post_init__(self) -> None:
        self.watch = Watch(self.system, NAMES)

    def run(self, *, has_home_dark: bool) -> list[Comparison]:
        self._bring_up()
        self._fill()
        with self._writers():
            self._replicate()
            with self._audited():
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
        self.system.up(has_pages=True)

    def _fill(self) -> None:
        """The registers' databases; they go by tier from here on."""
        self._tell(
            f"{len(NAMES)} registers at home",
            "Each is a database with its own tables and rules. Those of tier 1 go first when the link is too narrow.",
        )
        self._all(lambda name: fill_reference(self.system, name))
        for name in NAMES:
            with psycopg.connect(self.system.database_dsn(name)) as connection:
                row = connection.execute(_ROWS, (name,)).fetchone()
            assert row is not None
            one = REGISTERS[name]
            self.narrator.say(f"tier {one.tier}  {name:{_WIDTH}} {int(str(row[0])):>9,} rows   {one.purpose}")

    @contextmanager
    def _writers(self) -> Iterator[None]:
        """People at work in all of them while the body runs."""
        seed = time.time_ns()
        with ExitStack() as stack:
            works = {name: stack.enter_context(self._work(name, seed)) for name in NAMES}
            yield
        done = [work.counters() for work in works.values()]
        self._tell(
            "The writers stop",
            f"{sum(one.transactions for one in done):,} transactions of {sum(len(one.actions) for one in done)} kinds, "
            f"{sum(one.rows for one in done):,} rows touched; {sum(one.refused for one in done):,} more were refused "
            "by their register's own rules",
        )

    def _work(self, name: str, seed: int) -> Workload:
        return REGISTERS[name].workload(self.system.database_dsn(name), seed=seed, writers=_WRITERS, rate=_RATE)

    def _replicate(self) -> None:
        self._tell(
            "Standbys abroad",
            "A snapshot of each register goes through the link, sealed. People work in all of them from now on.",
        )
        began = time.monotonic()

        def replicate(name: str) -> None:
            replicate_reference(self.system, name)
            self.narrator.say(f"{name:{_WIDTH}} sent after {time.monotonic() - began:.0f} s")

        self._all(replicate)
        took = self.watch.until_level(seconds=_FIRST_LEVEL_SECONDS_MAX, what="first standbys")
        self.narrator.say(f"all {len(NAMES)} standbys are live, {took:.0f} s after the last snapshot")

    @contextmanager
    def _audited(self) -> Iterator[None]:
        """Every rule of every register is evaluated at its standby while the body runs."""
        with auditing(self.system, *NAMES, share=_SHARE) as auditors:
            self.watch.note = lambda: f"{_evaluated(auditors):,} rules evaluated"
            try:
                yield
            finally:
                self.watch.note = str
            found = held(auditors)
        self._tell(
            "No rule was ever broken at the embassy",
            "A rule is what must hold after every single commit: debits equal credits, shares of a property sum to 1.",
            "All were evaluated at the standbys all the while, through cut and kills, each time as of one commit.",
        )
        for name, audit in found.items():
            rules = len(REGISTERS[name].checks)
            self.narrator.say(
                f"{name:{_WIDTH}} {rules:>3} rules held at each of {audit.positions:,} commits: "
                f"{audit.evaluations:,} evaluations"
            )
        total = sum(audit.evaluations for audit in found.values())
        self.narrator.say(f"{'together':{_WIDTH}} {total:,} evaluations, 0 broken")

    def _show_live(self) -> None:
        self._tell(
            "Live", "How far each standby is behind its register, and how many changes wait at home to leave it."
        )
        self.watch.during(LIVE_SECONDS)
        for name, sample in self.watch.sample().items():
            self.narrator.say(text(f"{name:>{_WIDTH}}", sample))

    def _change_the_schema(self) -> None:
        self._tell(
            "A schema change", "A DBA at home changes a table while people work in it; nobody tells the embassy."
        )
        statement, column = add_column(self.system.database_dsn(_CHANGED), _CHANGED_TABLE)
        self.narrator.say(f"home:    {statement}")
        seconds = await_column(self._standby_dsn(_CHANGED), _CHANGED_TABLE, column)
        self.narrator.say(f"embassy: the column is there {seconds:.1f} s later, between the same commits")

    def _verify(self) -> None:
        self._tell(
            "Verified while both sides go on",
            "Home asks through the lane; the embassy reads its standby at one exact position and answers in receipts.",
            "Here for the registers of tier 1; the others are as ready for it.",
        )
        for name, report in self._all(self._verified, _VERIFIED).items():
            if not report["equal"]:
                raise CheckFailed(
                    f"{name} is not equal at {report['position']}", remedy=f"embassy register repair {name}"
                )
            rows = sum(table["rows"] for table in report["tables"])
            self.narrator.say(
                f"{name:{_WIDTH}} equal at {report['position']}: {len(report['tables'])} tables, {rows:,} rows; "
                f"the standby paused for {report['pause_ms']:.0f} ms"
            )

    def _verified(self, name: str) -> dict[str, Any]:
        said = registers.command(self.system.layout, "home", "register", "verify", name, "--json")
        report: dict[str, Any] = json.loads(said)
        return report

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
        results = self._all(self._compared)
        for name, result in results.items():
            verdict = "equal" if result.equal else "NOT EQUAL"
            self.narrator.say(
                f"{name:{_WIDTH}} {verdict} at position {result.position}: {len(result.tables)} tables, "
                f"{result.rows:,} rows"
            )
            for line in result.differences:
                self.narrator.say(f"  {line}")
        return list(results.values())

    def _compared(self, name: str) -> Comparison:
        addresses = self.system.env()["registers"][name]
        return compare(name, addresses["home_dsn"], addresses["standby_dsn"])

    def _darken_home(self) -> None:
        self._tell(
            "Home goes dark",
            f"Every process at home stops, and the standby of {_REBUILT} is thrown away.",
            "The embassy rebuilds it from its own log with its own keys.",
        )
        said, tables = lose_and_rebuild(self.system, _REBUILT)
        self.narrator.say(said)
        self.narrator.say(f"the rebuilt {_REBUILT} holds what the lost one held, row by row, in {tables} tables")
        self._tell(
            "Home returns", "Its processes start again, and the standbys are warm again, with nothing done by hand."
        )
        self.system.up()
        took = self.watch.until_level(seconds=_LEVEL_SECONDS_MAX, what="after home's return")
        self.narrator.say(f"all level {took:.0f} s after home was back")

    def _all(self, act: Callable[[str], _Found], names: Sequence[str] = NAMES) -> dict[str, _Found]:
        """Do it for every register, several side by side, without a line for each step."""
        self.system.say = silent
        try:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                return dict(zip(names, pool.map(act, names), strict=True))
        finally:
            self.system.say = self.narrator.say

    def _standby_dsn(self, name: str) -> str:
        return self.system.env()["registers"][name]["standby_dsn"]

    def _tell(self, title: str, *lines: str) -> None:
        self.narrator.tell(title, *lines)


def _evaluated(auditors: Mapping[str, Auditor]) -> int:
    return sum(auditor.audit().evaluations for auditor in auditors.values())
