"""Everything that may happen in the land register, with how often it does."""

from random import Random

from psycopg import Rollback

from deploy.registers.draws import Action, Database, any_code, full_name, run
from deploy.registers.land import entries, ownership


def register_owner(db: Database, rng: Random) -> int:
    """Somebody who will own something."""
    return run(db, "INSERT INTO land.owner (code, name) VALUES (%s, %s)", (any_code(rng), full_name(rng)))


def think_better(db: Database, rng: Random) -> int:
    """Work that is rolled back, whole or to a savepoint: nothing of it may ever be seen elsewhere."""
    with db.transaction():
        ownership.sell_share(db, rng)
        raise Rollback
    raise Rollback


ACTIONS: dict[Action, int] = {
    ownership.sell_share: 22,
    ownership.sell_part: 8,
    ownership.inherit: 6,
    ownership.buy_out: 8,
    entries.mortgage: 12,
    entries.discharge: 6,
    entries.exchange_ranks: 6,
    entries.enter_easement: 3,
    entries.give_up_easement: 1,
    entries.apply: 14,
    entries.decide: 14,
    entries.correct_address: 4,
    entries.survey: 3,
    ownership.divide: 2,
    ownership.join: 2,
    register_owner: 2,
    think_better: 2,
}
