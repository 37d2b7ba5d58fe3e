"""Two registers become warm standbys while people work in them, and equal them; a difference would be seen."""

from __future__ import annotations

import psycopg
import pytest

from deploy.registers.catalogue import REGISTERS
from tests.support.odd_register import ACTIONS
from tests.support.odd_register import connect as connect_odd
from tests.support.scenario import ODD, POPULATION, Registers, wait_for

METRICS = {
    "receive": (
        "embassy_lag_seconds",
        "embassy_pulse_age_seconds",
        "embassy_applied_commit_lsn",
        "embassy_applied_home_offset",
        "embassy_applied_lane_offset",
        "embassy_backlog_envelopes",
        "embassy_apply_changes_total",
        "embassy_apply_transactions_total",
        "embassy_generation",
    ),
    "pulse": ("embassy_pulse_beats_total", "embassy_pulse_beat_timestamp_seconds"),
    "forward": (
        "embassy_forward_records_total",
        "embassy_forward_envelopes_total",
        "embassy_forward_sealed_bytes_total",
        "embassy_forward_home_offset",
        "embassy_forward_backlog_records",
        "embassy_forward_epochs_total",
        "embassy_forward_incarnation",
        "embassy_receipt_lag_seconds",
        "embassy_receipt_home_offset",
    ),
}


def test_standbys_equal_their_registers_and_a_planted_difference_is_seen(registers):
    with registers.writers() as writers:
        for _ in range(3):
            writers.wait_done(60)
            # Between two commits of the standby everything fits, as it does in the register at every moment.
            with psycopg.connect(registers.standby_dsn(POPULATION)) as standby:
                assert REGISTERS[POPULATION].violations(standby) == {}
        wait_for(lambda: writers.odd.done.keys() == {action.__name__ for action in ACTIONS}, "every kind of work")
    assert writers.people.counters().rows > 0
    registers.assert_equal()

    change = "UPDATE dossier_7d1f SET shown = shown + %s WHERE id = (SELECT min(id) FROM dossier_7d1f)"
    with connect_odd(registers.standby_dsn(ODD)) as standby:
        standby.execute("SET session_replication_role = replica")
        standby.execute("SET default_transaction_read_only = off")  # Nobody else writes there.
        standby.execute(change, (1,))
        try:
            found = registers.compare(ODD)
        finally:
            standby.execute(change, (-1,))
    assert len(found.differences) == 1
    assert "dossier_7d1f: 1 rows only in the register, 1 only in the standby" in found.differences[0]
    registers.assert_equal()


@pytest.mark.parametrize("name", [POPULATION, ODD])
def test_metrics_say_how_it_stands(registers: Registers, name):
    registers.wait_level(name)
    for role, metrics in METRICS.items():
        for metric in metrics:
            # Those of a process that has just started come with its first work.
            wait_for(lambda: registers.metric(role, metric, register=name) is not None, metric)  # noqa: B023
    wait_for(lambda: 0 <= (registers.metric("receive", "embassy_lag_seconds", register=name) or -1) < 5, "lag")
    before = registers.metric("receive", "embassy_applied_commit_lsn", register=name)
    assert before is not None
    wait_for(lambda: (registers.metric("receive", "embassy_applied_commit_lsn", register=name) or 0) > before, "moves")
    offset = registers.metric("receive", "embassy_applied_home_offset", register=name)
    assert offset is not None
    wait_for(lambda: (registers.metric("forward", "embassy_receipt_home_offset", register=name) or 0) >= offset,
             "home hears of it by receipt")  # fmt: skip
    assert registers.metric("receive", "embassy_generation", register=name) == registers.status()[name].generation
    assert not registers.metric("receive", "embassy_stopped", register=name)
