"""Fills an empty database with a population, always the same one for a seed and a scale.

Rows are written as COPY text in blocks, parents before children, in one transaction. Everything is relative to a fixed
day, so that a seed means the same register tomorrow.
"""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from importlib.resources import files
from itertools import islice
from random import Random

from psycopg import Connection, sql

from deploy.registers.population import names
from deploy.registers.population.people import REFERENCE_DAY, Population, people_by_birth

_PEOPLE = 44_000  # at scale 1; with all that belongs to them about 200,000 rows
_PHOTOS = 1_000
_MUNICIPALITIES = 79
_BLOCK_LINES = 4_000
_NULL = r"\N"


def generate(connection: Connection[tuple[object, ...]], *, scale: float, seed: int) -> dict[str, int]:
    """Create the register's schema and rows in an empty database; return the number of rows of each table.

    Scale 1 is about 200,000 rows.
    """
    rng = Random(seed)
    people = people_by_birth(rng, max(200, int(_PEOPLE * scale)))
    population = Population(random=rng, addresses=max(100, int(len(people) * 0.4)), people=people)
    schema = files(__package__).joinpath("schema.sql").read_text(encoding="utf-8")
    with connection.transaction():
        connection.execute(schema.encode())
        written = {
            "municipality": _copy(connection, "municipality", _MUNICIPALITY, _municipalities(rng)),
            "address": _copy(connection, "address", _ADDRESS, _addresses(population)),
            "person": _copy(connection, "person", _PERSON, _person_lines(population)),
            "residence": _copy(connection, "residence", _RESIDENCE, _residences(population)),
            "parentage": _copy(connection, "parentage", _PARENTAGE, _parentage(population)),
            "marriage": _copy(connection, "marriage", _MARRIAGE, _marriages(population)),
            "photo": _copy(connection, "photo", _PHOTO, _photos(population, max(20, int(_PHOTOS * scale)))),
            "document": _copy(connection, "document", _DOCUMENT, _documents(population)),
            "Journal ✎": _copy(connection, "Journal ✎", _JOURNAL, _journal(population)),
            "notice": _copy(connection, "notice", _NOTICE, _notices(population)),
        }
        connection.execute(
            "SELECT setval(pg_get_serial_sequence('population.address', 'id'), max(id)) FROM population.address"
        )
        connection.execute("SELECT setval('population.notice_number', max(id)) FROM population.notice")
        connection.execute("ANALYZE")
    return written


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


def _copy(
    connection: Connection[tuple[object, ...]], table: str, columns: tuple[str, ...], lines: Iterable[str]
) -> int:
    statement = sql.SQL("COPY population.{} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    rows = 0
    remaining = iter(lines)
    with connection.cursor().copy(statement) as copy:
        while block := list(islice(remaining, _BLOCK_LINES)):
            copy.write("".join(block))
            rows += len(block)
    return rows


def _municipalities(rng: Random) -> Iterator[str]:
    for code in range(_MUNICIPALITIES):
        place = names.PLACES[code % len(names.PLACES)]
        yield _line(str(code), f"{place} {code}", f"{place} vald №{code}", f"{rng.uniform(3, 2500):.2f}")


def _addresses(population: Population) -> Iterator[str]:
    rng = population.random
    for number in range(population.addresses):
        municipality, rank = number % _MUNICIPALITIES, number // _MUNICIPALITIES
        street = names.STREETS[rank % len(names.STREETS)]
        house = str(rank // len(names.STREETS) + 1)
        flat = str(rng.randrange(1, 60)) if rng.random() < 0.6 else _NULL
        point = f"({rng.uniform(57, 60):.6f},{rng.uniform(21, 28):.6f})"
        month = f"{1990 + rng.randrange(35)}-{1 + rng.randrange(12):02d}"
        registered = f"{month}-15 08:{rng.randrange(60):02d}:00.{rng.randrange(10**6):06d}+02"
        yield _line(
            str(number + 1), str(municipality), street, house, flat, f"{rng.randrange(10000, 99999)}", point, registered
        )


def _person_lines(population: Population) -> Iterator[str]:
    rng = population.random
    for person in population.people:
        given = rng.choice(names.FEMALE if person.sex == "female" else names.MALE)
        death = (
            _day(person.birth + (REFERENCE_DAY - person.birth) * rng.uniform(0.6, 1))
            if person.status == "deceased"
            else _NULL
        )
        used = rng.choice(names.FAMILY) if rng.random() < 0.05 else _NULL
        citizenships = rng.choice(("{EST}", "{EST}", "{EST,FIN}", "{LVA}", '{"none declared",NULL}', "{}"))
        remarks = rng.choice(("none", "none", "none", _NULL, "", "Line one\nline two\twith a tab"))
        yield _line(
            person.code,
            given,
            rng.choice(names.FAMILY),
            used,
            _day(person.birth),
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
            yield _line(person.code, str(1 + rng.randrange(population.addresses)), f"[{_day(first)},{_day(second)})")
        if person.status == "living":
            since = second if moved and second > first else first
            yield _line(person.code, str(1 + rng.randrange(population.addresses)), f"[{_day(since)},)")


def _parentage(population: Population) -> Iterator[str]:
    rng = population.random
    for child in population.people:
        if rng.random() < 0.95 and (mother := population.parent("female", child.birth)):
            yield _line(child.code, mother.code, _day(child.birth))
        if rng.random() < 0.8 and (father := population.parent("male", child.birth)):
            yield _line(child.code, father.code, _day(child.birth))


def _marriages(population: Population) -> Iterator[str]:
    """About a fifth of the people in couples of like age; every sixth marriage is over."""
    rng = population.random
    adult = REFERENCE_DAY - timedelta(days=20 * 365)
    women = [person for person in population.women if person.birth < adult and person.status == "living"]
    men = [person for person in population.men if person.birth < adult and person.status == "living"]
    for wife, husband in zip(women, men, strict=False):
        if rng.random() < 0.45:
            begun = max(wife.birth, husband.birth) + timedelta(days=18 * 365 + rng.randrange(700))
            over = f"{_day(begun + timedelta(days=rng.randrange(400, 3000)))}" if rng.random() < 0.17 else ""
            place = rng.choice(names.PLACES)
            yield _line(
                wife.code,
                husband.code,
                f"[{_day(begun)},{over})",
                f'{{"no": {rng.randrange(10**7)}, "place": "{place}", "witnesses": [1, 2.50]}}',
            )


def _photos(population: Population, count: int) -> Iterator[str]:
    rng = population.random
    living = [person for person in population.people if person.status == "living"]
    for number, person in enumerate(rng.sample(living, min(count, len(living)))):
        size = 200_000 if number % 250 == 0 else rng.randrange(3_000, 12_000)
        yield _line(person.code, "\\x" + rng.randbytes(size).hex(), f"202{rng.randrange(6)}-05-09")


def _documents(population: Population) -> Iterator[str]:
    rng = population.random
    for number, person in enumerate(population.people):
        if rng.random() < 0.5:
            issued = REFERENCE_DAY - timedelta(days=rng.randrange(3650))
            expires, kind = (
                issued + timedelta(days=1826),
                rng.choice(("passport", "identity card", "residence card", "diplomatic passport")),
            )
            scan = "\\x" + rng.randbytes(40).hex() if rng.random() < 0.1 else _NULL
            status = "valid" if expires > REFERENCE_DAY else "expired"
            yield _line(
                f"K{number:07d}",
                person.code,
                kind,
                "t" if kind[0] == "d" else "f",
                _day(issued),
                _day(expires),
                status,
                scan,
            )


def _journal(population: Population) -> Iterator[str]:
    rng = population.random
    for _ in range(int(len(population.people) * 0.34)):
        at = f"2025-{1 + rng.randrange(12):02d}-{1 + rng.randrange(28):02d} {rng.randrange(24):02d}:00:00+00"
        actor = rng.choice(("registrar", "hospital", "embassy", _NULL, ""))
        detail = rng.choice((_NULL, "{}", '{"channel": "desk", "n": 1.0}', '["a", null, "ž"]'))
        yield _line(at, actor, rng.choice(("read", "print", "confirm")), rng.choice(population.people).code, detail)


def _notices(population: Population) -> Iterator[str]:
    rng = population.random
    for number in range(len(population.people) // 10):
        sent = REFERENCE_DAY - timedelta(days=rng.randrange(-30, 900))
        yield _line(
            str(number + 1),
            _day(sent),
            rng.choice(population.people).code,
            rng.choice(("Document expires", "Please confirm your address", "")),
        )


def _day(day: date) -> str:
    return day.isoformat()


def _line(*values: str) -> str:
    return "\t".join(value if value == _NULL else _escaped(value) for value in values) + "\n"


def _escaped(value: str) -> str:
    if "\\" in value:
        value = value.replace("\\", "\\\\")
    if "\n" in value or "\t" in value:
        value = value.replace("\n", "\\n").replace("\t", "\\t")
    return value
