"""Drills on a site's record: what is taken, what is refused, and where they are seen."""

from __future__ import annotations

import datetime as dt
import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from consumers.history.looking import recorded
from data_embassy import metrics
from data_embassy.config import Register, Site, open_site, write_atomically
from data_embassy.drills import DRILLS, Drill, drill, drills, keep, last_passed
from data_embassy.errors import ConfigError
from data_embassy.gauges import SiteGauges
from data_embassy.verifications import VERIFICATIONS
from deploy.local.layout import make_layout
from deploy.local.trust import ensure_keys
from operations.page.facts import facts
from operations.page.register import register_page
from operations.page.sight import _practices
from operations.page.snapshot import SPANS, Practice, Seen, Snapshot
from operations.signing import signer_of
from tests.support.commands import command
from tests.support.scraped import Scraped
from tests.support.staged_page import now as stage_clock
from tests.support.staged_page import register as staged_register

SITE = '[site]\nrole="embassy"\nname="embassy"\n[kafka]\nbootstrap="x:1"\n[postgres]\nhost="x"\n'
NOW = dt.datetime(2026, 3, 4, 12, 0, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embassy's key folder."""
    layout = make_layout(tmp_path_factory.mktemp("drills") / "local")
    ensure_keys(layout)
    return layout.site("embassy") / "keys"


@pytest.fixture
def site(tmp_path: Path, keys: Path) -> Site:
    write_atomically(tmp_path / "site.toml", SITE)
    for name, lane in (("land", "5555555555555555"), ("court", "6666666666666666")):
        write_atomically(tmp_path / "registers" / f"{name}.toml", f'lane = "{lane}"\ntier = 1\n')
    shutil.copytree(keys, tmp_path / "keys")
    return open_site(tmp_path)


def practised(**more: Any) -> Drill:
    usual: dict[str, Any] = {
        "registers": ("land",), "result": "passed", "by": "A. Person", "note": "", "at": None, "now": NOW,
    }  # fmt: skip
    return drill(**usual | more)


def kept(site: Site, **more: Any) -> Drill:
    one = practised(**more)
    keep(site.state, one, signer=signer_of(site))
    return one


def test_a_drill_of_several_registers_is_on_record_for_each(site: Site):
    one = kept(site, registers=("land", "court"), note="  the second floor  ")
    for name in one.registers:
        ((found, document),) = drills(site.state, name)
        assert found == one
        assert (found.note, found.at) == ("the second floor", NOW)
        assert DRILLS.is_signed(document, signer_of(site))
        assert not VERIFICATIONS.is_signed(document, signer_of(site))


@pytest.mark.parametrize(
    "more",
    [
        {"result": "went well"}, {"registers": ()}, {"registers": ("land", "land")}, {"by": " "}, {"by": "x" * 121},
        {"by": "A\nB"}, {"note": "x" * 501}, {"note": "a\x1b[31m"}, {"at": NOW + DAY},
    ],
)  # fmt: skip
def test_what_cannot_be_a_drill_is_refused(more: dict[str, Any]):
    with pytest.raises(ConfigError):
        practised(**more)


def test_a_drill_is_on_record_once_and_of_all_its_registers_or_none(site: Site):
    kept(site, registers=("land",))
    with pytest.raises(ConfigError, match="is on record"):
        kept(site, registers=("court", "land"))
    assert drills(site.state, "court") == []


def test_only_a_drill_that_passed_counts_as_the_last_one(site: Site):
    assert last_passed(site.state, "land") is None
    kept(site, at=NOW - 3 * DAY)
    kept(site, at=NOW - 9 * DAY)
    kept(site, result="failed")
    assert last_passed(site.state, "land") == NOW - 3 * DAY
    assert [one.at for one, _ in drills(site.state, "land")] == [NOW - 9 * DAY, NOW - 3 * DAY, NOW]


def test_the_gauge_shows_the_last_drill_and_0_before_the_first(site: Site):
    from prometheus_client import generate_latest

    def shown(name: str) -> float | None:
        return Scraped(generate_latest().decode()).value("embassy_last_drill_timestamp_seconds", register=name)

    kept(site, at=NOW - DAY)
    land = Register(name="land", lane="5555555555555555", tier=1, source=None)
    SiteGauges(site).show({"land": land, "court": replace(land, name="court")})
    try:
        assert (shown("land"), shown("court")) == ((NOW - DAY).timestamp(), 0)
        assert not math.isnan(shown("court") or 0.0)
    finally:
        metrics.forget("land")
        metrics.forget("court")


@pytest.mark.parametrize(
    "changed",
    [{"result": "passed"}, {"at": "2026-03-04T12:00:00"}, {"by": 5}, {"registers": None}, {"register": "court"}],
)
def test_a_record_that_was_altered_is_shown_as_such_or_not_at_all(site: Site, changed: dict[str, Any]):
    kept(site, result="failed")
    (path,) = DRILLS.folder_of(site.state, "land").glob("*.json")
    document = json.loads(path.read_text())
    document["report"] |= changed
    path.write_text(json.dumps(document))
    found = _practices(site, "land", signer_of(site))
    assert [one.is_signed for one in found] == ([False] if changed == {"result": "passed"} else [])


def test_drills_become_events_of_the_history(site: Site):
    kept(site, note="with the duty officer", at=NOW - DAY)
    kept(site, result="failed")
    first, second = recorded(site.state)("land")
    assert (first.kind, first.text, first.cause) == ("drill", "passed, by A. Person: with the duty officer", None)
    assert (second.at, second.cause, second.facts["is_passed"]) == (NOW, "DrillFailed", False)


def test_the_page_says_when_people_last_practised():
    practices = tuple(Practice(drill=practised(at=NOW - days * DAY), is_signed=True) for days in (2, 40))
    failed = Practice(drill=practised(result="failed"), is_signed=False)
    one = staged_register("land")
    seen = Seen(registers=(one, staged_register("court")), drills={"land": (failed, *practices), "court": (failed,)})
    snapshot = Snapshot(number=1, site="lisbon", role="embassy", taken_at=NOW, seen=seen)
    (fact,) = [each for each in facts(snapshot, NOW) if each.label == "Take-over drilled"]
    assert fact.moment is not None
    assert (fact.moment.seconds, fact.below) == (2 * 86400, "1 of 2 registers; the longest ago")
    nothing = replace(snapshot, seen=replace(seen, drills={"court": (failed,)}))
    assert "not yet" in [each.text for each in facts(nothing, NOW) if each.label == "Take-over drilled"]
    page = register_page(snapshot, one, SPANS["hour"], stage_clock())
    assert [each.drill.result for each in page.drills] == ["failed", "passed", "passed"]
    assert page.drill_words[1] == "2 Mar 2026, 12:00:00 UTC"


def test_a_drill_is_recorded_and_listed_by_commands(site: Site, capsys: pytest.CaptureFixture[str]):
    folder = site.folder
    command(folder, "register", "drilled", "land", "court", "--result", "passed", "--by", "duty", "--at", "2026-02-01")
    command(folder, "register", "drilled", "land", "--result", "failed", "--by", "duty", "--note", "no keys at hand")
    capsys.readouterr()
    command(folder, "register", "drills", "land", "--json")
    passed, failed = json.loads(capsys.readouterr().out)
    assert (passed["at"], passed["registers"], passed["signed"]) == (
        "2026-02-01T00:00:00+00:00",
        ["land", "court"],
        True,
    )
    assert (failed["result"], failed["note"]) == ("failed", "no keys at hand")
    with pytest.raises(ConfigError):
        command(folder, "register", "drilled", "land", "nobody", "--result", "passed", "--by", "duty")
    command(folder, "register", "drills", "land")
    assert "failed  by duty: no keys at hand" in capsys.readouterr().out
