"""`register add|pause|resume|remove|list` without services: contracts, secrets, refusals, and what they print."""

import json
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from data_embassy.config import Secret, load_site, open_site, paused, write_atomically
from data_embassy.errors import ConfigError, ContractError, DataEmbassyError
from operations.cli import exit_code
from operations.commands.add import add
from operations.commands.pause import pause
from operations.commands.register import list_registers
from operations.commands.remove import remove
from operations.commands.resume import resume
from operations.commands.tier import tier
from operations.onboarding.contract import Asked, forget_secrets, move_to_removing, removing_path, take
from operations.onboarding.dsn import parse_dsn, read_dsn, read_password
from operations.onboarding.remove import find
from operations.onboarding.tier import with_tier
from pipelines.stops import Stop, StopFiles

PASSWORD = "Planted-4711-pw"
HOME = """
[site]
role = "home"
[kafka]
bootstrap = "127.0.0.1:1"
[connect]
url = "http://127.0.0.1:1"
[link]
bootstrap = "127.0.0.1:3"
"""
EMBASSY = """
[site]
role = "embassy"
[kafka]
bootstrap = "127.0.0.1:1"
[postgres]
host = "127.0.0.1"
port = 1
"""
APP = typer.Typer()
for _verb in (add, pause, remove, resume, tier):
    APP.command(name=_verb.__name__)(_verb)
APP.command(name="list")(list_registers)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    write_atomically(tmp_path / "home" / "site.toml", HOME)
    return tmp_path / "home"


@pytest.fixture
def embassy(tmp_path: Path) -> Path:
    write_atomically(tmp_path / "embassy" / "site.toml", EMBASSY)
    return tmp_path / "embassy"


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data_embassy.kafka._CREATE_TIMEOUT_SECONDS", 0.3)


def command(site: Path, verb: str, *arguments: str, **environment: str) -> Done:
    """A command of `embassy register`, in this process."""
    found = CliRunner().invoke(APP, [verb, *arguments], env={"EMBASSY_SITE": str(site), **environment})
    if isinstance(found.exception, DataEmbassyError):
        return Done(exit_code(found.exception), found.stdout, found.stderr + found.exception.diagnostics())
    assert found.exception is None or isinstance(found.exception, SystemExit)
    return Done(found.exit_code, found.stdout, found.stderr)


def everything(done: Done, site: Path) -> str:
    """What was printed, and every file but the secrets."""
    files = [path for path in site.rglob("*") if path.is_file() and path.parent.name != "secrets"]
    return done.stdout + done.stderr + "".join(path.read_text() for path in files)


@pytest.mark.parametrize(
    "dsn", [f"postgresql://me:{PASSWORD}@db/land", f"host=db dbname=land password={PASSWORD}", f"db:{PASSWORD}@ = x"]
)
def test_a_password_on_the_command_line_is_refused_and_not_repeated(home, dsn):
    done = command(home, "add", "land", "--dsn", dsn)
    assert done.returncode == 2
    assert "remedy" in done.stderr
    assert PASSWORD not in everything(done, home)
    assert not (home / "registers").exists()


def test_the_refusal_names_the_ways_to_give_a_password():
    with pytest.raises(ConfigError) as error:
        parse_dsn(f"postgresql://me:{PASSWORD}@db/land", is_public=True)
    for way in ("--dsn-file", "EMBASSY_DSN", "--capture-password-file"):
        assert way in error.value.remedy


def test_a_dsn_says_where_a_register_is():
    found = parse_dsn("postgresql://reader@db.example:5433/V%C3%A4rav", is_public=True)
    assert (found.host, found.port, found.database, found.user) == ("db.example", 5433, "Värav", "reader")
    assert parse_dsn("host=db dbname=land", is_public=True).port == 5432


@pytest.mark.parametrize(
    "dsn",
    [
        "host=db",
        "dbname=a",
        "host=/run dbname=a",
        "host=a,b dbname=c",
        "host=a dbname=b port=x",
        "host=a dbname=b sslmode=no",
        "x",
        "",
    ],
)
def test_what_a_contract_cannot_say_is_refused(dsn):
    with pytest.raises(ConfigError):
        parse_dsn(dsn, is_public=True)


def test_secrets_come_from_files_or_the_environment(tmp_path):
    file = tmp_path / "dsn"
    write_atomically(file, f"postgresql://me:{PASSWORD}@db/land\n")
    for found in (read_dsn(None, file, {}), read_dsn(None, None, {"EMBASSY_DSN": file.read_text().strip()})):
        assert found is not None
        assert found.password is not None
        assert found.password.reveal() == PASSWORD
        assert PASSWORD not in repr(found)
    with pytest.raises(ConfigError, match="more than one"):
        read_dsn("host=a dbname=b", file, {})
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="accessible"):
        read_dsn(None, file, {})
    pulse = read_password("pulse", None, {"EMBASSY_PULSE_PASSWORD": PASSWORD})
    assert pulse is not None
    assert pulse.reveal() == PASSWORD


def test_home_writes_contract_and_secrets_even_while_nothing_can_be_reached(home):
    arguments = ("add", "land", "--dsn", "postgresql://127.0.0.1:1/Värav", "--tier", "3", "--json")
    done = command(home, *arguments, EMBASSY_CAPTURE_PASSWORD=PASSWORD, EMBASSY_PULSE_PASSWORD="other")
    assert done.returncode == 3, done.stderr
    assert PASSWORD not in everything(done, home)
    said = json.loads(done.stdout)
    assert [(step["step"], step["state"]) for step in said["steps"]] == [
        ("contract", "done"),
        ("source", "open"),
        ("topics", "open"),
    ]
    register = load_site(home).register("land")
    assert said["next"][0].endswith(f"embassy register add land --lane {register.lane} --tier 3")
    assert register.source is not None
    for access, expected in ((register.source.capture, PASSWORD), (register.source.pulse, "other")):
        assert access.database == "Värav"
        assert access.password is not None
        assert access.password.path.read_bytes() == expected.encode()
        assert stat.S_IMODE(access.password.path.stat().st_mode) == 0o600


def test_the_embassy_needs_the_lane_and_takes_no_access(embassy):
    assert command(embassy, "add", "land").returncode == 2
    assert command(embassy, "add", "land", "--dsn", "host=a dbname=b").returncode == 2
    done = command(embassy, "add", "land", "--lane", "a" * 16, "--tier", "3")
    assert done.returncode == 0, done.stderr
    assert load_site(embassy).register("land").lane == "a" * 16


def asked(**changes) -> Asked:
    given: dict[str, Any] = {"name": "land", "address": parse_dsn("host=127.0.0.1 dbname=land", is_public=True)}
    return Asked(**(given | changes))


def test_adding_again_says_so_and_changes_nothing(home):
    first, is_new = take(open_site(home), asked(tier=2))
    assert is_new
    assert take(open_site(home), Asked(name="land")) == (first, False)
    assert take(open_site(home), asked()) == (first, False)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"tier": 5}, "tier"),
        ({"lane": "b" * 16}, "lane"),
        ({"address": parse_dsn("host=127.0.0.1 dbname=other", is_public=True)}, "source"),
        ({"text": "lane = 5"}, "contract"),
    ],
)
def test_another_contract_of_the_same_name_is_refused(home, changes, what):
    take(open_site(home), asked(tier=2))
    before = (home / "registers" / "land.toml").read_text()
    with pytest.raises(ContractError, match=f"another {what}"):
        take(open_site(home), asked(**changes))
    assert (home / "registers" / "land.toml").read_text() == before


def test_a_contract_that_cannot_be_used_is_never_written(home):
    for text in ("lane = 5", 'lane = "' + "a" * 16 + '"\npassword = "x"\n[source]\nhost = "h"'):
        with pytest.raises(ContractError):
            take(open_site(home), Asked(name="land", text=text))
    take(open_site(home), asked(lane="a" * 16))
    with pytest.raises(ContractError, match="belongs to another"):
        take(open_site(home), asked(name="courts", lane="a" * 16))
    assert sorted(path.name for path in (home / "registers").iterdir()) == ["land.toml"]


FILE = """# Whose it is, and what the embassy owes it.
tier = 3
[owner]
institution = "Maa-amet"
[[excluded]]
table = "public.session"
reason = "who is logged in now"
promotion = "everybody logs in again"
"""
SOURCE = """
[source]  # Where it is.
host = "127.0.0.1"
database = "land"

# And more.
[objectives]
rpo_seconds = 5
"""


def test_one_file_is_the_contract_at_both_sites(home, embassy):
    at_home, is_new = take(open_site(home), Asked(name="land", text=FILE + SOURCE))
    assert is_new
    assert at_home.source is not None
    abroad, _ = take(open_site(embassy), Asked(name="land", lane=at_home.lane, text=FILE + SOURCE))
    assert (abroad.lane, abroad.tier, abroad.terms) == (at_home.lane, 3, at_home.terms)
    assert (abroad.terms.institution, abroad.terms.rpo_seconds, len(abroad.terms.excluded)) == ("Maa-amet", 5, 1)
    assert "127.0.0.1" not in (embassy / "registers" / "land.toml").read_text()
    for folder, stored in ((home, at_home), (embassy, abroad)):
        assert FILE.splitlines()[0] in (folder / "registers" / "land.toml").read_text()
        assert take(open_site(folder), Asked(name="land", text=FILE + SOURCE)) == (stored, False)
        with pytest.raises(ContractError, match="another contract"):
            take(open_site(folder), Asked(name="land", text=FILE.replace("3", "4") + SOURCE))
        with pytest.raises(ContractError, match="another contract"):
            take(open_site(folder), Asked(name="land", text=SOURCE))


def test_options_say_what_a_file_leaves_open_and_never_another_thing(home):
    found, _ = take(open_site(home), asked(lane="c" * 16, text=FILE))
    assert (found.lane, found.tier, found.terms.institution) == ("c" * 16, 3, "Maa-amet")
    assert found.source is not None
    for changes, what in (({"tier": 2}, "tier"), ({"text": FILE + SOURCE.replace('"land"', '"sea"')}, "source")):
        with pytest.raises(ContractError, match=f"another {what} than the options"):
            take(open_site(home), asked(**({"name": "other", "text": FILE} | changes)))


def test_all_that_is_wrong_with_a_file_comes_together(home, embassy):
    with pytest.raises(ContractError) as error:
        take(open_site(home), Asked(name="land", text='lane = "x"\ntier = 12\n[owner]\nname = "y"'))
    for part in ("lane must be 16", "tier must lie", "unknown setting owner.name", "source.host is missing"):
        assert part in error.value.message
    with pytest.raises(ContractError, match="no TOML"):
        take(open_site(home), Asked(name="land", text="tier ="))
    awkward = f"[source]\nhost = 'h'\nports = [\n  [1],\n]\n{FILE.replace('tier = 3', '')}"
    with pytest.raises(ContractError, match="none of the embassy's business"):
        take(open_site(embassy), Asked(name="land", lane="a" * 16, text=awkward))


def test_pause_and_resume_ask_for_stops_to_be_looked_at_again(home):
    take(open_site(home), asked())
    assert command(home, "pause", "land", "--reason", "new disks").returncode == 0
    site = open_site(home)
    found = paused(site, "land")
    assert found is not None
    assert found.reason == "new disks"
    (line,) = json.loads(command(home, "list", "--json").stdout)
    assert (line["state"], line["paused"]["reason"]) == ("paused", "new disks")
    stop = Stop(register="land", cause="HomeGap", message="", remedy="", home_offset=None, stopped_at="now")
    StopFiles(site.state).write(stop)
    assert json.loads(command(home, "list", "--json").stdout)[0]["cause"] == "HomeGap"
    done = command(home, "resume", "land", "--json")
    assert json.loads(done.stdout)["stops_asked"] == ["HomeGap"]
    assert paused(site, "land") is None
    assert StopFiles(site.state).read("land") is None
    assert command(home, "pause", "unknown").returncode == 2


def test_a_register_gets_another_tier_and_its_contract_stays_as_it_was(home):
    take(open_site(home), asked())
    path = home / "registers" / "land.toml"
    before = path.read_text()
    done = command(home, "tier", "land", "3", "--json")
    assert json.loads(done.stdout) == {"register": "land", "site": "home", "tier": 3, "former": 1}
    assert load_site(home).registers["land"].tier == 3
    assert path.read_text() == before.replace("tier = 1", "tier = 3")


@pytest.mark.parametrize(("name", "tier"), [("land", "0"), ("land", "10"), ("unknown", "2")])
def test_what_is_no_tier_is_refused(home, name, tier):
    take(open_site(home), asked())
    assert command(home, "tier", name, tier).returncode == 2
    assert load_site(home).registers["land"].tier == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('lane = "a"\n[source]\ntier = 8\n', 'tier = 5\nlane = "a"\n[source]\ntier = 8\n'),
        ("tier=2 # as agreed\n", "tier = 5 # as agreed\n"),
        ("# tier = 1\ntier = 2\n", "# tier = 1\ntier = 5\n"),
    ],
)
def test_one_line_of_the_contract_changes(text, expected):
    assert with_tier(text, 5) == expected


def test_nothing_is_removed_without_agreement(home):
    take(open_site(home), asked())
    assert command(home, "remove", "land").returncode == 2
    printed = command(home, "remove", "land", "--print-sql")
    assert printed.returncode == 0
    assert "DROP PUBLICATION" in printed.stdout
    assert set(load_site(home).registers) == {"land"}


def test_a_removal_that_reaches_nobody_goes_on_later(home):
    take(open_site(home), asked(address=parse_dsn("host=127.0.0.1 port=1 dbname=land", is_public=True)))
    for _ in range(2):
        done = command(home, "remove", "land", "--yes", "--json")
        assert done.returncode == 3, done.stderr
        said = json.loads(done.stdout)
        assert [step["step"] for step in said["steps"] if step["state"] == "open"] == ["connector", "slot", "topics"]
        assert "DROP PUBLICATION" in said["sql"]
        assert load_site(home).registers == {}
    (line,) = json.loads(command(home, "list", "--json").stdout)
    assert (line["name"], line["state"]) == ("land", "removing")
    assert command(home, "add", "land", "--dsn", "host=127.0.0.1 dbname=land").returncode == 2


def test_a_register_being_removed_is_found(home):
    register, _ = take(open_site(home), asked())
    move_to_removing(open_site(home), "land")
    assert find(open_site(home), "land") == register
    removing_path(open_site(home), "land").unlink()
    with pytest.raises(ConfigError, match="no register"):
        find(open_site(home), "land")
    with pytest.raises(ContractError, match="no register's name"):
        find(open_site(home), "../land")


def test_only_the_secrets_that_were_written_for_a_register_are_forgotten(home):
    given = asked(passwords={"capture": Secret(PASSWORD), "pulse": Secret("other")})
    register, _ = take(open_site(home), given)
    assert register.source is not None
    written = {access.password.path for access in (register.source.capture, register.source.pulse) if access.password}
    for name in ("land-shared", "landing-capture", "sea-pulse"):
        write_atomically(home / "secrets" / name, "theirs")
    before = set((home / "secrets").iterdir())
    forget_secrets(open_site(home), "land")
    assert before - set((home / "secrets").iterdir()) == written
    assert len(written) == 2
