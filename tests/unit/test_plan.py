"""What a plan says: the worked examples of docs/sizing.md, the distance of known places, what is weak."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from data_embassy.config import Place, Site, load_site
from data_embassy.errors import ConfigError
from operations.plan.forecast import DAY, Asked, Measured, forecast
from operations.plan.measure import Found, restore, save
from operations.plan.text import span, text
from operations.plan.weak import Weakness, distance_km, weaknesses
from operations.words import size

ONE = Measured(
    tier=1, seconds=60, changes=200, wal_bytes=200_000, database_bytes=100_000_000_000, slot_bytes_max=60_000_000_000
)
ASKED = Asked(outage_seconds=10 * DAY, peak=25, link_bytes=1_250_000)
TALLINN, LUXEMBOURG = Place(latitude=59.437, longitude=24.754), Place(latitude=49.611, longitude=6.131)
SITE = """
[site]
role = "home"
latitude = 59.437
longitude = 24.754
[kafka]
bootstrap = "a:1,b:1,c:1"
[connect]
url = "http://127.0.0.1:2"
[link]
bootstrap = "a:3,b:3"
latitude = 49.611
longitude = 6.131
"""
CONTRACT = """
lane = "{lane}"
[source]
host = "{host}"
[objectives]
rpo_seconds = 10
"""


def test_the_worked_example_of_the_sizing_page():
    each, total = forecast({"land": ONE}, ASKED)
    land = each["land"]
    assert land.slot_seconds is not None
    assert 3.4 * DAY < land.slot_seconds < 3.6 * DAY
    assert land.home_bytes_per_day == pytest.approx(4.6e9, rel=0.01)
    assert land.lane_bytes_per_day == pytest.approx(0.97e9, rel=0.02)
    assert land.link_bytes_peak == pytest.approx(270_000, rel=0.02)
    assert total.catch_up_seconds == pytest.approx(7_600, rel=0.05)
    assert total.first_standby_seconds == pytest.approx(50e9 / (1_250_000 - 11_300), rel=0.01)
    assert total.standby_bytes == 200_000_000_000


def test_who_goes_first_is_level_first():
    each, total = forecast({"low": replace(ONE, tier=3), "high": ONE}, ASKED)
    assert each["high"].catch_up_seconds is not None
    assert each["low"].catch_up_seconds is not None
    assert each["high"].catch_up_seconds < each["low"].catch_up_seconds
    assert each["low"].catch_up_seconds == total.catch_up_seconds


def test_a_link_that_carries_less_than_comes_is_never_level():
    each, total = forecast({"land": ONE}, replace(ASKED, link_bytes=5_000.0))
    assert each["land"].catch_up_seconds is None
    assert total.first_standby_seconds is None


def test_an_unlimited_slot_has_no_end_and_an_unknown_link_says_nothing():
    each, _ = forecast({"land": replace(ONE, slot_bytes_max=None)}, replace(ASKED, link_bytes=None))
    assert (each["land"].slot_seconds, each["land"].first_standby_seconds) == (None, None)
    assert each["land"].catch_up_seconds is not None, "forwarder and receiver have bounds of their own"


def test_disks_last_for_so_long():
    _, total = forecast({"land": ONE}, replace(ASKED, home_disk_bytes=50e9, lane_disk_bytes=100e9))
    assert total.home_seconds == pytest.approx(9.9 * DAY, rel=0.02), "one day is kept behind receipts"
    assert total.lane_seconds == pytest.approx(50e9 / 0.976e9 * DAY, rel=0.02)


def test_an_idle_register_needs_little_and_never_nothing():
    each, total = forecast({"gazette": replace(ONE, changes=0.0, wal_bytes=0.0)}, ASKED)
    assert 0 < each["gazette"].link_bytes < 1_000
    assert total.catch_up_seconds == 0


@pytest.mark.parametrize(
    ("a", "b", "km"),
    [
        (TALLINN, LUXEMBOURG, 1_600),
        (Place(latitude=0, longitude=0), Place(latitude=0, longitude=180), 20_015),
        (Place(latitude=10, longitude=179.5), Place(latitude=10, longitude=-179.5), 109.5),
        (TALLINN, TALLINN, 0),
    ],
)
def test_distances_on_the_earth(a, b, km):
    assert distance_km(a, b) == pytest.approx(km, rel=0.01, abs=0.001)


def made(folder: Path, text: str = SITE, **hosts: str) -> Site:
    (folder / "registers").mkdir()
    (folder / "site.toml").write_text(text)
    for number, (name, host) in enumerate(hosts.items()):
        (folder / "registers" / f"{name}.toml").write_text(CONTRACT.format(lane=f"{number:016x}", host=host))
    return load_site(folder)


def test_nothing_is_weak_in_two_sites_far_apart(tmp_path):
    site = made(tmp_path, land="one", courts="two")
    assert list(weaknesses(site, replicas={"land": 3, "courts": 3})) == []


@pytest.mark.parametrize(
    ("place", "severity", "words"),
    [
        (Place(latitude=58.38, longitude=26.72), "warning", "163 km apart; more than 1,000"),
        (Place(latitude=59.4, longitude=25.0), "stop", "less than 150"),
        (None, "warning", "not known how far"),
    ],
)
def test_sites_near_each_other_are_weak(tmp_path, place, severity, words):
    site = made(tmp_path, land="one")
    assert site.link is not None
    site = replace(site, link=replace(site.link, place=place))
    (found,) = weaknesses(site, replicas={})
    assert found.severity == severity
    assert words in found.what


def test_what_there_is_one_of_is_weak(tmp_path):
    site = made(tmp_path, SITE.replace("a:1,b:1,c:1", "a:1"), land="one", courts="one")
    found = [one.what for one in weaknesses(site, replicas={"land": 1, "courts": 3})]
    assert [words for words in ("replica: land;", "broker of home", "share the server one:5432: courts, land")
            if not any(words in what for what in found)] == []  # fmt: skip
    assert len(found) == 3


def test_a_register_without_objective_is_named(tmp_path):
    site = made(tmp_path, land="one")
    path = tmp_path / "registers" / "land.toml"
    path.write_text(path.read_text().split("[objectives]")[0])
    (found,) = weaknesses(load_site(site.folder), replicas={})
    assert found.severity == "note"
    assert "land has no objective" in found.what


def test_what_stays_at_home_is_named_with_what_it_means(tmp_path):
    site = made(tmp_path, land="one")
    path = tmp_path / "registers" / "land.toml"
    path.write_text(path.read_text() + '[[excluded]]\ntable = "a.b"\nreason = "moments"\npromotion = "they are gone"\n')
    (found,) = weaknesses(load_site(site.folder), replicas={})
    assert found.severity == "note"
    assert found.what == "rows of a.b in land stay at home: moments; after a promotion: they are gone"


def test_a_measurement_is_kept_and_planned_with_again(tmp_path):
    found = Found(registers={"land": ONE}, unreachable={}, link_bytes=3.0, replicas={})
    save(found, tmp_path / "busy.json")
    assert restore(tmp_path / "busy.json") == found
    (tmp_path / "other.json").write_text("[1]")
    with pytest.raises(ConfigError):
        restore(tmp_path / "other.json")


def test_the_text_fits_and_names_what_is_weak():
    found = {"population": ONE, "gazette": replace(ONE, tier=3, changes=0.0, slot_bytes_max=None)}
    each, total = forecast(found, ASKED)
    weak = [Weakness(severity="stop", what="too near", remedy="move")]
    said = text(found, each, total, ASKED, weak)
    assert max(map(len, said.splitlines())) <= 110
    assert said.splitlines()[1].startswith("population")
    assert "stop: too near\n    -> move" in said


@pytest.mark.parametrize(("count", "said"), [(0, "0 B"), (1_500, "1.5 kB"), (2.5e9, "2.5 GB"), (3e15, "3000 TB")])
def test_sizes_for_people(count, said):
    assert size(count) == said


@pytest.mark.parametrize(
    ("seconds", "said"), [(None, "-"), (5, "5 s"), (90, "2 min"), (7200, "2 h"), (10 * DAY, "10 d"), (4e8, "13 y")]
)
def test_times_for_people(seconds, said):
    assert span(seconds) == said
