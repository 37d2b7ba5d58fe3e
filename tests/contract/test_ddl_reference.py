"""docs/reference/ddl.md says what the cases try."""

from pathlib import Path

from tests.support.ddl_page import page

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "ddl.md"


def test_page_is_what_the_cases_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: make docs"
