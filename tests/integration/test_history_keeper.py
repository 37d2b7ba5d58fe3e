"""History is kept on a real control database: through restarts of it, in a bounded size, and nothing is made up."""

import datetime as dt
import threading
from contextlib import closing

import psycopg
import pytest

from consumers.control import Control
from consumers.history import keeper
from consumers.history.coverage import Entry, Look
from consumers.history.keeper import HistoryKeeper
from consumers.history.notes import Watched
from consumers.history.read import Event, events, samples
from consumers.history.store import KEPT_DAYS, SAMPLES_HOURS, Happening, HistoryStore, minutes
from tests.support.receiving import Embassy, wait_for
from tests.support.system import PlainPostgres

NOW = dt.datetime.now(dt.UTC)
LONG_AGO, SOON = NOW - dt.timedelta(days=1000), NOW + dt.timedelta(days=1)


def entry(at: dt.datetime, lag: float = 1.0) -> Entry:
    return Entry(
        register="land", at=at, span_seconds=5, known_seconds=5, met_seconds=5, lag_seconds=lag, worst_at=at,
        hops={"link": lag}, transactions=7, backlog_envelopes=0, objective_seconds=10, state="live", cause=None,
    )  # fmt: skip


def test_what_is_two_days_old_becomes_minutes_and_the_oldest_goes(control: Control):
    store = HistoryStore(control.connection)
    old = [entry(NOW - dt.timedelta(hours=SAMPLES_HOURS + 9, seconds=-5 * n), n % 50) for n in range(8000)]
    store.write(old, [])
    store.write([entry(NOW), entry(NOW - dt.timedelta(days=KEPT_DAYS + 1))], [])
    store.thin(NOW)
    kept = _lags(control)
    cut = (NOW - dt.timedelta(hours=SAMPLES_HOURS)).replace(second=0, microsecond=0)
    raw = [one for one in old if one.at >= cut]
    expected = [*minutes(one for one in old if one.at < cut), *raw, entry(NOW)]
    assert kept == sorted((one.at, one.lag_seconds) for one in expected)
    sums = control.connection.execute("SELECT sum(span_seconds), sum(met_seconds) FROM public.lags").fetchone()
    assert sums == (8001 * 5, 8001 * 5)
    store.thin(NOW)
    assert _lags(control) == kept


def test_what_is_stored_is_found_again_and_is_not_stored_twice(control: Control):
    store = HistoryStore(control.connection)
    outage = Happening(register="land", kind="outage", at=NOW, text="slow", subject="land", facts={"hop": "link"})
    for _ in range(2):
        store.write([entry(NOW)], [outage])
    assert store.last("land") == entry(NOW)
    assert store.lasting("land", "outage") == outage
    assert store.has("land", "outage", NOW)
    assert store.last("other") is None
    assert store.lasting("land", "pause") is None
    assert len(events(control, None, since=LONG_AGO, until=SOON, limit=9)) == 1


class Register:
    """What the keeper sees of it."""

    def __init__(self) -> None:
        self.lag = 1.0
        self.reports: list[Happening] = []

    def look(self) -> dict[str, Watched]:
        look = Look(at=dt.datetime.now(dt.UTC), state="live", lag_seconds=self.lag, objective_seconds=10)
        return {"land": Watched(look=look)}


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(keeper, "WRITE_SECONDS", 0.05)
    monkeypatch.setattr(keeper, "REPORTS_WRITES", 1)


def keep(embassy: Embassy, register: Register) -> HistoryKeeper:
    made = HistoryKeeper(
        embassy.postgres, look=register.look, reports=lambda _: register.reports, now=lambda: dt.datetime.now(dt.UTC)
    )
    made.start()
    return made


def found(embassy: Embassy) -> list[Event]:
    with closing(Control.open(embassy.postgres, role="test")) as control:
        return events(control, "land", since=LONG_AGO, until=SOON, limit=9)


def test_the_control_database_may_go_and_come_back(embassy: Embassy, postgres: PlainPostgres, fast: None):
    register = Register()
    kept = keep(embassy, register)
    wait_for(lambda: _span(embassy) > 0, what="a first entry")
    with psycopg.connect(postgres.dsn(), autocommit=True) as outside:
        outside.execute(f"ALTER DATABASE {embassy.control} ALLOW_CONNECTIONS false")
        outside.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (embassy.control,))
        register.lag = 99.0
        away = dt.datetime.now(dt.UTC)
        wait_for(lambda: dt.datetime.now(dt.UTC) - away > dt.timedelta(seconds=0.5), what="half a second passed")
        register.lag = 1.0
        outside.execute(f"ALTER DATABASE {embassy.control} ALLOW_CONNECTIONS true")
    wait_for(lambda: [one.ended_at is not None for one in found(embassy)] == [True], what="the outage is stored")
    kept.stop()
    (outage,) = found(embassy)
    assert abs((outage.at - away).total_seconds()) < 0.5
    with closing(Control.open(embassy.postgres, role="test")) as control:
        rows = samples(control, "land", since=away, until=SOON, points_max=100)
    assert max(one.lag_seconds or 0 for one in rows) == 99.0
    assert not [one for one in threading.enumerate() if one.name.startswith("history")]


def test_reports_of_verifications_are_events_once(embassy: Embassy, fast: None):
    register = Register()
    register.reports = [Happening(register="land", kind="verification", at=NOW, text="equal")]
    for times in (1, 2):
        kept, begun = keep(embassy, register), dt.datetime.now(dt.UTC)
        wait_for(lambda: bool(found(embassy)) and _last(embassy) > begun, what=f"it wrote {times} times")  # noqa: B023
        kept.stop()
    assert [one.kind for one in found(embassy)] == ["verification"]


def _lags(control: Control) -> list[tuple[dt.datetime, float]]:
    return control.connection.execute("SELECT at, lag_seconds FROM public.lags ORDER BY at").fetchall()


def _span(embassy: Embassy) -> float:
    with closing(Control.open(embassy.postgres, role="test")) as control:
        row = control.connection.execute("SELECT coalesce(sum(span_seconds), 0)::float8 FROM public.lags").fetchone()
    assert row is not None
    return float(row[0])


def _last(embassy: Embassy) -> dt.datetime:
    with closing(Control.open(embassy.postgres, role="test")) as control:
        return max((at for at, _ in _lags(control)), default=LONG_AGO)
