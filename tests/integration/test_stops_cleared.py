"""Each cause that stops a register at the embassy: what its stop names clears it, and home hears of both.

The registers of a test stop and go on beside each other, each with an embassy and a thread of its own. Home is played
by the synthetic register: what `register snapshot` puts on a lane is known, and tests/scenarios run the command itself.
"""

from __future__ import annotations

import dataclasses
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest

from consumers.replay import replay
from consumers.stops import Stop
from consumers.supervise import RegisterReceiver
from data_embassy.config import Register
from data_embassy.keys import activate, encode_bundle, load_embassy_keys, load_home_keys, load_keyring, rotate
from pipelines.receipts import Receipt, ReceiptFollower
from tests.integration.test_receive_process import exchanged_keys, write_site
from tests.integration.test_receive_refusals import beat_of
from tests.support.commands import command
from tests.support.memory_lane import MemoryEmbassy, MemoryLink
from tests.support.receiving import ROLE, Link, make_role, receiving, wait_for
from tests.support.stops_lane import ENVELOPES, Mend, Upgrade, nothing
from tests.support.stops_standby import (
    KEYS,
    Fault,
    altered,
    as_superuser,
    change,
    damaged_decisions,
    dropped,
    forbidden,
    keys_harmed,
    repaired,
    untrusted_extension,
    wrong_totals,
)
from tests.support.stops_stream import STREAMS
from tests.support.system import PlainPostgres
from tests.unit.test_forward_beside import MemoryReceipts

NOWHERE: Final = "127.0.0.1:1"
SECONDS: Final = 90.0
"""Long, since all registers of a test work at once."""
STEPS: Final = re.compile(r", then: |; after an upgrade: |, (?=run by the DBA|mend the)")
Harm = Callable[[MemoryLink], Mend]


def new_link(server: PlainPostgres, folder: Path) -> MemoryLink:
    """A register with an embassy of its own, and nothing on its lane."""
    folder.mkdir(exist_ok=True)
    embassy = MemoryEmbassy(bootstrap=NOWHERE, server=server, folder=folder, control=f"c_{secrets.token_hex(4)}")
    embassy.sites = exchanged_keys(folder)
    register = Register(name=f"r{secrets.token_hex(4)}", lane=secrets.token_hex(8), tier=1, source=None)
    link = MemoryLink(embassy, register)
    link.source.rows |= {number: f"person {number}" for number in range(1, 5)}
    write_site(link, 0)
    return link


def begin(link: Link) -> None:
    """The first generation, and capture behind it."""
    link.source.snapshot()
    link.source.session()
    link.source.pulse()
    link.send()


@pytest.fixture
def link(postgres: PlainPostgres, tmp_path: Path) -> MemoryLink:
    link = new_link(postgres, tmp_path)
    begin(link)
    return link


def rotated(link: MemoryLink) -> Mend:
    """Home signs with new keys before the embassy imported them."""
    folder = link.embassy.folder
    rotate(folder / "home-keys")
    activate(folder / "home-keys")
    link.embassy.sites = dataclasses.replace(link.embassy.sites, home=load_home_keys(folder / "home-keys"))
    link.sealer = link.new_sealer()
    change(link)
    return nothing


SNAPSHOT: Final = ENVELOPES | STREAMS | {
    "TableMissing": altered("DROP TABLE public.person"),
    "ShapeMismatch": altered("ALTER TABLE public.person DROP COLUMN name"),
    "RepairRefused": repaired,
}  # fmt: skip
REPLAY: Final[dict[str, Harm]] = {
    "Divergence": altered("DELETE FROM public.person WHERE id = 1"),
    "PositionMoved": altered("UPDATE embassy_local.position SET home_offset = home_offset + 1"),
    "StandbyMissing": dropped,
}
RESUME: Final[dict[str, Harm]] = {
    "Refused": forbidden("public.person"),
    "StandbyRefused": forbidden("embassy_local.position"),
    "UnknownSigner": rotated,
    "DecisionsDamaged": damaged_decisions,
} | {cause: keys_harmed(harm) for cause, harm in KEYS.items()}
FIRST: Final[dict[str, Harm]] = {"LoadDivergence": wrong_totals, "LoadFailed": untrusted_extension}
"""Of the first snapshot, when no standby is there yet."""
LATER: Final = {"BadVersion": {"version": 2}, "BadKind": {"kind": 3}, "BadCodec": {"codec": 2}}


@pytest.mark.clears(*SNAPSHOT)
def test_a_new_generation_clears_what_stands_on_the_lane(postgres, tmp_path):
    assert failed(clear_all(postgres, tmp_path, SNAPSHOT)) == {}


@pytest.mark.clears(*REPLAY, *RESUME, *FIRST, *LATER, "Faulted", "KeyNotOwned")
def test_the_command_that_a_stop_names_clears_it(postgres, tmp_path, monkeypatch):
    upgrade, fault = Upgrade(monkeypatch), Fault(monkeypatch)
    upgraded = {cause: upgrade.of_later(cause, **form) for cause, form in LATER.items()}
    cases = REPLAY | RESUME | FIRST | upgraded | {"Faulted": fault.meet}
    assert failed(clear_all(postgres, tmp_path, cases)) == {}


@pytest.mark.clears("ReceiptWentBack")
def test_replay_clears_a_copy_that_was_rolled_back(link):
    """Standby and lane of the embassy are restored from an older copy; home's forwarder then sends again."""
    name, embassy = link.register.name, link.embassy
    assert isinstance(embassy, MemoryEmbassy)
    with receiving(link) as (receiver,):
        wait_for(lambda: beat_of(receiver) == link.source.beat, seconds=SECONDS, what="live")
    as_superuser(link, f"CREATE DATABASE {name}_copy TEMPLATE {name} OWNER {ROLE}", database="postgres")
    kept = len(embassy.lanes[link.register.lane])
    with receiving(link) as (receiver,):
        change(link)
        end = len(link.source.log) - 1
        wait_for(lambda: heard_until(link) == end, seconds=SECONDS, what="home hears of it")
    highest = followed(link, None).newest
    lost = embassy.lanes[link.register.lane][kept:]
    del embassy.lanes[link.register.lane][kept:]
    as_superuser(link, f"DROP DATABASE {name}", f"ALTER DATABASE {name}_copy RENAME TO {name}", database="postgres")
    with receiving(link) as (receiver,):
        wait_for(lambda: followed(link, highest).has_gone_back, seconds=SECONDS, what="home sees it")
        embassy.lanes[link.register.lane].extend(lost)
        here(link, ["register", "replay", name])
        change(link)
        wait_for(link.is_equal, seconds=SECONDS, what="equal")
        wait_for(lambda: not followed(link, highest).has_gone_back, seconds=SECONDS, what="home sees that it is over")


def followed(link: MemoryLink, highest: Receipt | None) -> ReceiptFollower:
    """Home's view of the receipts, knowing the highest position that it ever heard of."""
    assert isinstance(link.embassy, MemoryEmbassy)
    topic = MemoryReceipts(*link.embassy.receipts.get(link.register.lane, []))
    follower = ReceiptFollower(link.register, link.embassy.sites.home, topic, highest=highest)
    follower.follow()
    return follower


def heard_until(link: MemoryLink) -> int | None:
    """The last home offset that a receipt confirms."""
    newest = followed(link, None).newest
    return None if newest is None else newest.home_offset


def clear_all(server: PlainPostgres, folder: Path, cases: Mapping[str, Harm]) -> Iterator[tuple[str, str]]:
    """Every cause with what went wrong, if anything."""

    make_role(server)

    def clear(cause: str) -> tuple[str, str]:
        try:
            link = new_link(server, folder / cause)
            clears(link, cause, cases[cause], is_first=cause in FIRST)
        except Exception as error:  # noqa: BLE001 (all causes are looked at)
            return cause, "\n".join([repr(error), *getattr(error, "__notes__", ())])
        return cause, ""

    with ThreadPoolExecutor(8) as threads:
        yield from threads.map(clear, cases)


def failed(told: Iterator[tuple[str, str]]) -> dict[str, str]:
    return {cause: words for cause, words in told if words}


def clears(link: MemoryLink, cause: str, harm: Harm, *, is_first: bool) -> None:
    """The register stops for this cause; what the stop names, and nothing else, makes it go on, exact."""
    with receiving(link) as (receiver,):
        if not is_first:
            begin(link)
            wait_for(lambda: beat_of(receiver) == link.source.beat, seconds=SECONDS, what="live")
        mend = harm(link)
        stop = wait_stopped(receiver, cause)
        if cause == "LoadFailed":
            assert "extension pg_buffercache may be made by a superuser only" in stop.message
        wait_for(lambda: heard(link) == ("stopped", cause), seconds=SECONDS, what="home hears of it")
        obey(link, stop.remedy, mend)
        if is_first:
            link.source.session()
        change(link)
        wait_for(link.is_equal, seconds=SECONDS, what=f"equal after {stop.remedy}")
        wait_for(lambda: not stops(receiver), seconds=SECONDS, what="the stop is over")
        wait_for(lambda: heard(link) == ("live", None), seconds=SECONDS, what="home hears that it is over")


def wait_stopped(receiver: RegisterReceiver, cause: str) -> Stop:
    wait_for(lambda: [stop.cause for stop in stops(receiver)] == [cause], seconds=SECONDS, what=cause)
    (stop,) = stops(receiver)
    assert stop.remedy
    assert "NAME" not in stop.remedy
    return stop


def stops(receiver: RegisterReceiver) -> list[Stop]:
    return receiver._around.stops.read(receiver.register.name)


def obey(link: MemoryLink, remedy: str, mend: Mend) -> None:
    """Do what the remedy says, step by step: commands as they stand, all other words by whoever removes the cause."""
    is_home = remedy.startswith("at home: ")
    # Of two choices the one with every row; tests/integration/test_heal_generation.py takes the other.
    chosen = remedy.removeprefix("at home: ").rpartition(", or with every row: ")[2]
    for step in STEPS.split(chosen):
        arguments = step.split()
        if arguments[0] != "embassy":
            mend()
        elif is_home:
            at_home(link, arguments[1:])
        else:
            here(link, arguments[1:])


def at_home(link: Link, words: list[str]) -> None:
    """What home's command puts on the lane."""
    if words == ["register", "snapshot", link.register.name]:
        link.source.session()
        link.source.snapshot(2)
        link.sealer = link.new_sealer(incarnation=link.sealer._incarnation)
        link.send()
        return
    assert words[:2] in (["register", "prepare"], ["register", "check"], ["keys", "import"])


def here(link: MemoryLink, words: list[str]) -> None:
    """The command at the embassy."""
    if words[:2] == ["register", "replay"]:
        replay(link.register, link.embassy.surroundings(), until=None, tell=lambda _: None)
    elif words[:2] == ["keys", "import"]:
        bundle = load_keyring(link.embassy.folder / "home-keys").bundle()
        file = link.embassy.folder / "bundle"
        file.write_bytes(encode_bundle(bundle))
        run(link, "keys", "import", str(file), "--fingerprint", bundle.fingerprint)
        link.embassy.sites = dataclasses.replace(
            link.embassy.sites, embassy=load_embassy_keys(link.embassy.folder / "keys")
        )
    else:
        run(link, *words)


def run(link: MemoryLink, *arguments: str) -> None:
    """A command of this site."""
    command(link.embassy.folder, *arguments)


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
