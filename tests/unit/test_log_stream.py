"""A line goes to standard error as it stands when it is written."""

import io
import sys
from collections.abc import Iterator

import pytest
import structlog

from data_embassy import log


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def test_a_line_follows_standard_error_when_the_first_stream_is_closed(monkeypatch: pytest.MonkeyPatch):
    first, second = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", first)
    log.configure()
    logger = log.get("stream")
    logger.info("told_first")
    assert "told_first" in first.getvalue()
    first.close()
    monkeypatch.setattr(sys, "stderr", second)
    logger.warning("told_second", count=2)
    assert "event='told_second'" in second.getvalue()
    assert "component='stream'" in second.getvalue()
