"""Registers that come, go and pause while others are forwarded: which sessions begin, which end, which live on."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest
from faust.types import TP

from data_embassy.config import LiveSite, Register, open_site, pause, unpause, write_atomically
from data_embassy.errors import TransportError
from pipelines.contracts import Contracts
from pipelines.forwarder import Forwarder
from pipelines.membership import membership

SITE = """
[site]
role = "home"
[kafka]
bootstrap = "127.0.0.1:1"
[connect]
url = "http://127.0.0.1:2"
[link]
bootstrap = "127.0.0.1:3"
"""


def register(name: str, *, tier: int = 1) -> Register:
    return Register(name=name, lane=name[0] * 16, tier=tier, source=None)


def wanted(*names: str) -> dict[str, Register]:
    return {name: register(name) for name in names}


def partitions(*names: str) -> set[TP]:
    return {TP(f"changes.{name}", 0) for name in names}


class Session:
    def __init__(self, register: Register, partition: TP) -> None:
        self.register, self.partition = register, partition
        self.has_ended, self.seeks, self.reading = False, 0, object()

    async def run(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self.has_ended = True

    def seek_again(self) -> None:
        self.seeks += 1


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def made(clock: Clock | None = None) -> Forwarder:
    def crash(error: BaseException) -> None:
        raise error

    return Forwarder(Session, crash, clock=clock or Clock())  # type: ignore[arg-type]


async def settled(forwarder: Forwarder) -> Mapping[str, Session]:
    await asyncio.sleep(0)
    return forwarder.sessions()  # type: ignore[return-value]


def test_sessions_are_those_that_are_wanted_and_held():
    async def run() -> None:
        forwarder = made()
        forwarder.want(wanted("a", "b"))
        assert await settled(forwarder) == {}
        forwarder.assigned(partitions("a", "c"), 1)
        assert set(await settled(forwarder)) == {"a"}
        forwarder.want(wanted("b", "c"))
        assert set(await settled(forwarder)) == {"c"}

    asyncio.run(run())


def test_a_change_of_one_register_leaves_the_others_sessions_alone():
    async def run() -> None:
        forwarder = made()
        forwarder.assigned(partitions("a", "b"), 1)
        forwarder.want(wanted("a", "b"))
        before = await settled(forwarder)
        forwarder.want(wanted("a") | {"b": register("b", tier=5)})
        now = await settled(forwarder)
        assert now["a"] is before["a"]
        assert now["b"] is not before["b"]
        assert before["b"].has_ended

    asyncio.run(run())


def test_sessions_live_through_the_rebalance_that_a_new_contract_asks_for():
    async def run() -> None:
        forwarder = made()
        forwarder.assigned(partitions("a", "b"), 4)
        forwarder.want(wanted("a", "b", "c"))
        before = await settled(forwarder)
        forwarder.expect_rebalance()
        forwarder.assigned(partitions("a", "c"), 5)
        now = await settled(forwarder)
        assert (set(now), now["a"] is before["a"], now["a"].seeks) == ({"a", "c"}, True, 1)
        assert before["b"].has_ended

    asyncio.run(run())


def test_records_that_are_let_go_are_sought_again_by_whoever_reads_the_partition_now():
    async def run() -> None:
        forwarder = made()
        forwarder.assigned(partitions("a"), 1)
        forwarder.want(wanted("a"))
        (partition,), former = partitions("a"), (await settled(forwarder))["a"].reading
        assert forwarder.is_current(partition, former)
        forwarder.want({"a": register("a", tier=5)})
        now = (await settled(forwarder))["a"]
        assert not forwarder.is_current(partition, former)
        forwarder.missed(partition)
        forwarder.missed(*partitions("b"))
        assert now.seeks == 1

    asyncio.run(run())


@pytest.mark.parametrize(("generation", "after"), [(6, 0.0), (5, 60.0), (3, 0.0)])
def test_sessions_begin_anew_when_somebody_else_may_have_forwarded(generation, after):
    async def run() -> None:
        clock = Clock()
        forwarder = made(clock)
        forwarder.assigned(partitions("a"), 4)
        forwarder.want(wanted("a"))
        before = await settled(forwarder)
        forwarder.expect_rebalance()
        clock.now += after
        forwarder.assigned(partitions("a"), generation)
        assert (await settled(forwarder))["a"] is not before["a"]

    asyncio.run(run())


def test_what_is_no_longer_assigned_ends_at_once():
    async def run() -> None:
        forwarder = made()
        forwarder.assigned(partitions("a", "b"), 1)
        forwarder.want(wanted("a", "b"))
        await settled(forwarder)
        forwarder.keep_only(partitions("b"))
        assert set(await settled(forwarder)) == {"b"}

    asyncio.run(run())


class Worker:
    """Records what the contracts make of it."""

    def __init__(self, folder: Path) -> None:
        self.wanted: set[str] = set()
        self.made: list[str] = []
        self.subscriptions: list[set[str]] = []
        self.is_home_away = self.is_rebalancing = False
        live = LiveSite(open_site(folder))
        self.contracts = Contracts(
            live=live,
            working=self,
            make_topics=self.make_topics,
            subscribe=self.subscribe,
            subscribed={one.changes_topic for one in live.site.registers.values()},
        )

    def want(self, registers: Mapping[str, Register]) -> None:
        self.wanted = set(registers)

    def expect_rebalance(self) -> None: ...

    async def make_topics(self, registers) -> None:
        if self.is_home_away:
            raise TransportError("away", remedy="none")
        self.made += [one.name for one in registers]

    async def subscribe(self, topics: set[str]) -> bool:
        if self.is_rebalancing:
            return False
        self.subscriptions.append(topics)
        return True

    def step(self) -> None:
        asyncio.run(self.contracts.step())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "site.toml").write_text(SITE)
    contract(tmp_path, "land", "a")
    return tmp_path


def contract(folder: Path, name: str, lane: str) -> Path:
    path = folder / "registers" / f"{name}.toml"
    write_atomically(path, f'lane = "{lane * 16}"\n[source]\nhost = "127.0.0.1"\n')
    return path


def test_a_new_contract_gets_its_topic_before_it_is_subscribed_to(folder):
    worker = Worker(folder)
    worker.step()
    assert (worker.wanted, worker.subscriptions) == ({"land"}, [])
    contract(folder, "courts", "b")
    worker.is_home_away = True
    worker.step()
    assert worker.subscriptions == []
    worker.is_home_away, worker.is_rebalancing = False, True
    worker.step()
    worker.is_rebalancing = False
    worker.step()
    worker.step()
    assert worker.subscriptions == [{"changes.courts", "changes.land"}]
    assert set(worker.made) == {"courts"}


def test_a_pause_needs_no_new_subscription(folder):
    worker = Worker(folder)
    pause(worker.contracts.live.site, "land", at="now", reason=None)
    worker.step()
    assert (worker.wanted, worker.subscriptions) == (set(), [])
    unpause(worker.contracts.live.site, "land")
    worker.step()
    assert worker.wanted == {"land"}


def test_a_broken_contract_ends_its_own_register_only(folder):
    path = contract(folder, "courts", "b")
    worker = Worker(folder)
    path.write_text("lane = 5")
    worker.step()
    assert worker.wanted == {"land"}


def test_the_last_topic_stays_subscribed_to(folder):
    worker = Worker(folder)
    (folder / "registers" / "land.toml").unlink()
    worker.step()
    assert (worker.wanted, worker.subscriptions) == (set(), [])


def test_a_member_that_comes_back_with_what_it_read_keeps_its_name_and_a_second_has_none(folder):
    site = open_site(folder)
    with membership(site, {"changes.a"}) as first, membership(site, {"changes.a"}) as second:
        assert second.name is None
        first.subscribed({"changes.a", "changes.b"})
    with membership(site, {"changes.b", "changes.a"}) as again:
        assert again.name == first.name
    with membership(site, {"changes.a"}) as other:
        assert other.name != first.name
