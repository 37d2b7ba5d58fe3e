"""A key is what PostgreSQL holds to be equal, however the stream writes it."""

from collections.abc import Iterator

import pytest

from consumers.apply import Frame
from tests.support.register_pair import RegisterPair, Relation, register_pair, rows_as_text
from tests.support.system import PlainPostgres

SPELLINGS = {
    "numeric": ("1.0", "1.00", "1"),
    "citext": ("Anna", "ANNA", "anna"),
    "char(4)": ("a", "a  ", "a   "),
    "interval": ("1 day", "24:00:00", "1 day"),
    "float8": ("0", "-0", "0"),
}


@pytest.fixture
def pair(postgres: PlainPostgres) -> Iterator[RegisterPair]:
    with register_pair(postgres.dsn, "CREATE EXTENSION citext") as made:
        yield made


@pytest.mark.parametrize("limit", [0, 10**9])
@pytest.mark.parametrize("type_name", SPELLINGS)
def test_one_key_in_three_spellings(pair: RegisterPair, type_name: str, limit: int) -> None:
    relation = _make_table(pair, type_name)
    first, second, third = SPELLINGS[type_name]
    _apply(pair, limit, [relation.encode("c", 1, 7, None, [first, "a"])])
    changes = [
        relation.encode("u", 1, 8, None, [second, "b"]),
        relation.encode("d", 2, 8, [third, None], None),
        relation.encode("c", 3, 8, None, [second, "c"]),
        relation.encode("u", 4, 8, None, [first, "last"]),
    ]
    _apply(pair, limit, changes)
    assert [row.endswith(",last)") for row in rows_as_text(pair.standby, "public", "k")] == [True]


def _make_table(pair: RegisterPair, type_name: str) -> Relation:
    ddl = f"CREATE TABLE public.k (k {'public.' * (type_name == 'citext')}{type_name} PRIMARY KEY, v text)"
    for connection in (pair.register, pair.standby):
        connection.execute(ddl)
        connection.commit()
    return pair.watch_table("public", "k")


def _apply(pair: RegisterPair, limit: int, values: list[bytes]) -> None:
    with pair.applying(row_path_count_max=limit) as standby:
        frame = Frame(
            transaction=7 if len(values) == 1 else 8, commit_lsn=1, event_count=len(values), first=0, last=len(values)
        )
        standby.applier.apply(standby.decoder.decode(values, [frame]))
        standby.connection.commit()
