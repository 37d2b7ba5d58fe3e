"""Who lives in the generated population: people by age, some of them twins, and who may be whose parent."""

import bisect
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random

from deploy.registers.codes import personal_code
from deploy.registers.draws import REFERENCE_DAY

_LIFE_DAYS = 95 * 365


@dataclass(frozen=True, slots=True)
class Person:
    """One person, as far as others depend on it."""

    code: str
    birth: date
    sex: str
    status: str


@dataclass(slots=True)
class Population:
    """What the generator has to remember while it writes: the people by age."""

    random: Random
    addresses: int
    people: list[Person]
    women: list[Person] = field(init=False)
    men: list[Person] = field(init=False)
    _births: dict[str, list[date]] = field(init=False)

    def __post_init__(self) -> None:
        self.women = [person for person in self.people if person.sex == "female"]
        self.men = [person for person in self.people if person.sex == "male"]
        self._births = {
            "female": [person.birth for person in self.women],
            "male": [person.birth for person in self.men],
        }

    def parent(self, sex: str, birth: date) -> Person | None:
        """Somebody between 18 and 45 years older, where there is one."""
        people, births = (self.women if sex == "female" else self.men), self._births[sex]
        first = bisect.bisect_left(births, birth - timedelta(days=45 * 365))
        last = bisect.bisect_right(births, birth - timedelta(days=18 * 365))
        return people[self.random.randrange(first, last)] if first < last else None


def people_by_birth(rng: Random, count: int) -> list[Person]:
    """People in order of birth; now and then twins, whose codes are easily confused."""
    births = sorted(REFERENCE_DAY - timedelta(days=1 + rng.randrange(_LIFE_DAYS)) for _ in range(count))
    serials: Counter[tuple[date, str]] = Counter()
    people: list[Person] = []
    for day in births:
        birth, sex = day, rng.choice(("female", "male"))
        if people and rng.random() < 0.02:
            birth, sex = people[-1].birth, people[-1].sex
        serial = serials[birth, sex]
        serials[birth, sex] += 1
        people.append(Person(personal_code(birth, sex, serial), birth, sex, _status(rng, birth)))
    return people


def _status(rng: Random, birth: date) -> str:
    age = (REFERENCE_DAY - birth).days / 365
    if rng.random() < max(0.002, (age - 60) / 45):
        return "deceased"
    return "emigrated" if rng.random() < 0.02 else "living"
