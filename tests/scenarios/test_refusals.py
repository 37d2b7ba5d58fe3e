"""Hostile envelopes on one register's lane, on the whole system: refused, each by its class; the other goes on."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable

import psycopg

from tests.support.hostile import Hostile, Record
from tests.support.scenario import ODD, POPULATION, Registers, wait_for

STILL_SECONDS = 1.0
LAG_SECONDS_MAX = 2.0


class Attack:
    """One register is attacked, the other is watched."""

    def __init__(self, registers: Registers) -> None:
        self.registers = registers
        self.hostile = Hostile(registers.system.layout, ODD)

    def expect(self, harm: Callable[[], object], cause: str, reason: str) -> None:
        """A refusal of this class: the register stands still, its standby does not move, the other goes on."""
        registers = self.registers
        registers.wait_level(ODD)
        refused = self._refused(reason)
        harm()
        wait_for(lambda: registers.status()[ODD].cause == cause, lambda: f"{cause}: {registers.status()[ODD]}")
        assert self._refused(reason) == refused + 1
        assert registers.metric("receive", "embassy_stopped", register=ODD, cause=cause) == 1
        status = json.loads(registers.command("embassy", "status", "--json"))
        assert {one["register"]: one["cause"] for one in status["registers"]} == {ODD: cause, POPULATION: None}
        self._stands_still_alone()

    def heal(self) -> None:
        """The remedy that the status names, and nothing else."""
        registers = self.registers
        before = registers.status()[ODD]
        assert before.remedy
        registers.command("home", "register", "snapshot", ODD)
        wait_for(lambda: registers.status()[ODD].generation != before.generation, lambda: f"healed: {before}")
        wait_for(lambda: registers.stops() == {}, lambda: str(registers.stops()))

    def _refused(self, reason: str) -> float:
        return self.registers.metric("receive", "embassy_envelopes_refused_total", register=ODD, reason=reason) or 0.0

    def _stands_still_alone(self) -> None:
        registers = self.registers
        before, other = self._position(ODD), self._position(POPULATION)
        until = time.monotonic() + STILL_SECONDS
        wait_for(lambda: time.monotonic() > until and self._position(POPULATION) > other, "the other register goes on")
        registers.wait_level(POPULATION, lag=LAG_SECONDS_MAX)
        assert self._position(ODD) == before

    def _position(self, name: str) -> int:
        query = "SELECT transactions FROM embassy_local.position"
        with psycopg.connect(self.registers.standby_dsn(name)) as connection:
            row = connection.execute(query).fetchone()
        assert row is not None
        return int(row[0])


def test_each_hostile_envelope_has_its_refusal_and_the_other_register_goes_on(registers: Registers):
    attack = Attack(registers)
    hostile = attack.hostile
    system = registers.system

    repeated = registers.metric("receive", "embassy_records_repeated_total", register=ODD) or 0.0
    hostile.append(*hostile.last_envelopes(5))
    wait_for(lambda: (registers.metric("receive", "embassy_records_repeated_total", register=ODD) or 0.0) > repeated,
             "replayed records are counted")  # fmt: skip
    registers.wait_level()
    assert registers.stops() == {}

    def foreign() -> None:
        hostile.append(*Hostile(system.layout, POPULATION).last_envelopes(1))

    def gapped() -> None:
        """While home's forwarder is away, what it did not send yet, without its beginning."""
        _, later = withheld()
        hostile.append(*hostile.seal(later))

    def reordered() -> None:
        hostile.append(*reversed(hostile.seal(*withheld())))

    def withheld() -> tuple[list[Record], list[Record]]:
        system.stop("forward")
        first = hostile.next_offset()
        wait_for(lambda: len(hostile.home_records(first=first)) >= 10, "home goes on")
        records = hostile.home_records(first=first)
        return records[:5], records[5:]

    def then_forward(harm: Callable[[], None]) -> Callable[[], None]:
        def both() -> None:
            harm()
            wait_for(lambda: ODD in registers.stops(), "the stop")
            system.start("forward")

        return both

    attacks: list[tuple[Callable[[], object], str, str]] = [
        (lambda: hostile.append(*hostile.tampered()), "BadSignature", "bad_signature"),
        (foreign, "WrongLane", "wrong_lane"),
        (lambda: hostile.append(*hostile.bomb()), "Bomb", "bomb"),
        (then_forward(gapped), "Gapped", "gapped"),
        (then_forward(reordered), "Reordered", "reordered"),
    ]
    if os.environ.get("EMBASSY_CAMPAIGN"):  # Elsewhere each class on a real broker is enough, test_receive_refusals.py.
        attacks += [
            (lambda: hostile.append(*hostile.truncated()), "Truncated", "truncated"),
            (lambda: hostile.append(*hostile.wrong_key()), "UnknownSigner", "unknown_signer"),
            (lambda: hostile.append(*hostile.oversized()), "Oversized", "oversized"),
        ]
    for harm, cause, reason in attacks:
        attack.expect(harm, cause, reason)
        attack.heal()
    registers.assert_equal()
