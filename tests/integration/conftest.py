"""What several of these tests begin with."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from consumers.control import Control
from tests.support.receiving import Embassy, new_embassy
from tests.support.system import PlainPostgres


@pytest.fixture
def embassy(postgres: PlainPostgres, tmp_path: Path) -> Embassy:
    """An embassy with a control database of its own, and no broker."""
    return new_embassy("127.0.0.1:1", postgres, tmp_path)


@pytest.fixture
def control(embassy: Embassy) -> Iterator[Control]:
    """Its control database."""
    with closing(Control.open(embassy.postgres, role="test")) as opened:
        yield opened
