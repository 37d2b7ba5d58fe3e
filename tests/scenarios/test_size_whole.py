"""Large transactions and large values pass the whole system, and its processes stay small meanwhile."""

from __future__ import annotations

import pytest

from tests.support.odd_register import connect
from tests.support.scenario import ODD, Registers
from tests.support.sizes import IMAGE, LETTER, Use, assert_small, measured

ROWS = 60_000
"""More than the receiver holds of one transaction: it goes on in pieces."""
SCAN_BYTES, LETTER_BYTES = 30_000_000, 60_000_000


def do(registers: Registers, *statements: str) -> None:
    """Each statement in a transaction of its own, until the last one arrived."""
    with connect(registers.home_dsn(ODD)) as home:
        for statement in statements:
            home.execute(statement.encode())
    registers.wait_arrived()


def use(registers: Registers, *statements: str) -> dict[str, Use]:
    """What the processes used meanwhile."""
    found: dict[str, Use] = {}
    with measured(registers.system, found):
        do(registers, *statements)
    return found


def test_transactions_larger_than_memory_may_be(registers: Registers):
    numbers = f"generate_series(1, {ROWS}) g"
    used = use(
        registers,
        f"INSERT INTO ledger SELECT 1000000 + g, date '2026-01-01' + g % 300, g % 1000, md5(g::text) FROM {numbers}",
        "UPDATE ledger SET note = NULL WHERE id > 1000000",
    )
    assert_small(used)
    registers.assert_equal()
    assert_small(use(registers, "DELETE FROM ledger WHERE id > 1000000"))
    registers.assert_equal()


@pytest.mark.campaign
def test_values_as_large_as_may_be(registers: Registers):
    insert = 'INSERT INTO dossier_7d1f (id, "the scan 7d1f", letter) VALUES'
    scan, letter = IMAGE.format(salt="a", size=SCAN_BYTES), LETTER.format(salt="a", size=LETTER_BYTES)
    do(
        registers,
        f"{insert} (8001, {scan}, NULL)",
        f"{insert} (8002, NULL, {letter})",
        # Neither value is sent again.
        "UPDATE dossier_7d1f SET shown = shown + 1 WHERE id > 8000",
        "UPDATE dossier_7d1f SET id = id + 10 WHERE id = 8001",
    )
    registers.assert_equal()
    do(registers, "DELETE FROM dossier_7d1f WHERE id > 8000")
    registers.assert_equal()
