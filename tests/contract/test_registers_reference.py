"""docs/reference/registers.md says what the reference registers are."""

from pathlib import Path

from tests.support.registers_page import page

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "registers.md"


def test_page_is_that_of_the_registers():
    assert PAGE.read_text(encoding="utf-8") == page(), "make docs"
