"""What a hostile hand with the embassy's credential can put on a lane; the worst needs home's keys as well."""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

import lz4.frame
from confluent_kafka import Consumer, Producer, TopicPartition

from data_embassy.config import Broker, Register, Site, load_site
from data_embassy.envelope import Header, HomeSealer, Kind, cipher, peek
from data_embassy.envelope.limits import ENVELOPE_BYTES_MAX
from data_embassy.kafka import client_settings
from data_embassy.keys import load_home_keys
from deploy.local.layout import Layout
from tests.support.sealing import Stream, assemble, flip, make_sites

_POLL_SECONDS_MAX = 30.0
Record = tuple[int, bytes, bytes]


@dataclass
class Hostile:
    """Reads and appends to one register's lane."""

    layout: Layout
    name: str

    @property
    def embassy(self) -> Site:
        return load_site(self.layout.site("embassy"))

    @property
    def register(self) -> Register:
        return load_site(self.layout.site("home")).register(self.name)

    def append(self, *envelopes: bytes) -> list[int]:
        """Append to the lane; their lane offsets."""
        offsets: list[int] = []
        settings = client_settings(self.embassy.kafka) | {"enable.idempotence": True, "message.max.bytes": 90 << 20}
        producer = Producer(settings)
        for envelope in envelopes:
            producer.produce(
                self.register.lane_topic, envelope, partition=0,
                on_delivery=lambda error, message: offsets.append((message.offset() or 0) if error is None else -1),
            )  # fmt: skip
        assert producer.flush(_POLL_SECONDS_MAX) == 0
        assert min(offsets) >= 0
        return offsets

    def last_envelopes(self, count: int) -> list[bytes]:
        """The last genuine-looking envelopes of records on the lane."""
        messages = read_tail(self.embassy.kafka, self.register.lane_topic, 4 * count)
        return [value for _, _, value in messages if peek(value).kind is Kind.RECORDS][-count:]

    def home_records(self, *, first: int) -> list[Record]:
        """The home topic from an offset on."""
        return read_tail(load_site(self.layout.site("home")).kafka, self.register.changes_topic, None, first=first)

    # -- envelopes ---------------------------------------------------------------------------------------------------

    def tampered(self) -> list[bytes]:
        return [flip(self.last_envelopes(1)[0], -200)]

    def truncated(self) -> list[bytes]:
        return [self.last_envelopes(1)[0][:-10]]

    def oversized(self) -> list[bytes]:
        """The stated length of the body is beyond what any envelope may have."""
        genuine = self.last_envelopes(1)[0]
        return [genuine[:10] + struct.pack(">I", ENVELOPE_BYTES_MAX + 1) + genuine[14:]]

    def wrong_key(self) -> list[bytes]:
        """Sealed by somebody else's home, with its own keys."""
        sealer = HomeSealer(lane=self.register.lane, keys=make_sites("stranger").home, incarnation=1)
        return [sealer.begin_epoch(next_offset=self.next_offset(), schemas=[], generation=None)]

    def bomb(self) -> list[bytes]:
        """Home's own keys; the body states little and would expand to much."""
        keys, header = load_home_keys(self.layout.site("home") / "keys"), self.last_header()
        sealer = HomeSealer(
            lane=self.register.lane, keys=keys, incarnation=header.incarnation, random=Stream("hostile"),
        )  # fmt: skip
        first = header.last_offset + 1
        (at,) = self.append(sealer.begin_epoch(next_offset=first, schemas=[], generation=None))
        sealer.epoch_acknowledged(at)
        honest = sealer.seal([(first + n, k, v) for n, (_, k, v) in enumerate(self.home_records(first=0)[:50])])
        own = cipher.derive(Stream("hostile")(cipher.DATA_KEY_BYTES), lane=self.register.lane, epoch=peek(honest).epoch)
        lying = dataclasses.replace(peek(honest), plain_size=1 << 10)
        return [assemble(keys, own, lying, lz4.frame.compress(bytes(8 << 20)))]

    def seal(self, *ranges: Sequence[Record]) -> list[bytes]:
        """Genuine records in genuine envelopes of home, the epoch already appended."""
        keys, header = load_home_keys(self.layout.site("home") / "keys"), self.last_header()
        sealer = HomeSealer(lane=self.register.lane, keys=keys, incarnation=header.incarnation)
        (at,) = self.append(sealer.begin_epoch(next_offset=ranges[0][0][0], schemas=[], generation=None))
        sealer.epoch_acknowledged(at)
        return [sealer.seal(records) for records in ranges]

    def last_header(self) -> Header:
        """Of the last envelope of records."""
        return peek(self.last_envelopes(1)[0])

    def next_offset(self) -> int:
        """The home offset behind the lane's last envelope."""
        return self.last_header().last_offset + 1


def read_tail(broker: Broker, topic: str, count: int | None, *, first: int = 0) -> list[Record]:
    """The last messages of a topic's only partition, or all from an offset on."""
    settings = client_settings(broker) | {
        "group.id": "hostile", "enable.auto.commit": False, "isolation.level": "read_uncommitted",
        "fetch.message.max.bytes": 90 << 20, "receive.message.max.bytes": 200 << 20,
    }  # fmt: skip
    with closing(Consumer(settings)) as consumer:
        low, end = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=_POLL_SECONDS_MAX)
        start = max(low, first if count is None else end - count)
        consumer.assign([TopicPartition(topic, 0, start)])
        found: list[Record] = []
        while start + len(found) < end:
            message = consumer.poll(_POLL_SECONDS_MAX)
            assert message is not None, "the topic ends early"
            assert message.error() is None, message.error()
            found.append((message.offset() or 0, message.key() or b"", message.value() or b""))
        return found
