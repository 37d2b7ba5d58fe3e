"""What the history answers, on a real control database."""

import datetime as dt
from contextlib import closing

from consumers.control import Control
from consumers.history.read import events, samples
from consumers.refusals import LaneLost, RepairRefused
from tests.support.receiving import Embassy

NOON = dt.datetime(2026, 10, 1, 12, tzinfo=dt.UTC)


def after(seconds: float) -> dt.datetime:
    return NOON + dt.timedelta(seconds=seconds)


def add(control: Control, at: float, lag: float | None, *, table: str = "lag_samples") -> None:
    control.connection.execute(
        f"INSERT INTO public.{table} VALUES ('land', %s, 5, 5, 5, %s, %s, '{{1,NULL,0.5}}', 7, 0, 10, 'live')",
        (after(at), lag, after(at)),
    )


def test_each_part_of_a_chart_keeps_its_worst_lag(control: Control):
    for second, lag in ((5, 1.0), (10, 9.0), (15, None), (20, 2.0), (25, 1.0), (40, None)):
        add(control, second, lag)
    add(control, 2, 3.0, table="lag_minutes")
    found = samples(control, "land", since=NOON, until=after(40), points_max=4)
    assert [(one.at, one.lag_seconds) for one in found] == [
        (after(10), 9.0),
        (after(20), 2.0),
        (after(25), 1.0),
        (after(40), None),
    ]
    assert found[0].hops == {"capture": 1.0, "seal": 0.5}
    assert samples(control, "other", since=NOON, until=after(40), points_max=4) == []


def test_events_that_still_last_are_of_every_later_period(control: Control):
    add_event = (
        "INSERT INTO public.history (register, at, event, detail, subject, ended_at)"
        " VALUES ('land', %s, %s, '', %s, %s)"
    )
    for row in (
        (after(0), "stop", "land", after(5)),
        (after(1), "outage", "land", None),
        (after(2), "generation", None, None),
        (after(3), "stop", "land", after(50)),
    ):
        control.connection.execute(add_event, row)
    found = events(control, "land", since=after(20), until=after(100), limit=10)
    assert [(one.kind, one.at) for one in found] == [("stop", after(3)), ("outage", after(1))]
    assert events(control, None, since=NOON, until=after(100), limit=1)[0].kind == "stop"
    assert events(control, "other", since=NOON, until=after(100), limit=10) == []


def test_a_stop_lasts_until_its_standby_goes_on(control: Control):
    gap, tag = LaneLost("missing", remedy="snapshot"), RepairRefused("other rows", remedy="snapshot")

    def stops() -> list[tuple[str | None, bool]]:
        found = events(control, "land", since=NOON, until=dt.datetime.now(dt.UTC) + dt.timedelta(hours=1), limit=10)
        return [(one.cause, one.ended_at is None) for one in found if one.kind == "stop"]

    control.stop("land", "land", gap, "0/1", 7)
    control.stop("land", "land", gap, "0/1", 7)
    control.stop("land", "land_g2", tag, "0/2", 8)
    assert stops() == [("RepairRefused", True), ("LaneLost", True)]
    control.stop("land", "land", tag, "0/1", 7)
    assert stops() == [("RepairRefused", True), ("RepairRefused", True), ("LaneLost", False)]
    control.clear_stop("land", "land")
    assert stops() == [("RepairRefused", False), ("RepairRefused", True), ("LaneLost", False)]
    control.remove("land", "land_g2")
    assert stops() == [("RepairRefused", False), ("RepairRefused", False), ("LaneLost", False)]


def test_a_control_database_of_before_gets_the_history(embassy: Embassy):
    with closing(Control.open(embassy.postgres, role="test")) as before:
        before.connection.execute("DROP TABLE public.lag_samples, public.lag_minutes, public.sampled CASCADE")
        before.connection.execute(
            "ALTER TABLE public.history DROP COLUMN ended_at, DROP COLUMN subject, DROP COLUMN cause,"
            " DROP COLUMN remedy, DROP COLUMN facts"
        )
        before.connection.execute("DROP INDEX public.history_of_register")
        before.connection.execute("INSERT INTO public.history (register, event, detail) VALUES ('land', 'live', 'x')")
    with closing(Control.open(embassy.postgres, role="test")) as after_upgrade:
        late = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
        (found,) = events(after_upgrade, "land", since=NOON, until=late, limit=10)
        assert (found.kind, found.text, found.ended_at) == ("live", "x", None)
        assert samples(after_upgrade, "land", since=NOON, until=late, points_max=4) == []
