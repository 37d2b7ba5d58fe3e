"""Fixtures shared by all tests: real services, started once per session and only when a test asks for them."""

from collections.abc import Iterator

import pytest

from tests.support.system import PlainPostgres, plain_broker, plain_postgres


@pytest.fixture(scope="session")
def broker() -> Iterator[str]:
    """Bootstrap address of a broker without authentication; use topics of your own."""
    with plain_broker() as bootstrap:
        yield bootstrap


@pytest.fixture(scope="session")
def postgres() -> Iterator[PlainPostgres]:
    """A PostgreSQL server; make a database of your own."""
    with plain_postgres() as server:
        yield server
