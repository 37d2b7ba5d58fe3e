"""Rows of the reference registers as COPY text."""

from datetime import date
from decimal import Decimal

from deploy.registers.loading import line


def test_line_spells_each_kind_of_value():
    assert line(7, Decimal("1.10"), date(2026, 1, 2), True, False, "õ") == "7\t1.10\t2026-01-02\tt\tf\tõ\n"


def test_null_and_the_text_of_null_are_two():
    assert line(None, r"\N", "") == "\\N\t\\\\N\t\n"


def test_what_would_end_a_value_or_a_line_is_escaped():
    assert line("a\tb\nc\rd\\e") == "a\\tb\\nc\\rd\\\\e\n"


def test_bytes_are_hexadecimal_with_an_escaped_beginning():
    assert line(b"\x00\xff") == "\\\\x00ff\n"
