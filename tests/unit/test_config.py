"""The site's configuration: read once, all problems together."""

from pathlib import Path

import pytest

from data_embassy.config import Excluded, Place, Terms, load_site
from data_embassy.errors import ConfigError

HOME = """
[site]
role = "home"
[kafka]
bootstrap = "127.0.0.1:1"
username = "home"
password_file = "secrets/kafka"
[connect]
url = "http://127.0.0.1:2"
[link]
bootstrap = "127.0.0.1:3"
"""
REGISTER = """
lane = "3f9c0a77b1d24e60"
tier = 1
[source]
host = "127.0.0.1"
database = "population"
capture_password_file = "secrets/capture"
"""


def write(folder: Path, site: str = HOME, **registers: str) -> Path:
    (folder / "registers").mkdir()
    (folder / "secrets").mkdir()
    (folder / "site.toml").write_text(site)
    for name, text in registers.items():
        (folder / "registers" / f"{name}.toml").write_text(text)
    return folder


def test_home_site_is_read_with_its_registers(tmp_path):
    site = load_site(write(tmp_path, population=REGISTER))
    register = site.register("population")
    assert register.lane_topic == "lane.3f9c0a77b1d24e60"
    assert register.source is not None
    assert register.source.slot == "data_embassy_population"


def test_all_problems_of_all_files_come_together(tmp_path):
    bad_site = HOME.replace('bootstrap = "127.0.0.1:3"', 'bootstrap = 3\nboostrap = "x"')
    with pytest.raises(ConfigError) as error:
        load_site(write(tmp_path, bad_site, Population=REGISTER, land=REGISTER.replace("3f9c", "xyz!")))
    for part in (
        "link.bootstrap must be str",
        "unknown setting link.boostrap",
        "lower-case letters",
        "16 lower-case hex",
    ):
        assert part in str(error.value)


TERMS = """
expected_extensions = ["citext", "ltree"]
[owner]
institution = "Maa-amet"
[objectives]
rpo_seconds = 10
rto_seconds = 3600
[retention]
home_hours = 48
"""


def test_a_contract_says_what_was_agreed(tmp_path):
    text = REGISTER.replace("[source]", TERMS + "[source]")
    terms = load_site(write(tmp_path, population=text)).register("population").terms
    assert (terms.institution, terms.contact, terms.rpo_seconds, terms.rto_seconds) == ("Maa-amet", None, 10, 3600)
    assert (terms.home_hours, terms.expected_extensions) == (48, ("citext", "ltree"))


def test_without_terms_nothing_was_agreed(tmp_path):
    assert load_site(write(tmp_path, population=REGISTER)).register("population").terms == Terms()


def test_all_that_is_wrong_with_the_terms_comes_together(tmp_path):
    wrong = TERMS.replace('"ltree"', "3").replace("10", '"soon"').replace("48", "0").replace("3600", "0")
    with pytest.raises(ConfigError) as error:
        load_site(write(tmp_path, population=REGISTER.replace("[source]", wrong + "[source]")))
    for part in (
        "expected_extensions must be a list of texts",
        "objectives.rpo_seconds must be int",
        "objectives.rto_seconds must lie between 1 and",
        "retention.home_hours must lie between 1 and",
    ):
        assert part in str(error.value)


EXCLUDED = """
[[excluded]]
table = "public.session"
reason = "who is logged in now"
promotion = "everybody logs in again"
[[excluded]]
table = "cache.*"
reason = "computed"
promotion = "computed again"
"""


def test_a_contract_says_which_tables_stay_at_home_and_why(tmp_path):
    terms = load_site(write(tmp_path, population=REGISTER + EXCLUDED)).register("population").terms
    first = Excluded(table="public.session", reason="who is logged in now", promotion="everybody logs in again")
    assert terms.exclusion("public", "session") == terms.excluded[0] == first
    assert terms.exclusion("cache", "anything") == terms.excluded[1]
    assert terms.exclusion("public", "person") is None


def test_all_that_is_wrong_with_exclusions_comes_together(tmp_path):
    wrong = EXCLUDED.replace('"public.session"', '"session"').replace('"computed"', '" "')
    wrong = wrong.replace('promotion = "everybody', 'Promotion = "everybody').replace('"computed again"', "3")
    with pytest.raises(ConfigError) as error:
        load_site(write(tmp_path, population=REGISTER + wrong, land=f"excluded = 3\n{REGISTER}"))
    for part in (
        "excluded 1: excluded.table must be a schema and a table",
        "excluded 1: excluded.promotion is missing",
        "excluded 1: unknown setting excluded.Promotion",
        "excluded 2: excluded.reason must say something",
        "excluded 2: excluded.promotion must be str",
        "land.toml: excluded is written as one table for each",
    ):
        assert part in str(error.value)
    assert str(error.value).count("excluded 1:") == 3


def test_the_sites_places_are_read(tmp_path):
    text = HOME.replace("[kafka]", "latitude = 59.44\nlongitude = 24.75\n[kafka]") + "latitude = 49.6\nlongitude = 6\n"
    site = load_site(write(tmp_path, text))
    assert site.link is not None
    assert (site.place, site.link.place) == (
        Place(latitude=59.44, longitude=24.75),
        Place(latitude=49.6, longitude=6.0),
    )


@pytest.mark.parametrize(
    ("added", "message"),
    [("latitude = 91\nlongitude = 6", "between -90 and 90"), ("latitude = 5", "a latitude and a longitude")],
)
def test_half_a_place_or_none_of_this_earth_is_refused(tmp_path, added, message):
    with pytest.raises(ConfigError, match=message):
        load_site(write(tmp_path, HOME + added + "\n"))


def test_lane_used_twice_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="used twice"):
        load_site(write(tmp_path, a=REGISTER, b=REGISTER))


@pytest.mark.parametrize(("mode", "text", "message"), [(0o644, "x", "accessible"), (0o600, "", "empty")])
def test_password_file_must_be_private_and_filled(tmp_path, mode, text, message):
    site = load_site(write(tmp_path, population=REGISTER))
    path = tmp_path / "secrets" / "kafka"
    path.write_text(text)
    path.chmod(mode)
    assert site.kafka.password is not None
    with pytest.raises(ConfigError, match=message):
        site.kafka.password.read()


def test_secret_does_not_show_itself(tmp_path):
    site = load_site(write(tmp_path, population=REGISTER))
    path = tmp_path / "secrets" / "kafka"
    path.write_text("tell-nobody")
    path.chmod(0o600)
    assert site.kafka.password is not None
    secret = site.kafka.password.read()
    assert "tell-nobody" not in f"{secret!r} {secret}"
    assert secret.reveal() == "tell-nobody"


def test_unknown_register_names_the_known_ones(tmp_path):
    with pytest.raises(ConfigError, match="population"):
        load_site(write(tmp_path, population=REGISTER)).register("land")
