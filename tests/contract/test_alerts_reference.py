"""docs/reference/alerts.md says what the rules say, and what their tests hold them to."""

from pathlib import Path

from tests.support.alerts_page import alerts_page

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "alerts.md"


def test_page_is_that_of_the_alerts():
    assert PAGE.read_text(encoding="utf-8") == alerts_page(), "make docs"
