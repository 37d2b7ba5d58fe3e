"""Random transactions, cut into random groups and pieces and applied by either path, leave an equal standby."""

import random
from collections.abc import Callable

import psycopg
import pytest

from tests.support.register_pair import RegisterPair, Transaction, register_pair
from tests.support.system import PlainPostgres

TABLES = (
    "CREATE TABLE person (id int PRIMARY KEY, code text UNIQUE, doc text, amount numeric, v int)",
    "CREATE UNIQUE INDEX ON person (lower(doc)) WHERE v = 3",
    "CREATE TABLE price (k numeric, part char(4), doc text, other text, PRIMARY KEY (part, k))",
    "CREATE TABLE log (a int, b text)",
    "ALTER TABLE log REPLICA IDENTITY FULL",
    "CREATE TABLE whole (id int PRIMARY KEY, doc text, n int GENERATED ALWAYS AS IDENTITY)",
    "ALTER TABLE whole REPLICA IDENTITY FULL",
    "CREATE TABLE place (id int PRIMARY KEY, at int UNIQUE DEFERRABLE INITIALLY DEFERRED, doc text)",
    "CREATE TABLE part (id int, side int, doc text, PRIMARY KEY (id, side)) PARTITION BY LIST (side)",
    "CREATE TABLE part_0 PARTITION OF part FOR VALUES IN (0)",
    "CREATE TABLE part_1 PARTITION OF part FOR VALUES IN (1)",
)
TRANSACTIONS = 150


class Chance:
    """Random statements; those that the register refuses simply did not happen."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.kinds: list[Callable[[], str]] = [
            self.person, self.person, self.price, self.log, self.whole, self.place, self.part, self.rare
        ]  # fmt: skip

    def key(self) -> int:
        return self.rng.randrange(1, 25)

    def text(self) -> str:
        return self.rng.choice(["NULL", "''", f"'t{self.key()}'", f"repeat('{self.key()}', 300)", "E'\\n\"'"])

    def number(self) -> str:
        return self.rng.choice(["1", "1.0", "1.00", "2", "2.50", "2.5", "'NaN'"])

    def person(self) -> str:
        a, b = self.key(), self.key()
        return self.rng.choice(
            [
                f"INSERT INTO person VALUES ({a}, 'c{b}', {self.text()}, {self.number()}, {b % 4})",
                f"UPDATE person SET v = {b % 4} WHERE id = {a}",
                f"UPDATE person SET code = 'c{b}' WHERE id = {a}",
                f"UPDATE person SET code = NULL WHERE id = {a}",
                f"UPDATE person SET doc = {self.text()}, v = 1 WHERE id BETWEEN {a} AND {a + 3}",
                f"UPDATE person SET id = {b} WHERE id = {a}",
                f"UPDATE person SET id = {b}, v = 2 WHERE id = {a}",
                f"DELETE FROM person WHERE id = {a}",
            ]
        )

    def price(self) -> str:
        part = self.rng.choice(["'a'", "'b '", "'b'"])
        return self.rng.choice(
            [
                f"INSERT INTO price VALUES ({self.number()}, {part}, {self.text()}, {self.text()})",
                f"UPDATE price SET k = {self.number()} WHERE k = {self.number()} AND part = {part}",
                f"UPDATE price SET doc = {self.text()} WHERE k = {self.number()}",
                f"UPDATE price SET other = {self.text()}, part = {part} WHERE k = {self.number()}",
                f"DELETE FROM price WHERE k = {self.number()} AND part = {part}",
            ]
        )

    def log(self) -> str:
        where = f"ctid IN (SELECT ctid FROM log WHERE a = {self.key() % 4} LIMIT {self.rng.randrange(1, 4)})"
        return self.rng.choice(
            [
                f"INSERT INTO log SELECT {self.key() % 4}, {self.text()} FROM generate_series(1, {self.key() % 4})",
                f"UPDATE log SET b = {self.text()} WHERE {where}",
                f"UPDATE log SET a = {self.key() % 4} WHERE {where}",
                f"DELETE FROM log WHERE {where}",
            ]
        )

    def whole(self) -> str:
        a, b = self.key(), self.key()
        return self.rng.choice(
            [
                f"INSERT INTO whole (id, doc) VALUES ({a}, {self.text()})",
                f"UPDATE whole SET doc = {self.text()} WHERE id < {a}",
                f"UPDATE whole SET n = DEFAULT WHERE id = {a}",
                f"UPDATE whole SET id = {b} WHERE id = {a}",
                f"DELETE FROM whole WHERE id = {a}",
            ]
        )

    def place(self) -> str:
        a, b = self.key(), self.key()
        return self.rng.choice(
            [
                f"INSERT INTO place VALUES ({a}, {b}, {self.text()})",
                f"UPDATE place SET at = {a} + {b} - at WHERE at IN ({a}, {b})",
                f"UPDATE place SET at = at + 1 WHERE at > {a}",
                f"UPDATE place SET id = {b} WHERE id = {a}",
                f"UPDATE place SET doc = {self.text()} WHERE id = {a}",
                f"DELETE FROM place WHERE id = {a}",
            ]
        )

    def part(self) -> str:
        a, b = self.key(), self.key()
        return self.rng.choice(
            [
                f"INSERT INTO part VALUES ({a}, {b % 2}, {self.text()})",
                f"UPDATE part SET side = 1 - side WHERE id = {a}",
                f"UPDATE part SET id = {b} WHERE id = {a}",
                f"UPDATE part SET doc = {self.text()} WHERE id = {a}",
                f"DELETE FROM part WHERE id = {a}",
            ]
        )

    def rare(self) -> str:
        return self.rng.choice(
            [
                *["SELECT 1"] * 20,
                "TRUNCATE log",
                "TRUNCATE person, place",
                "TRUNCATE part",
                "DELETE FROM person",
                "UPDATE person SET id = id + 100",
                "UPDATE person SET id = id - 100 WHERE id > 100",
                "UPDATE place SET at = 100 - at",
            ]
        )

    def happen(self, pair: RegisterPair) -> None:
        """One transaction, if the register lets it be."""
        for _ in range(self.rng.choice([1, 1, 2, 5, 12])):
            statement = self.rng.choice(self.kinds)()
            try:
                with pair.register.transaction():
                    pair.register.execute(statement)
            except psycopg.IntegrityError:
                pass
        try:
            pair.register.commit()
        except psycopg.IntegrityError:
            pair.register.rollback()


@pytest.mark.parametrize("seed", range(6))
def test_random_history_leaves_equal_standby(postgres: PlainPostgres, seed: int) -> None:
    rng = random.Random(seed)
    with register_pair(postgres.dsn, *TABLES) as pair:
        play(pair, rng)
        pair.assert_equal()


def play(pair: RegisterPair, rng: random.Random) -> None:
    chance = Chance(rng)
    for _ in range(TRANSACTIONS):
        chance.happen(pair)
    history = pair.transactions()
    with pair.applying(row_path_count_max=rng.choice([0, 3, 10, 10**9])) as standby:
        while history:
            group, history = split(rng, history)
            pieces = rng.choice([1, 2, 7]) if len(group) == 1 else None
            standby.apply(group, piece_size=pieces)


def split(rng: random.Random, history: list[Transaction]) -> tuple[list[Transaction], list[Transaction]]:
    size = rng.choice([1, 1, 2, 5, 20, 80])
    return history[:size], history[size:]
