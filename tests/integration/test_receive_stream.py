"""The receiver against a real broker and a real server: loads, applies, stops, goes on."""

from __future__ import annotations

import pytest

from tests.support.receiving import Embassy, Link, new_embassy, new_link, receiving
from tests.support.synthetic_register import delete, insert, update


@pytest.fixture
def embassy(broker, postgres, tmp_path) -> Embassy:
    return new_embassy(broker, postgres, tmp_path)


@pytest.fixture
def link(embassy) -> Link:
    link = new_link(embassy)
    source = link.source
    source.rows |= {1: "one", 2: None}
    source.snapshot()
    source.session()
    return link


def test_snapshot_and_changes_arrive(link):
    link.source.commit(insert(3, "three"), update(1, "uno"))
    link.source.pulse()
    link.source.commit(delete(2))
    link.send()
    with receiving(link):
        link.wait_equal()
        link.source.commit(insert(4, ""))
        link.send()
        link.wait_equal()
