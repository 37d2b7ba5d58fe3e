"""The sites' clocks compared: bounds from both directions, clocks set an hour wrong, clocks set while it runs."""

import pytest

from data_embassy.clock import (
    Comparison,
    Offset,
    Travel,
    decode_header,
    encode_header,
    offset_between,
    settle,
)

HOUR = 3600.0


class Clocks:
    """True time, and what each site's clock makes of it."""

    def __init__(self, embassy_ahead: float) -> None:
        self.true, self.ahead, self.home_ahead = 1_700_000_000.0, embassy_ahead, 0.0

    def embassy(self) -> float:
        return self.true + self.ahead

    def home(self) -> float:
        return self.true + self.home_ahead

    def monotonic(self) -> float:
        return self.true


class Exchange:
    """Messages there and receipts back, as the receiver and the forwarder take them."""

    def __init__(self, clocks: Clocks) -> None:
        self.clocks = clocks
        self.comparison = Comparison()
        self.comparison.up = Travel(clock=clocks.embassy, monotonic=clocks.monotonic)
        self.down = Travel(clock=clocks.home, monotonic=clocks.monotonic)

    def both_ways(self, *, there: float, back: float) -> None:
        sent = self.clocks.home()
        header = None if self.down.seconds is None else encode_header(self.down.seconds)
        self.clocks.true += there
        self.comparison.hear(sent, decode_header(header))
        signed = self.clocks.embassy()
        self.clocks.true += back
        self.down.observe(signed)
        settle(offset_between(self.comparison.up.seconds, self.down.seconds), self.down)
        self.clocks.true += 0.5

    def at_home(self) -> Offset:
        offset = offset_between(self.comparison.up.seconds, self.down.seconds)
        assert offset is not None
        return offset


def exchanged(ahead: float, *ways: tuple[float, float]) -> Exchange:
    exchange = Exchange(Clocks(ahead))
    for there, back in (*ways, ways[-1]):
        exchange.both_ways(there=there, back=back)
    return exchange


@pytest.mark.parametrize("ahead", [0.0, 0.4, -0.4, HOUR, -HOUR])
def test_both_sites_measure_the_difference_within_its_bounds(ahead):
    exchange = exchanged(ahead, (0.9, 2.0), (0.02, 0.03), (0.5, 0.4))
    for offset in (exchange.at_home(), exchange.comparison.offset):
        assert offset is not None
        assert abs(offset.seconds - ahead) <= offset.uncertainty + 1e-5
        assert offset.uncertainty < 0.03
        assert offset.is_small is (abs(ahead) < 1)
    assert exchange.comparison.is_small is (abs(ahead) < 1)


def test_a_slow_link_makes_nothing_look_wrong():
    offset = exchanged(0.0, (6.0, 6.0)).at_home()
    assert offset.is_small is None
    assert exchanged(HOUR, (6.0, 6.0)).at_home().is_small is False


@pytest.mark.parametrize("step", [HOUR, -HOUR])
@pytest.mark.parametrize("who", ["ahead", "home_ahead"])
def test_a_clock_that_is_set_while_it_runs_is_seen_with_the_next_messages(who, step):
    exchange = exchanged(0.0, (0.02, 0.03))
    assert exchange.comparison.is_small is True
    setattr(exchange.clocks, who, step)
    exchange.both_ways(there=0.02, back=0.03)
    exchange.both_ways(there=0.02, back=0.03)
    assert exchange.at_home().is_small is False
    assert exchange.comparison.is_small is False


def test_a_clock_that_was_set_right_again_is_trusted_within_two_minutes():
    exchange = exchanged(HOUR, (0.02, 0.03))
    exchange.clocks.ahead = 0.0
    for _ in range(240):
        exchange.both_ways(there=0.02, back=0.03)
    assert exchange.comparison.is_small is True


@pytest.mark.parametrize("step", [HOUR, -HOUR])
@pytest.mark.parametrize("who", ["ahead", "home_ahead"])
def test_a_clock_that_was_set_is_not_taken_for_half_of_it(who, step):
    """A site whose clock seems to be half an hour off makes the other look silent for half an hour."""
    exchange = exchanged(0.0, (0.02, 0.03))
    for now in (step, 0.0):
        setattr(exchange.clocks, who, now)
        exchange.both_ways(there=0.02, back=0.03)
        exchange.both_ways(there=0.02, back=0.03)
        difference = now if who == "ahead" else -now
        for offset in (exchange.at_home(), exchange.comparison.offset):
            assert offset is not None
            assert abs(offset.seconds - difference) < 0.1
            assert offset.is_small is (now == 0)


def test_one_direction_alone_shows_an_embassy_that_is_behind():
    clocks = Clocks(-HOUR)
    comparison = Comparison()
    comparison.up = Travel(clock=clocks.embassy, monotonic=clocks.monotonic)
    assert comparison.is_small is None
    comparison.up.observe(clocks.home())
    assert comparison.is_small is False


def test_a_cut_link_forgets_nothing():
    exchange = exchanged(0.0, (0.02, 0.03))
    exchange.clocks.true += 24 * HOUR
    assert exchange.comparison.is_small is True


@pytest.mark.parametrize("value", [None, b"", b"1234567", b"123456789"])
def test_what_is_no_header_says_nothing(value):
    assert decode_header(value) is None


def test_a_header_comes_back():
    assert decode_header(encode_header(-3600.25)) == -3600.25
    assert len(encode_header(1.0)) == 8
