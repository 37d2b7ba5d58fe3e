"""A site's page on a stage: the real gatherer, application and server, and registers that the test makes up."""

import datetime as dt
import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import uvicorn

from data_embassy import causes
from data_embassy.config import Page, Role
from data_embassy.drills import Drill
from data_embassy.errors import DataEmbassyError
from data_embassy.status import HOPS, Backlog, DataKey, Part, Position, RegisterStatus
from deploy.local.machine import LOOPBACK, free_ports, wait_until
from operations.page.app import make_app
from operations.page.gather import Gatherer
from operations.page.serve import rules_of, settings
from operations.page.snapshot import Event, Key, Past, Practice, Proof, Sample, Seen, Span

SHARES = dict(zip(HOPS, (0.18, 0.06, 0.09, 0.42, 0.05, 0.2), strict=True))
NAMES = ("treasury", "population", "land", "court", "business", "vehicles")


def now() -> dt.datetime:
    """The clock of the stage."""
    return dt.datetime.now(dt.UTC)


def register(name: str, **more: object) -> RegisterStatus:
    """A register that is well, unless `more` says otherwise."""
    lag = more.get("lag_seconds", 0.8)
    hops = {hop: round(share * lag, 4) for hop, share in SHARES.items()} if isinstance(lag, float) else {}
    usual = RegisterStatus(
        register=name,
        lane="3f9a1c0b77e2d418",
        tier=1,
        state="live",
        lag_seconds=0.8,
        hops=hops,
        is_lag_trusted=True,
        clock_offset_seconds=0.012,
        clock_uncertainty_seconds=0.021,
        objective_seconds=60,
        is_objective_met=True,
        age_seconds=0.6,
        position=Position(
            commit_lsn="3/5C21B7A8", source_committed_at=(now() - dt.timedelta(seconds=2)).isoformat(),
            home_offset=4_182_377, generation=3, attempt=1, lane_offset=281_554,
        ),
        backlog=Backlog(envelopes=0),
        data_key=DataKey(envelopes=18_204),
        transactions=8_112_905,
        changes=21_554_310,
    )  # fmt: skip
    return replace(usual, **more)  # type: ignore[arg-type]


def well() -> tuple[RegisterStatus, ...]:
    """Six registers in three tiers, as they should be."""
    lags = (0.8, 1.1, 0.6, 1.9, 3.2, 2.4)
    return tuple(
        register(name, tier=1 + index // 2, lag_seconds=lag, objective_seconds=(30, 60, 300)[index // 2])
        for index, (name, lag) in enumerate(zip(NAMES, lags, strict=True))
    )


def many(number: int = 30) -> tuple[RegisterStatus, ...]:
    """So many registers, all well."""
    return tuple(
        register(f"register_{index:02}", tier=1 + index % 4, lag_seconds=0.5 + index / 10) for index in range(number)
    )


def stopped(one: RegisterStatus) -> RegisterStatus:
    """The same register, stopped by records that are missing."""
    return replace(
        one, state="stopped", cause="Gapped", lag_seconds=754.0, is_objective_met=False,
        reason="records are missing on the lane: 281,555 follows 281,551",
        remedy=f"at home: embassy register snapshot {one.register}",
        backlog=Backlog(envelopes=1_874, transactions=61_200, bytes=48_210_334),
    )  # fmt: skip


def silent(found: Sequence[RegisterStatus], seconds: float) -> tuple[RegisterStatus, ...]:
    """What the embassy sees of the same registers after home went dark."""
    return tuple(
        replace(
            one,
            lag_seconds=seconds + (one.lag_seconds or 0),
            is_objective_met=seconds <= (one.objective_seconds or 0),
            position=None
            if one.position is None
            else replace(one.position, source_committed_at=(now() - dt.timedelta(seconds=seconds + 9)).isoformat()),
        )
        for one in found
    )


def at_home(found: Sequence[RegisterStatus], *, heard_seconds: float = 2.0) -> tuple[RegisterStatus, ...]:
    """The same registers as home sees them, by receipts so old."""
    parts = [Part(name=name, state="live") for name in ("source", "capture", "forward")]
    why = f"the embassy last said something {heard_seconds:.0f} s ago: it was live then"
    if heard_seconds > 20:
        parts.append(
            Part(
                name="embassy",
                state="unknown",
                cause="LinkDown",
                reason=f"the embassy's broker does not answer through the link; {why}",
                remedy=causes.remedy_of("LinkDown", register="", site="home"),
            )
        )
    else:
        parts.append(Part(name="embassy", state="live"))
    worst = parts[-1]
    return tuple(
        replace(
            one, age_seconds=heard_seconds, parts=tuple(parts), state=worst.state, cause=worst.cause,
            reason=worst.reason, remedy=worst.remedy, transactions=None, changes=None, is_held=False,
            level_in_seconds=0.0,
            backlog=Backlog(records=0 if heard_seconds < 20 else 1_204, envelopes=0, slot_bytes=16_812_400),
            notes=() if heard_seconds < 20 else ("the embassy's broker does not answer through the link",),
            runs_out_seconds={"home": 80_000.0},
            data_key=DataKey(age_seconds=11_100.0, envelopes=18_204, used=0.017, left_seconds=75_300.0),
        )
        for one in found
    )  # fmt: skip


@dataclass
class StagedSight:
    """What a site can be asked: the test says what there is; `gate` closed makes a look hang."""

    registers: tuple[RegisterStatus, ...] = field(default_factory=well)
    error: Exception | None = None
    gate: threading.Event = field(default_factory=threading.Event)
    past_error: DataEmbassyError | None = None
    keeps_past: bool = True
    proofs: Mapping[str, tuple[Proof, ...]] = field(default_factory=dict)
    drills: Mapping[str, tuple[Practice, ...]] = field(default_factory=dict)
    looks: int = 0

    def __post_init__(self) -> None:
        self.gate.set()
        self.drills = self.drills or {
            one.register: practices(days=6 + index) for index, one in enumerate(self.registers)
        }
        self.proofs = self.proofs or {one.register: proofs(hours=3 + index) for index, one in enumerate(self.registers)}

    def look(self) -> Seen:
        """The site as the test made it."""
        self.gate.wait()
        self.looks += 1
        if self.error is not None:
            raise self.error
        return Seen(
            registers=self.registers,
            proofs=self.proofs,
            drills=self.drills,
            keys=KEYS,
            trusts=("home capital",),
            link_bytes_per_second=3.1e6,
        )

    def close(self) -> None:
        """Nothing is kept open."""

    def past(self, register: str, span: Span, until: dt.datetime) -> Past | None:
        """A past with an hour's outage in the middle of it, by chance always the same."""
        if self.past_error is not None:
            raise self.past_error
        return past(register, span, until) if self.keeps_past else None


KEYS = (
    Key(
        kind="receipt-ed25519",
        serial=1,
        is_active=True,
        id="9c41f0d2aa5be7713f0c",
        made_at=now() - dt.timedelta(days=41),
    ),
    Key(
        kind="recipient-mlkem768-x25519",
        serial=1,
        is_active=True,
        id="02be77aa90c1d4e5f611",
        made_at=now() - dt.timedelta(days=41),
    ),
)


def practices(*, days: int) -> tuple[Practice, ...]:
    """A drill that passed so many days ago, and before it one that did not."""

    def practice(ago: int, result: str, note: str) -> Practice:
        at = now().replace(microsecond=0) - dt.timedelta(days=ago)
        return Practice(drill=Drill(at=at, by="Duty officer, M. Tamm", result=result, note=note), is_signed=True)

    return (
        practice(days, "passed", "standby rebuilt from the lane with home's line unplugged; 41 min"),
        practice(days + 21, "failed", "nobody on duty had the key to the server room"),
    )


def proofs(*, hours: float) -> tuple[Proof, ...]:
    """A verification a day, the last so many hours ago."""
    return tuple(
        Proof(
            finished_at=(now() - dt.timedelta(hours=hours + 24 * day)).isoformat(timespec="seconds"), is_equal=True,
            position="3/5C20FF10", tables=38, is_signed=True,
        )
        for day in range(3)
    )  # fmt: skip


def past(register: str, span: Span, until: dt.datetime) -> Past:
    """Quiet work, and a cut link in the middle."""
    count, since = 240, until - span.length
    step, samples, done, phase = span.length / count, [], 8_000_000, until.timestamp() / 30
    for index in range(count):
        is_cut = 110 <= index < 132
        calm = 0.9 + 0.25 * math.sin(index / 9) + 0.18 * math.sin(index * 2.3 + phase)
        lag = calm + (index - 109) * 1.6 if is_cut else calm + max(0.0, 35 - (index - 132) * 5) * (index >= 132)
        done += 0 if is_cut else round((34 + 14 * math.sin(index / 14) + 5 * math.sin(index)) * step.total_seconds())
        samples.append(
            Sample(
                at=since + step * (index + 1), lag_seconds=round(lag, 3),
                hops={hop: share * (calm if is_cut else lag) for hop, share in SHARES.items()},
                transactions=done, backlog_envelopes=0 if index < 132 else max(0, 40 - (index - 132) * 5),
                state="live" if not 150 <= index < 156 else "paused",
            )
        )  # fmt: skip
    event = Event(
        at=since + step * 110, register=register, kind="outage", cause=None, text="further behind than agreed",
        remedy=None, ended_at=since + step * 138,
    )  # fmt: skip
    stop = Event(
        at=since + step * 20, register=register, kind="stop", cause="StandbyRefused",
        text="the embassy's PostgreSQL refused a statement: no space left on device",
        remedy=f"remove the cause, then: embassy register resume {register}", ended_at=since + step * 24,
    )  # fmt: skip
    return Past(span=span, since=since, until=until, samples=tuple(samples), events=(event, stop))


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """A page that is served."""

    url: str
    sight: StagedSight
    gatherer: Gatherer


def remember(gatherer: Gatherer, found: Sequence[RegisterStatus], role: Role) -> None:
    """As if the page had been looking for a quarter of an hour."""
    for step in range(90, 0, -1):
        wave = 1 + 0.35 * math.sin(step / 4) + 0.15 * math.sin(step * 1.7)
        earlier = [replace(one, state="live", lag_seconds=(one.lag_seconds or 1.0) % 4 * wave) for one in found]
        gatherer._recent.add(earlier, now() - dt.timedelta(seconds=10 * step), role)


@contextmanager
def staged(
    sight: StagedSight, *, role: Role = "embassy", site: str | None = None, page: Page | None = None
) -> Iterator[Staged]:
    """Serve this site's page on a port of its own."""
    (port,) = free_ports(1)
    page = page or Page()
    gatherer = Gatherer(sight, site=site or role, role=role, clock=now)
    remember(gatherer, sight.registers, role)
    app = make_app(gatherer, clock=now, rules=rules_of(page), is_ending=lambda: server.should_exit)
    server = uvicorn.Server(uvicorn.Config(app, host=LOOPBACK, port=port, **settings(page)))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started and gatherer.snapshot.number > 0, seconds=30, what="the staged page answers")
        yield Staged(
            url=f"{'http' if page.cert_file is None else 'https'}://{LOOPBACK}:{port}", sight=sight, gatherer=gatherer
        )
    finally:
        sight.gate.set()
        server.should_exit = True
        thread.join(10)
