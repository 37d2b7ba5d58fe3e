"""`embassy report` on a real control database: sums against the same sums in Python, exit codes, both forms."""

import datetime as dt
import json
import random
from pathlib import Path

import pytest

from consumers.control import Control
from consumers.history.coverage import Entry
from consumers.history.read import totals
from consumers.history.store import Happening, HistoryStore
from data_embassy.config import write_atomically
from data_embassy.errors import ConfigError
from tests.support.commands import command
from tests.support.receiving import Embassy

BEGIN = dt.datetime(2026, 10, 1, 12, tzinfo=dt.UTC)


def after(seconds: float) -> dt.datetime:
    return BEGIN + dt.timedelta(seconds=seconds)


@pytest.fixture
def site(embassy: Embassy, tmp_path: Path) -> Path:
    server = embassy.postgres
    assert server.password is not None
    write_atomically(
        tmp_path / "site.toml",
        f'[site]\nrole = "embassy"\n[kafka]\nbootstrap = "127.0.0.1:1"\n[postgres]\nhost = "{server.host}"\n'
        f'port = {server.port}\nuser = "{server.user}"\ndatabase = "{embassy.control}"\n'
        f'password_file = "{server.password.path}"\n',
    )
    write_atomically(
        tmp_path / "registers" / "land.toml", f'lane = "{"a" * 16}"\ntier = 1\n[objectives]\nrpo_seconds = 10\n'
    )
    return tmp_path


def entry(at: float, span: float, *, known: float = 1, met: float = 1, lag: float = 1.0) -> Entry:
    return Entry(
        register="land", at=after(at), span_seconds=span, known_seconds=known * span, met_seconds=met * span,
        lag_seconds=lag, worst_at=after(at), hops={}, transactions=7, backlog_envelopes=0, objective_seconds=10,
        state="live", cause=None,
    )  # fmt: skip


def test_sums_of_any_period_are_those_of_its_entries(control: Control):
    chance, at, entries = random.Random(7), 0.0, []
    while at < 3600:
        at += (0 if chance.random() < 0.9 else 40) + (span := chance.choice((1.0, 5.0, 60.0)))
        entries.append(entry(at, span, known=chance.choice((0, 1, 1)), met=chance.random(), lag=chance.random()))
    HistoryStore(control.connection).write(entries, [])
    for _ in range(30):
        since, until = sorted(chance.uniform(-100, at - 30) for _ in range(2))
        found = totals(control, "land", since=after(since), until=after(until))
        shares = [
            (one, max(0.0, min(until, _second(one.at)) - max(since, _second(one.begins_at))) / one.span_seconds)
            for one in entries
        ]
        if until <= _second(entries[0].begins_at):
            assert found is None
            continue
        assert found is not None
        known = sum(one.known_seconds * share for one, share in shares)
        met = sum(one.met_seconds * share for one, share in shares)
        assert found.known_seconds == pytest.approx(min(known, found.seconds), abs=1e-3)
        assert found.met_seconds == pytest.approx(min(met, found.seconds), abs=1e-3)
        inside = [one.lag_seconds or 0.0 for one in entries if since < _second(one.at) <= until]
        assert (found.worst is None) is not bool(inside)
        assert found.worst is None or found.worst.lag_seconds == pytest.approx(max(inside), rel=1e-6)


def _second(at: dt.datetime) -> float:
    return (at - BEGIN).total_seconds()


def test_a_report_says_whether_the_objective_was_met(site: Path, control: Control, capsys: pytest.CaptureFixture[str]):
    store = HistoryStore(control.connection)
    store.write([entry(5 * n, 5) for n in range(1, 721)], [])
    assert command(site, "report", "--from", "2026-10-01T12:00", "--to", "2026-10-01T13:00") == 0
    assert "The objective was met all the time." in capsys.readouterr().out
    outage = Happening(register="land", kind="outage", at=after(3605), ended_at=after(3625), text="why", subject="land")
    store.write([*(entry(3600 + 5 * n, 5, met=n not in (2, 3, 4, 5), lag=20) for n in range(1, 13))], [outage])
    assert command(site, "report", "--from", "2026-10-01T12:00", "--to", "2026-10-01T13:01", "--json") == 1
    (land,) = json.loads(capsys.readouterr().out)["registers"]
    assert land["seconds"] == {"total": 3660.0, "met": 3640.0, "missed": 20.0, "unknown": 0.0}
    assert [(one["from"], one["seconds"], one["why"]) for one in land["outages"]] == [
        (after(3605).isoformat(), 20.0, "why")
    ]


def test_nothing_known_is_nothing_met(site: Path, control: Control, capsys: pytest.CaptureFixture[str]):
    assert command(site, "report", "--last", "30d", "--register", "land") == 1
    assert "land: NOT KNOWN to be met." in capsys.readouterr().out


def test_home_has_no_history_to_report(tmp_path: Path):
    write_atomically(
        tmp_path / "site.toml",
        '[site]\nrole="home"\n[kafka]\nbootstrap="x:1"\n[connect]\nurl="http://x:2"\n[link]\nbootstrap="x:3"\n',
    )
    with pytest.raises(ConfigError, match="home keeps no history"):
        command(tmp_path, "report", "--last", "1d")


def test_a_register_whose_contract_cannot_be_used_is_in_the_report(
    site: Path, control: Control, capsys: pytest.CaptureFixture[str]
):
    HistoryStore(control.connection).write([entry(5 * n, 5) for n in range(1, 13)], [])
    write_atomically(site / "registers" / "land.toml", "lane = 7")
    write_atomically(site / "registers" / "court.toml", "lane = 8")
    assert command(site, "report", "--from", "2026-10-01T12:00", "--to", "2026-10-01T12:01", "--json") == 0
    found = {one["register"]: one for one in json.loads(capsys.readouterr().out)["registers"]}
    assert found["land"]["seconds"]["met"] == 60.0
    assert found["court"]["seconds"] is None
