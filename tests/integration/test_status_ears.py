"""Home's ears on a real broker: few clients, kept from look to look, whatever happens to the broker meanwhile."""

from __future__ import annotations

import gc
import secrets
from contextlib import closing
from pathlib import Path

import pytest
from confluent_kafka import Producer

from data_embassy.config import Broker, Register, Site, load_site
from data_embassy.envelope import encode_payload, sign_receipt
from data_embassy.errors import TransportError
from data_embassy.kafka import client_settings, delete_topics, ensure_topics, lane_topic_settings
from data_embassy.keys import HomeKeys
from deploy.local.machine import wait_until
from operations.status.ears import RENEW_SECONDS, KafkaEars, Word
from pipelines.memory import Remembered
from pipelines.tails import KEPT
from tests.support.sealing import make_sites
from tests.support.system import restartable_broker

SITES = make_sites()
SITE = """
[site]
role = "home"
[kafka]
bootstrap = "{broker}"
[connect]
url = "http://127.0.0.1:1"
[link]
bootstrap = "{broker}"
"""
REGISTERS = 5


class Embassy:
    """Writes receipts, and home topics beside."""

    def __init__(self, folder: Path, bootstrap: str) -> None:
        (folder / "site.toml").write_text(SITE.format(broker=bootstrap))
        self.site: Site = load_site(folder)
        self.registers = [
            Register(name=f"r{secrets.token_hex(4)}", lane=secrets.token_hex(8), tier=1, source=None)
            for _ in range(REGISTERS)
        ]
        self.kafka = Broker(bootstrap=bootstrap, username=None, password=None, replicas=1)
        topics = [topic for one in self.registers for topic in (one.receipts_topic, one.changes_topic)]
        ensure_topics(self.kafka, dict.fromkeys(topics, lane_topic_settings()))
        self.offset = 0
        self.failures: list[object] = []
        self.producer = Producer(client_settings(self.kafka))

    def says(self, count: int = 1, *, has_position: bool = True) -> int:
        """So many more receipts of each register; the home offset that the last ones with a position state."""
        for _ in range(count):
            self.offset += has_position
            for one in self.registers:
                fields = {"kind": "state", "signed_at": 1_000_000 + self.offset, "state": "live"}
                if has_position:
                    fields |= {
                        "kind": "position", "generation": 1, "incarnation": 1, "home_offset": self.offset,
                        "lane_offset": self.offset, "applied_at": 1, "commit_lsn": "0/1", "source_committed_at": 1,
                        "pulse_at": 1,
                    }  # fmt: skip
                receipt = sign_receipt(SITES.embassy, encode_payload(one.lane, fields))
                for topic, value in ((one.receipts_topic, receipt), (one.changes_topic, b"x")):
                    self.producer.produce(topic, value, partition=0, on_delivery=self._delivered)
        assert self.producer.flush(30) == 0
        assert not self.failures
        return self.offset

    def _delivered(self, error: object, _: object) -> None:
        if error is not None:
            self.failures.append(error)


@pytest.fixture
def embassy(tmp_path: Path, broker: str) -> Embassy:
    return Embassy(tmp_path, broker)


def keys() -> HomeKeys:
    return SITES.home


def heard(ears: KafkaEars, embassy: Embassy, **remembered: Remembered) -> dict[str, Word | None]:
    return ears.words(embassy.registers, keys(), {**dict.fromkeys(one.name for one in embassy.registers), **remembered})


def offsets(found: dict[str, Word | None]) -> set[int | None]:
    return {None if word is None or word.position is None else word.position.home_offset for word in found.values()}


def threads() -> int:
    """Of this process, those of the clients' library included."""
    gc.collect()
    return sum(1 for _ in Path("/proc/self/task").iterdir())


def test_looks_hear_what_is_new_over_the_clients_of_the_first(embassy: Embassy):
    at_first = threads()
    with closing(KafkaEars(embassy.site)) as ears:
        assert {(word.heard, word.position) for word in heard(ears, embassy).values() if word} == {(None, None)}
        embassy.says(3)
        assert offsets(heard(ears, embassy)) == {3}
        assert ears.ends(embassy.registers) == {one.name: 3 for one in embassy.registers}
        in_use = threads()
        for expected in (4, 5, 6):
            embassy.says()
            assert offsets(heard(ears, embassy)) == {expected}
            assert ears.ends(embassy.registers) == {one.name: expected for one in embassy.registers}
        assert offsets(heard(ears, embassy)) == {6}  # Nothing new: what was heard stands.
        assert threads() <= in_use
    del ears
    wait_until(lambda: threads() <= at_first, seconds=10, what="the clients end")


def test_a_position_far_back_is_found_behind_receipts_that_state_none(embassy: Embassy):
    embassy.says()
    embassy.says(KEPT + 5, has_position=False)
    with closing(KafkaEars(embassy.site)) as ears:
        assert offsets(heard(ears, embassy)) == {1}
        embassy.says(KEPT + 5)
        assert offsets(heard(ears, embassy)) == {KEPT + 6}


def test_registers_come_and_go_and_topics_are_made_anew(embassy: Embassy):
    embassy.says(4)
    first, *others = embassy.registers
    with closing(KafkaEars(embassy.site)) as ears:
        embassy.registers = others
        assert offsets(heard(ears, embassy)) == {4}
        embassy.registers = [first, *others]
        assert offsets(heard(ears, embassy)) == {4}
        delete_topics(embassy.kafka, [first.receipts_topic])
        wait_until(lambda: first.name not in heard(ears, embassy), seconds=20, what="the topic is gone")
        assert len(heard(ears, embassy)) == REGISTERS - 1
        ensure_topics(embassy.kafka, {first.receipts_topic: lane_topic_settings()})
        embassy.says()
        wait_until(lambda: offsets(heard(ears, embassy)) == {5}, seconds=20, what="the new topic is heard")


def test_a_copy_that_went_back_is_noticed_by_what_the_forwarder_remembers(embassy: Embassy):
    embassy.says(2)
    name = embassy.registers[0].name
    with closing(KafkaEars(embassy.site)) as ears:
        newest = heard(ears, embassy)[name]
        assert newest is not None
        assert newest.position is not None
        embassy.offset = 0
        embassy.says()
        remembered = Remembered(at=1.0, highest=newest.position)
        found = heard(ears, embassy, **{name: remembered})[name]
        assert found is not None
        assert found.has_gone_back
        cleared = heard(ears, embassy)[name]
        assert cleared is not None
        assert not cleared.has_gone_back


def test_a_broker_that_is_away_for_long_is_asked_by_new_clients(tmp_path: Path):
    (tmp_path / "site.toml").write_text(SITE.format(broker="127.0.0.1:1"))
    site, passed = load_site(tmp_path), [0.0]
    register = Register(name="r", lane=secrets.token_hex(8), tier=1, source=None)
    with closing(KafkaEars(site, monotonic=lambda: passed[0])) as ears:

        def asks() -> tuple[object, object]:
            with pytest.raises(TransportError):
                ears.words([register], keys(), {})
            with pytest.raises(TransportError):
                ears.ends([register])
            return ears._link, ears._home

        first = asks()
        assert None not in first
        passed[0] = RENEW_SECONDS + 1
        assert asks() == (None, None)


@pytest.mark.campaign
def test_a_broker_that_restarts_is_away_and_then_heard_again(tmp_path: Path):
    with restartable_broker() as own:
        embassy = Embassy(tmp_path, own.bootstrap)
        embassy.says(2)
        with closing(KafkaEars(embassy.site)) as ears:
            assert offsets(heard(ears, embassy)) == {2}
            own.stop()
            with pytest.raises(TransportError):
                heard(ears, embassy)
            with pytest.raises(TransportError):
                ears.ends(embassy.registers)
            own.start()

            def hears(offset: int) -> bool:
                try:
                    found, ends = heard(ears, embassy), ears.ends(embassy.registers)
                except TransportError:
                    return False
                return len(found) == len(ends) == REGISTERS and {*offsets(found), *ends.values()} == {offset}

            # A broker that has just started does not know all of its topics: what is sent to it then is given up.
            wait_until(lambda: hears(2), seconds=60, what="the broker is heard again")
            embassy.says(3)
            wait_until(lambda: hears(5), seconds=60, what="what is new is heard")
