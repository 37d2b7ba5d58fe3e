"""A cut link on the whole system: the embassy's report says when the objective was missed, for how long, and where."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from data_embassy.config import write_atomically
from tests.support.reporting import report
from tests.support.scenario import POPULATION, Registers, wait_for

OBJECTIVE_SECONDS = 5
SECONDS = 60.0


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


def wait_known(registers: Registers, since: dt.datetime, *, seconds: float, known: float) -> dict[str, Any]:
    """Wait until so much of the time since then is known."""

    def is_known() -> bool:
        totals = report(registers, since)[1]["seconds"]
        return totals is not None and totals["total"] - totals["unknown"] >= known

    wait_for(is_known, lambda: f"{report(registers, since)}", seconds=seconds)
    return report(registers, since)[1]


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def test_a_cut_link_is_an_outage_with_its_bounds_and_its_hop(registers):
    registers.wait_level(POPULATION)
    with objective(registers):
        # The receiver takes the contract up, and has seen the standby level under it.
        since = now() + dt.timedelta(seconds=5)
        wait_for(lambda: now() > since, "the contract is old", seconds=SECONDS)
        wait_known(registers, since, seconds=SECONDS, known=4)
        code, before = report(registers, since)
        assert (code, before["is_objective_met"], before["outages"]) == (0, True, [])

        cut = now()
        registers.system.link.cut()
        try:
            wait_for(lambda: report(registers, since)[1]["outages"], "no outage", seconds=SECONDS)
            wait_for(lambda: (registers.lag(POPULATION) or 0) > 3 * OBJECTIVE_SECONDS, "a lag", seconds=SECONDS)
            (lasting,) = report(registers, since)[1]["outages"]
            assert lasting["to"] is None
        finally:
            mended = now()
            registers.system.link.mend()
        wait_for(lambda: report(registers, since)[1]["outages"][0]["to"], "it ends", seconds=SECONDS)
        level = now()
        code, found = report(registers, since)
    (outage,) = found["outages"]
    begin, end = (dt.datetime.fromisoformat(outage[name]) for name in ("from", "to"))
    # The newest pulse that came through was beaten at most two seconds before the cut.
    earliest = cut + dt.timedelta(seconds=OBJECTIVE_SECONDS - 2)
    assert earliest <= begin <= earliest + dt.timedelta(seconds=4), (cut, outage)
    assert mended <= end <= level, (mended, outage)
    assert (outage["hop"], outage["cause"]) == ("link", None), outage
    assert "the link was slow or cut" in outage["why"]
    assert (code, found["is_objective_met"]) == (1, False)
    assert abs(found["seconds"]["missed"] - outage["seconds"]) < 3, found
    assert found["seconds"]["unknown"] == 0, found
    assert found["worst"]["lag_seconds"] > 3 * OBJECTIVE_SECONDS - 1
    assert begin <= dt.datetime.fromisoformat(found["worst"]["at"]) <= end
