"""Fills an empty database with a population, always the same one for a seed and a scale: parents before children."""

from collections.abc import Iterator
from datetime import timedelta
from random import Random

from deploy.registers import names
from deploy.registers.draws import REFERENCE_DAY
from deploy.registers.loading import Load, line
from deploy.registers.population.people import Population, people_by_birth

_PEOPLE = 44_000  # at scale 1; with all that belongs to them about 200,000 rows
_PHOTOS = 1_000
_MUNICIPALITIES = 79


def fill(load: Load, scale: float) -> None:
    """Write all rows; scale 1 is about 200,000."""
    rng = load.rng
    people = people_by_birth(rng, max(200, int(_PEOPLE * scale)))
    population = Population(random=rng, addresses=max(100, int(len(people) * 0.4)), people=people)
    load.copy("municipality", _MUNICIPALITY, _municipalities(rng))
    load.copy("address", _ADDRESS, _addresses(population))
    load.copy("person", _PERSON, _person_lines(population))
    load.copy("residence", _RESIDENCE, _residences(population))
    load.copy("parentage", _PARENTAGE, _parentage(population))
    load.copy("marriage", _MARRIAGE, _marriages(population))
    load.copy("photo", _PHOTO, _photos(population, max(20, int(_PHOTOS * scale))))
    load.copy("document", _DOCUMENT, _documents(population))
    load.copy("Journal ✎", _JOURNAL, _journal(population))
    load.copy("notice", _NOTICE, _notices(population))
    load.restart("address")
    load.execute("SELECT setval('population.notice_number', max(id)) FROM population.notice")


_MUNICIPALITY = ("code", "name", "Omavalitsuse nimi (kohalik)", "area_km2")
_ADDRESS = ("id", "municipality_code", "street", "house", "flat", "postal_code", "location", "registered_at")
_PERSON = (
    "personal_code",
    "given_name",
    "family_name",
    "nom d'usage",
    "birth_date",
    "death_date",
    "sex",
    "status",
    "citizenships",
    "remarks",
    "changed_at",
)
_RESIDENCE = ("person_code", "address_id", "during")
_PARENTAGE = ("child_code", "parent_code", "established")
_MARRIAGE = ("spouse_a", "spouse_b", "during", "certificate")
_PHOTO = ("person_code", "image", "taken_on")
_DOCUMENT = ("number", "person_code", "kind", "Diplomatique? (État)", "issued_on", "expires_on", "status", "scan")
_JOURNAL = ("at", "actor", "Tätigkeit", "person_code", "detail")
_NOTICE = ("id", "sent_on", "person_code", "subject")


def _municipalities(rng: Random) -> Iterator[str]:
    for code in range(_MUNICIPALITIES):
        place = names.PLACES[code % len(names.PLACES)]
        yield line(code, f"{place} {code}", f"{place} vald №{code}", f"{rng.uniform(3, 2500):.2f}")


def _addresses(population: Population) -> Iterator[str]:
    rng = population.random
    for number in range(population.addresses):
        municipality, rank = number % _MUNICIPALITIES, number // _MUNICIPALITIES
        street = names.STREETS[rank % len(names.STREETS)]
        house = str(rank // len(names.STREETS) + 1)
        flat = rng.randrange(1, 60) if rng.random() < 0.6 else None
        point = f"({rng.uniform(57, 60):.6f},{rng.uniform(21, 28):.6f})"
        month = f"{1990 + rng.randrange(35)}-{1 + rng.randrange(12):02d}"
        registered = f"{month}-15 08:{rng.randrange(60):02d}:00.{rng.randrange(10**6):06d}+02"
        yield line(number + 1, municipality, street, house, flat, f"{rng.randrange(10000, 99999)}", point, registered)


def _person_lines(population: Population) -> Iterator[str]:
    rng = population.random
    for person in population.people:
        given = rng.choice(names.FEMALE if person.sex == "female" else names.MALE)
        death = (
            person.birth + (REFERENCE_DAY - person.birth) * rng.uniform(0.6, 1) if person.status == "deceased" else None
        )
        used = rng.choice(names.FAMILY) if rng.random() < 0.05 else None
        citizenships = rng.choice(("{EST}", "{EST}", "{EST,FIN}", "{LVA}", '{"none declared",NULL}', "{}"))
        remarks = rng.choice(("none", "none", "none", None, "", "Line one\nline two\twith a tab"))
        yield line(
            person.code,
            given,
            rng.choice(names.FAMILY),
            used,
            person.birth,
            death,
            person.sex,
            person.status,
            citizenships,
            remarks,
            f"2025-{1 + rng.randrange(12):02d}-{1 + rng.randrange(28):02d} 12:00:00.{rng.randrange(10**6):06d}+00",
        )


def _residences(population: Population) -> Iterator[str]:
    rng = population.random
    for person in population.people:
        first, second = person.birth, REFERENCE_DAY - (REFERENCE_DAY - person.birth) * rng.random() * 0.8
        moved = person.status != "living" or rng.random() < 0.25
        if moved and second > first:
            yield line(person.code, 1 + rng.randrange(population.addresses), f"[{first},{second})")
        if person.status == "living":
            since = second if moved and second > first else first
            yield line(person.code, 1 + rng.randrange(population.addresses), f"[{since},)")


def _parentage(population: Population) -> Iterator[str]:
    rng = population.random
    for child in population.people:
        if rng.random() < 0.95 and (mother := population.parent("female", child.birth)):
            yield line(child.code, mother.code, child.birth)
        if rng.random() < 0.8 and (father := population.parent("male", child.birth)):
            yield line(child.code, father.code, child.birth)


def _marriages(population: Population) -> Iterator[str]:
    """About a fifth of the people in couples of like age; every sixth marriage is over."""
    rng = population.random
    adult = REFERENCE_DAY - timedelta(days=20 * 365)
    women = [person for person in population.women if person.birth < adult and person.status == "living"]
    men = [person for person in population.men if person.birth < adult and person.status == "living"]
    for wife, husband in zip(women, men, strict=False):
        if rng.random() < 0.45:
            begun = max(wife.birth, husband.birth) + timedelta(days=18 * 365 + rng.randrange(700))
            over = f"{begun + timedelta(days=rng.randrange(400, 3000))}" if rng.random() < 0.17 else ""
            place = rng.choice(names.PLACES)
            yield line(
                wife.code,
                husband.code,
                f"[{begun},{over})",
                f'{{"no": {rng.randrange(10**7)}, "place": "{place}", "witnesses": [1, 2.50]}}',
            )


def _photos(population: Population, count: int) -> Iterator[str]:
    rng = population.random
    living = [person for person in population.people if person.status == "living"]
    for number, person in enumerate(rng.sample(living, min(count, len(living)))):
        size = 200_000 if number % 250 == 0 else rng.randrange(3_000, 12_000)
        yield line(person.code, rng.randbytes(size), f"202{rng.randrange(6)}-05-09")


def _documents(population: Population) -> Iterator[str]:
    rng = population.random
    for number, person in enumerate(population.people):
        if rng.random() < 0.5:
            issued = REFERENCE_DAY - timedelta(days=rng.randrange(3650))
            expires, kind = (
                issued + timedelta(days=1826),
                rng.choice(("passport", "identity card", "residence card", "diplomatic passport")),
            )
            scan = rng.randbytes(40) if rng.random() < 0.1 else None
            status = "valid" if expires > REFERENCE_DAY else "expired"
            yield line(
                f"K{number:07d}",
                person.code,
                kind,
                "t" if kind[0] == "d" else "f",
                issued,
                expires,
                status,
                scan,
            )


def _journal(population: Population) -> Iterator[str]:
    rng = population.random
    for _ in range(int(len(population.people) * 0.34)):
        at = f"2025-{1 + rng.randrange(12):02d}-{1 + rng.randrange(28):02d} {rng.randrange(24):02d}:00:00+00"
        actor = rng.choice(("registrar", "hospital", "embassy", None, ""))
        detail = rng.choice((None, "{}", '{"channel": "desk", "n": 1.0}', '["a", null, "ž"]'))
        yield line(at, actor, rng.choice(("read", "print", "confirm")), rng.choice(population.people).code, detail)


def _notices(population: Population) -> Iterator[str]:
    rng = population.random
    for number in range(len(population.people) // 10):
        sent = REFERENCE_DAY - timedelta(days=rng.randrange(-30, 900))
        yield line(
            number + 1,
            sent,
            rng.choice(population.people).code,
            rng.choice(("Document expires", "Please confirm your address", "")),
        )
