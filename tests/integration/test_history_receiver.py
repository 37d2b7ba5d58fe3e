"""What a receiver does becomes history: entries, a repair, a pause, a stop and an outage, on a lane in memory."""

import dataclasses
import datetime as dt
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from consumers.control import Control
from consumers.history import keeper
from consumers.history.keeper import HistoryKeeper
from consumers.history.looking import looker, recorded
from consumers.history.read import Event, events, samples
from data_embassy.config import Terms, open_site
from schemas.records import encode
from tests.integration.test_stops_cleared import begin, new_link, run
from tests.support.memory_lane import MemoryLink
from tests.support.receiving import ROLE, make_role, receiving, wait_for
from tests.support.stops_standby import altered, as_superuser
from tests.support.synthetic_register import REPAIR, Change
from tests.support.system import PlainPostgres

SECONDS = 60


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@pytest.fixture
def link(postgres: PlainPostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryLink]:
    """A register that is received, and its history kept."""
    monkeypatch.setattr(keeper, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(keeper, "WRITE_SECONDS", 0.2)
    make_role(postgres)
    made = new_link(postgres, tmp_path)
    made.register = dataclasses.replace(made.register, terms=Terms(rpo_seconds=3600))
    begin(made)
    site = open_site(made.embassy.folder)
    with receiving(made) as receivers:
        history = HistoryKeeper(
            made.embassy.postgres,
            look=looker(site, lambda: receivers, now=now),
            reports=recorded(site.state),
            now=now,
        )
        history.start()
        yield made
        history.stop()


def told(link: MemoryLink) -> list[Event]:
    """Oldest first."""
    with closing(Control.open(link.embassy.postgres, role="test")) as control:
        since = now() - dt.timedelta(hours=1)
        return events(control, link.register.name, since=since, until=now(), limit=99)[::-1]


def wait_told(link: MemoryLink, kind: str, *, is_over: bool = False) -> Event:
    def found() -> list[Event]:
        return [one for one in told(link) if one.kind == kind and (one.ended_at is not None) is is_over]

    wait_for(lambda: bool(found()), seconds=SECONDS, what=f"{kind} is told")
    return found()[-1]


def send_again(link: MemoryLink, number: int, name: str) -> None:
    """Home sends one row of public.person again, and it differs from the standby's."""
    columns = ", ".join(f"{column} text" for column in REPAIR.columns[1:])
    as_superuser(
        link,
        f"CREATE TABLE data_embassy.repair (id bigint PRIMARY KEY, {columns})",
        f"ALTER TABLE data_embassy.repair OWNER TO {ROLE}",
        f"UPDATE public.person SET name = 'altered by hand' WHERE id = {number}",
    )
    link.source._capture(encode("Schema", {"fingerprint": REPAIR.fingerprint, "json": REPAIR.json}))
    rows = "".join(f"{at}\t{value}\n" for at, value in sorted(link.source.rows.items()))
    key = json.dumps([["id", "bigint"]])
    row = ("1", "1", "public", "person", key, None, None, "1", json.dumps(["id", "name"]), rows)
    link.source.commit(Change(REPAIR, "c", after=row))
    link.send()


def test_what_happens_to_a_register_is_told(link: MemoryLink):
    link.wait_equal()
    began = now()
    wait_for(lambda: met(link, began) > 1, seconds=SECONDS, what="a second is known and met")
    assert wait_told(link, "live").text == "generation 1.1"
    send_again(link, 2, "person 2")
    wait_told(link, "repair")
    link.wait_equal()
    run(link, "register", "pause", link.register.name, "--reason", "a new disk")
    assert wait_told(link, "pause").text == "paused: a new disk"
    run(link, "register", "resume", link.register.name)
    wait_told(link, "pause", is_over=True)
    altered("ALTER TABLE public.person DROP COLUMN name")(link)
    stop = wait_told(link, "stop")
    assert (stop.cause, stop.ended_at) == ("ShapeMismatch", None)
    assert stop.remedy is not None
    assert "register snapshot" in stop.remedy
    with closing(Control.open(link.embassy.postgres, role="test")) as control:
        wait_for(lambda: states(control, link)[-1] == "stopped", seconds=SECONDS, what="entries say so")
        assert {"live", "stopped"} <= set(states(control, link))


def states(control: Control, link: MemoryLink) -> list[str]:
    found = samples(control, link.register.name, since=now() - dt.timedelta(hours=1), until=now(), points_max=9999)
    return [one.state for one in found]


def met(link: MemoryLink, since: dt.datetime) -> float:
    with closing(Control.open(link.embassy.postgres, role="test")) as control:
        row = control.connection.execute(
            "SELECT coalesce(sum(met_seconds), 0)::float8 FROM public.lags WHERE at > %s", (since,)
        ).fetchone()
    assert row is not None
    return float(row[0])
