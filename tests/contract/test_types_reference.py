"""docs/reference/types.md says what the type matrix tries."""

from pathlib import Path

from tests.support.types_page import page

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "types.md"


def test_page_is_what_the_matrix_says():
    assert PAGE.read_text(encoding="utf-8") == page(), "run: make docs"
