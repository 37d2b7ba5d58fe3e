"""A cut link on the whole system: the embassy's report says when the objective was missed, for how long, and where."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager

from data_embassy.config import write_atomically
from tests.support.reporting import report
from tests.support.scenario import POPULATION, Registers, wait_for

OBJECTIVE_SECONDS = 5
SECONDS = 60.0
HOUR = dt.timedelta(hours=1)


@contextmanager
def objective(registers: Registers) -> Iterator[None]:
    """The embassy's contract agrees on an objective while the body runs."""
    contract = registers.system.layout.site("embassy") / "registers" / f"{POPULATION}.toml"
    former = contract.read_text(encoding="utf-8")
    write_atomically(contract, f"{former}\n[objectives]\nrpo_seconds = {OBJECTIVE_SECONDS}\n")
    try:
        yield
    finally:
        write_atomically(contract, former)


def is_met(registers: Registers) -> bool:
    """The last seconds were all within the objective: the receiver has taken the contract up."""
    code, found = report(registers, now() - dt.timedelta(seconds=12))
    seconds = found["seconds"]
    return code == 0 and seconds is not None and seconds["met"] == seconds["total"] > 0


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def test_a_cut_link_is_an_outage_with_its_bounds_and_its_hop(registers):
    registers.wait_level(POPULATION)
    with objective(registers):
        wait_for(lambda: is_met(registers), lambda: f"{report(registers, now() - HOUR)}", seconds=SECONDS)
        since = now()
        registers.system.link.cut()
        cut = now()
        try:
            wait_for(lambda: report(registers, since)[1]["outages"], "no outage", seconds=SECONDS)
            wait_for(lambda: (registers.lag(POPULATION) or 0) > 2 * OBJECTIVE_SECONDS, "a lag", seconds=SECONDS)
            (lasting,) = report(registers, since)[1]["outages"]
            assert lasting["to"] is None
        finally:
            mended = now()
            registers.system.link.mend()
        wait_for(lambda: report(registers, since)[1]["outages"][0]["to"], "it ends", seconds=SECONDS)
        level = now()
        code, found = report(registers, since)
    outage = max(found["outages"], key=lambda one: float(one["seconds"]))
    begin, end = (dt.datetime.fromisoformat(outage[name]) for name in ("from", "to"))
    # No pulse came through that was beaten after the cut.
    assert since <= begin <= cut + dt.timedelta(seconds=OBJECTIVE_SECONDS + 1), (since, cut, outage)
    assert mended <= end <= level, (mended, outage)
    assert (outage["hop"], outage["cause"]) == ("link", None), outage
    assert "the link was slow or cut" in outage["why"]
    assert (code, found["is_objective_met"]) == (1, False)
    assert abs(found["seconds"]["missed"] - sum(one["seconds"] for one in found["outages"])) < 3, found
    assert found["seconds"]["unknown"] == 0, found
    assert found["worst"]["lag_seconds"] > 2 * OBJECTIVE_SECONDS - 1
    assert begin <= dt.datetime.fromisoformat(found["worst"]["at"]) <= end
