"""Each family of stops at the embassy: the command that its stop names clears it, and home hears of it meanwhile."""

from __future__ import annotations

import dataclasses
import secrets
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from itertools import pairwise
from typing import Final

import psycopg
import pytest
from psycopg import sql

from consumers.control import Control
from consumers.replay import replay
from data_embassy.config import Register
from data_embassy.keys import activate, encode_bundle, load_embassy_keys, load_home_keys, load_keyring, rotate
from tests.integration.test_receive_process import exchanged_keys, write_site
from tests.integration.test_receive_refusals import next_envelope, stop_causes
from tests.support.memory_lane import MemoryEmbassy, MemoryLink
from tests.support.receiving import ROLE, receiving, wait_for
from tests.support.sealing import flip
from tests.support.synthetic_register import update

NOWHERE: Final = "127.0.0.1:1"
CLI = [sys.executable, "-c", "from operations.cli import main; main()"]


@pytest.fixture
def link(postgres, tmp_path) -> MemoryLink:
    embassy = MemoryEmbassy(bootstrap=NOWHERE, server=postgres, folder=tmp_path, control=f"c_{secrets.token_hex(4)}")
    embassy.sites = exchanged_keys(tmp_path)
    register = Register(name=f"r{secrets.token_hex(4)}", lane=secrets.token_hex(8), tier=1, source=None)
    link = MemoryLink(embassy, register)
    link.source.rows |= {number: f"person {number}" for number in range(1, 5)}
    link.source.snapshot()
    link.source.session()
    link.source.pulse()
    link.send()
    write_site(link, 0)
    return link


def change(link: MemoryLink) -> None:
    link.source.commit(update(1, "changed"))
    link.source.pulse()
    link.send()


# What stops the register; each returns what has to be done before the command, by whoever removes the cause.


def altered(link: MemoryLink) -> Callable[[], None]:
    link.append(flip(next_envelope(link), -200))
    return lambda: None


def gapped(link: MemoryLink) -> Callable[[], None]:
    next_envelope(link)
    link.append(next_envelope(link))
    return lambda: None


def broken(link: MemoryLink) -> Callable[[], None]:
    link.source.pulse(step=2)
    link.send()
    return lambda: None


def rotated(link: MemoryLink) -> Callable[[], None]:
    """Home signs with new keys before the embassy imported them."""
    folder = link.embassy.folder
    rotate(folder / "home-keys")
    activate(folder / "home-keys")
    link.embassy.sites = dataclasses.replace(link.embassy.sites, home=load_home_keys(folder / "home-keys"))
    link.sealer = link.new_sealer()
    change(link)

    def imported() -> None:
        bundle = load_keyring(folder / "home-keys").bundle()
        (folder / "bundle").write_bytes(encode_bundle(bundle))
        run(link, "keys", "import", str(folder / "bundle"), "--fingerprint", bundle.fingerprint)
        link.embassy.sites = dataclasses.replace(link.embassy.sites, embassy=load_embassy_keys(folder / "keys"))

    return imported


def edited(link: MemoryLink) -> Callable[[], None]:
    _as_superuser(link, "DELETE FROM public.person WHERE id = 1")
    change(link)
    return lambda: None


def refused(link: MemoryLink) -> Callable[[], None]:
    _as_superuser(link, "ALTER TABLE public.person OWNER TO CURRENT_USER")
    change(link)
    return lambda: _as_superuser(link, f"ALTER TABLE public.person OWNER TO {ROLE}")


def dropped(link: MemoryLink) -> Callable[[], None]:
    with closing(Control.open(link.embassy.postgres, role="test")) as control:
        control.connection.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(_name(link)))
        control.disconnect_all(link.register.name)
        control.connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(_name(link)))
    return lambda: None


def _name(link: MemoryLink) -> sql.Identifier:
    return sql.Identifier(link.register.name)


def _as_superuser(link: MemoryLink, statement: str) -> None:
    with psycopg.connect(link.embassy.server.dsn(link.register.name), autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.execute(statement)


SNAPSHOT, REPLAY, RESUME = "at home: embassy register snapshot ", "embassy register replay ", "embassy register resume "
FAMILIES = [
    (altered, "BadSignature", SNAPSHOT),
    (gapped, "Gapped", SNAPSHOT),
    (broken, "BeatSkipped", SNAPSHOT),
    (edited, "Divergence", REPLAY),
    (dropped, "StandbyMissing", REPLAY),
    (refused, "Refused", RESUME),
    (rotated, "UnknownSigner", RESUME),
]


@pytest.mark.parametrize(("harm", "cause", "remedy"), FAMILIES, ids=[harm.__name__ for harm, _, _ in FAMILIES])
def test_the_command_that_a_stop_names_clears_it(link, harm, cause, remedy):
    with receiving(link) as (receiver,):
        link.wait_equal()
        mend = harm(link)
        wait_for(lambda: stop_causes(receiver) == [cause], what=cause)
        (stop,) = receiver._around.stops.read(link.register.name)
        assert stop.remedy.endswith(remedy + link.register.name)
        wait_for(lambda: heard(link) == ("stopped", cause), what="home hears of it")
        mend()
        obey(link, stop.remedy)
        change(link)
        link.wait_equal()
        wait_for(lambda: stop_causes(receiver) == [], what="the stop is over")
        wait_for(lambda: heard(link) == ("live", None), what="home hears that it is over")


def obey(link: MemoryLink, remedy: str) -> None:
    """Run the command; home's part is played by the synthetic register."""
    command = remedy.rpartition("embassy ")[2].split()
    if command[:2] == ["register", "snapshot"]:
        link.source.session()
        link.source.snapshot(2)
        link.sealer = link.new_sealer()
        link.send()
        return
    if command[:2] == ["register", "replay"]:
        replay(link.register, link.embassy.surroundings(), until=None, tell=lambda _: None)
        return
    run(link, *command)


def run(link: MemoryLink, *command: str) -> str:
    done = subprocess.run(
        [*CLI, "--site", str(link.embassy.folder), *command], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_pause_is_heard_at_home_and_ends_with_resume(link):
    with receiving(link):
        link.wait_equal()
        run(link, "register", "pause", link.register.name)
        wait_for(lambda: heard(link) == ("paused", None), what="home hears of the pause")
        change(link)
        before = signed_at(link)
        wait_for(lambda: signed_at(link) > before, what="a heartbeat while nothing is applied")
        assert not link.is_equal()
        run(link, "register", "resume", link.register.name)
        link.wait_equal()
        wait_for(lambda: heard(link) == ("live", None), what="home hears that it goes on")


def test_an_idle_register_is_heard_of_every_five_seconds_with_its_position(link):
    with receiving(link) as (receiver,):
        link.wait_equal()
        wait_for(lambda: receiver.last_position is not None)
        times = [signed_at(link)]
        while len(times) < 3:
            wait_for(lambda: signed_at(link) > times[-1], seconds=10, what="the next heartbeat")
            times.append(signed_at(link))
        newest = link.heard()
        assert newest is not None
        assert newest.position is not None
        assert receiver.last_position is not None
        assert newest.position.home_offset == receiver.last_position.home_offset
        assert max(b - a for a, b in pairwise(times)) < 10_000_000


def signed_at(link: MemoryLink) -> int:
    newest = link.heard()
    return 0 if newest is None else newest.signed_at


def heard(link: MemoryLink) -> tuple[str, str | None] | None:
    one = link.heard()
    return None if one is None else (one.state, one.cause)
