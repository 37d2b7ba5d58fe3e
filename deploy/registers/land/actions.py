"""Everything that may happen in the land register, with how often it does."""

from random import Random

from deploy.registers.draws import Action, Database, any_code, full_name, run, thinking_better
from deploy.registers.land import entries, ownership


def register_owner(db: Database, rng: Random) -> int:
    """Somebody who will own something."""
    return run(db, "INSERT INTO land.owner (code, name) VALUES (%s, %s)", (any_code(rng), full_name(rng)))


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
    thinking_better(ownership.sell_share): 2,
}
