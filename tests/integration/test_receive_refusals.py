"""Every envelope that is not what home sent is refused by a class of its own; only its register stands still."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import lz4.frame
import pytest

from consumers.position import StandbyPosition
from consumers.supervise import RegisterReceiver
from data_embassy.envelope import HomeSealer, peek
from tests.support.receiving import Embassy, Link, new_embassy, new_link, receiving, wait_for
from tests.support.sealing import assemble, flip, make_sites
from tests.support.synthetic_register import insert, seal, seal_epoch


@pytest.fixture
def embassy(broker, postgres, tmp_path) -> Embassy:
    return new_embassy(broker, postgres, tmp_path)


def started(embassy: Embassy) -> Link:
    link = new_link(embassy)
    link.source.rows[1] = "one"
    link.source.snapshot()
    link.source.session()
    link.source.pulse()
    link.send()
    return link


def next_envelope(link: Link, *, sealer: HomeSealer | None = None) -> bytes:
    """A genuine envelope that continues the lane, not appended, of the epoch in use or of the sealer's own."""
    first = len(link.source.log)
    link.source.commit(insert(first, "never seen"))
    records = [(at, *link.source.log[at]) for at in range(first, len(link.source.log))]
    if sealer is None:
        return link.sealer.seal(records)
    link.append(seal_epoch(sealer, first, link.lane_end))
    return sealer.seal(records)


def tampered(link: Link) -> None:
    link.append(flip(next_envelope(link), -200))


def truncated(link: Link) -> None:
    link.append(next_envelope(link)[:-10])


def foreign_lane(link: Link) -> None:
    link.append(next_envelope(link, sealer=link.new_sealer(lane="0" * 16))[:])


def wrong_key(link: Link) -> None:
    stranger = make_sites("stranger")
    other = dataclasses.replace(stranger, home=dataclasses.replace(link.embassy.sites.home,
                                                                   recipients=stranger.home.recipients))  # fmt: skip
    link.append(next_envelope(link, sealer=link.new_sealer(sites=other)))


def unknown_signer(link: Link) -> None:
    link.append(next_envelope(link, sealer=link.new_sealer(sites=make_sites("stranger"))))


def reordered(link: Link) -> None:
    first, second = next_envelope(link), next_envelope(link)
    link.append(second, first)


def gapped(link: Link) -> None:
    next_envelope(link)
    link.append(next_envelope(link))


def oversized(link: Link) -> None:
    header = dataclasses.replace(peek(next_envelope(link)), plain_size=1 << 40)
    link.append(_forged(link, header, b"\0" * 64))


def bomb(link: Link) -> None:
    """Home's own keys, a body that states little and expands to more."""
    header = dataclasses.replace(peek(next_envelope(link)), plain_size=1 << 10)
    link.append(_forged(link, header, lz4.frame.compress(bytes(1 << 20))))


def _forged(link: Link, header: object, frame: bytes) -> bytes:
    assert link.sealer._epoch is not None
    return assemble(link.embassy.sites.home, link.sealer._epoch.key, header, frame)  # type: ignore[arg-type]


REFUSALS: list[tuple[Callable[[Link], None], str]] = [
    (tampered, "BadSignature"),
    (truncated, "Truncated"),
    (foreign_lane, "WrongLane"),
    (wrong_key, "NotARecipient"),
    (unknown_signer, "UnknownSigner"),
    (gapped, "Gapped"),
    (reordered, "Reordered"),
    (oversized, "Oversized"),
    (bomb, "Bomb"),
]


@pytest.mark.parametrize(("harm", "cause"), REFUSALS, ids=[harm.__name__ for harm, _ in REFUSALS])
def test_refused_envelope_stops_its_register_alone(embassy, harm, cause):
    harmed, healthy = started(embassy), started(embassy)
    with receiving(harmed, healthy) as (receiver, other):
        harmed.wait_equal()
        healthy.wait_equal()
        before = dict(harmed.rows())
        harm(harmed)
        wait_for(lambda: stop_causes(receiver) == [cause], what=cause)
        assert harmed.rows() == before
        healthy.source.commit(insert(2, "two"))
        healthy.source.pulse()
        healthy.send()
        healthy.wait_equal()
        wait_for(lambda: beat_of(other) == 2, what="the other register's pulse")
        assert lag_of(other) < 2
        stop = embassy.surroundings().stops.read(harmed.register.name)[0]
        assert stop.cause == cause
        assert stop.remedy
        assert not embassy.surroundings().stops.read(healthy.register.name)


def position_of(receiver: RegisterReceiver) -> StandbyPosition | None:
    return None if receiver.live is None else receiver.live.position


def beat_of(receiver: RegisterReceiver) -> int | None:
    position = position_of(receiver)
    return None if position is None else position.beat


def lag_of(receiver: RegisterReceiver) -> float:
    position = position_of(receiver)
    assert position is not None
    lag = receiver.figures().lag_seconds
    assert lag is not None
    return lag


def stop_causes(receiver: RegisterReceiver) -> list[str]:
    return [stop.cause for stop in receiver._around.stops.read(receiver.register.name)]


def test_replayed_envelopes_are_dropped_and_the_register_goes_on(embassy):
    link = started(embassy)
    envelopes = seal(
        link.new_sealer(), link.source.log, first=0, last=len(link.source.log), lane_end=link.lane_end, size=3
    )
    link.append(*envelopes, *envelopes[1:])
    link.source.commit(insert(2, "two"))
    link.send()
    with receiving(link) as (receiver,):
        link.wait_equal()
        wait_for(lambda: receiver.live is not None and receiver.live.position is not None)
        assert stop_causes(receiver) == []


def test_two_forwarders_that_overlap_are_harmless(embassy):
    link = started(embassy)
    first = link.sent
    for number in range(2, 30):
        link.source.commit(insert(number, "x"))
    log, end = link.source.log, len(link.source.log)
    mine, theirs = link.new_sealer(), link.new_sealer()
    link.append(seal_epoch(mine, first, link.lane_end))
    link.append(seal_epoch(theirs, first, link.lane_end))
    for at in range(first, end, 7):
        link.append(mine.seal([(i, *log[i]) for i in range(at, min(at + 7, end))]))
        start = max(first, at - 11)
        link.append(theirs.seal([(i, *log[i]) for i in range(start, min(start + 5, end))]))
    with receiving(link) as (receiver,):
        link.wait_equal()
        wait_for(lambda: receiver.live is not None and receiver.live.position is not None)
        assert stop_causes(receiver) == []


def test_removed_stop_file_makes_the_receiver_try_again(embassy):
    link = started(embassy)
    with receiving(link) as (receiver,):
        link.wait_equal()
        tampered(link)
        wait_for(lambda: stop_causes(receiver) == ["BadSignature"])
        stops = embassy.surroundings().stops
        written = stops.path(link.register.name).stat().st_mtime_ns
        stops.clear(link.register.name)
        wait_for(
            lambda: stops.exists(link.register.name) and stops.path(link.register.name).stat().st_mtime_ns != written
        )
        assert stop_causes(receiver) == ["BadSignature"]
