"""Fills the register of identity documents: holders with photos and documents in every state, chips, lists, blanks."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256
from random import Random
from typing import Final

from deploy.registers import names
from deploy.registers.draws import REFERENCE_DAY, any_code, any_uuid, full_name
from deploy.registers.loading import Load, line

_HOLDERS = 14_000  # at scale 1
_DELIVERY: Final = 200
_LISTS: Final = 6
"""Published ones of each kind."""
OFFICES: Final = 12
PURPOSES: Final = ("authentication", "signature")
REASONS: Final = ("replaced", "lost", "varastatud", "défaut", "утерян", "holder's wish")


@dataclass(frozen=True, slots=True)
class _Kind:
    code: str
    name: str
    prefix: str
    years: int
    has_chip: bool
    share: float
    """Of the holders."""


@dataclass(frozen=True, slots=True)
class _Document:
    id: int
    holder: str
    kind: _Kind
    photo: str
    state: str
    expires_on: date


_KINDS: Final = (
    _Kind("identity-card", "Isikutunnistus", "AA", 5, True, 0.9),
    _Kind("passport", "Pass / passeport", "KB", 10, False, 0.6),
    _Kind("residence-card", "Elamisloakaart", "EB", 5, True, 0.1),
    _Kind("digital-identity", "Digi-ID", "DI", 5, True, 0.15),
    _Kind("seafarer", "Meremehe „raamat“", "MS", 5, False, 0.03),
)


def fill(load: Load, scale: float) -> None:
    """Write all rows; scale 1 is about 14,000 holders, 175,000 rows and 130 MB of photos."""
    rng, count = load.rng, max(60, int(_HOLDERS * scale))
    holders = sorted({any_code(rng) for _ in range(count)})
    deceased = {code for code in holders if rng.random() < 0.05}
    photos = {code: str(any_uuid(rng)) for code in holders}
    documents = list(_documents(rng, photos, deceased))
    living = {code: photo for code, photo in photos.items() if code not in deceased}
    load.copy("kind", ("code", "name", "prefix", "years", "has_chip"),
              (line(k.code, k.name, k.prefix, k.years, k.has_chip) for k in _KINDS))  # fmt: skip
    load.copy("office", ("id", "name", "country"), _offices())
    load.copy("holder", ("code", "name", "machine_name", "is_deceased"), _holders(rng, holders, deceased))
    load.copy("photo", ("id", "holder", "image", "taken_on", "times_shown"), _photos(rng, photos))
    _write_chips(load, documents, spare=count // 4 + 20 * OFFICES)
    load.copy("application", ("holder", "kind", "office", "photo", "fee", "state", "document", "received_at"),
              _applications(rng, documents, living))  # fmt: skip
    load.copy("certificate", ("document", "purpose", "number", "state", "flips"), _certificates(rng, documents))
    lists = _lists(documents)
    load.copy("revocation_list", ("kind", "number", "published_at", "entries", "digest"), _list_lines(lists))
    load.copy("revocation", ("kind", "list", "document", "reason", "revoked_at"), _revocations(rng, lists))
    load.restart("document")
    load.restart("delivery", "number")
    load.execute(f"SELECT setval('identity.document_number', {len(documents)})")


def machine_name(name: str) -> str:
    """A name in the letters that a machine reads; what it cannot read is left out."""
    return "".join(letter if letter.isascii() and letter.isalpha() else "<" for letter in name.upper()).strip("<")


def _offices() -> Iterator[str]:
    for number in range(OFFICES):
        is_mission = number >= OFFICES - 3
        yield line(number, f"{names.PLACES[number]} {'saatkond' if is_mission else 'teenindus'}",
                   "FRA" if is_mission else "UTO")  # fmt: skip


def _holders(rng: Random, holders: list[str], deceased: set[str]) -> Iterator[str]:
    for code in holders:
        name = full_name(rng)
        yield line(code, name, machine_name(name), code in deceased)


def _photos(rng: Random, photos: dict[str, str]) -> Iterator[str]:
    """A holder's one photo; some of them are much larger."""
    for number, (holder, photo) in enumerate(photos.items()):
        size = 120_000 if number % 200 == 0 else rng.randrange(2_500, 14_000)
        taken = REFERENCE_DAY - timedelta(days=rng.randrange(3_000))
        yield line(photo, holder, rng.randbytes(size), taken, rng.randrange(50))


def _documents(rng: Random, photos: dict[str, str], deceased: set[str]) -> Iterator[_Document]:
    """Of each kind that a holder has one in force or in the making, and perhaps older ones."""
    number = 0
    for holder, photo in photos.items():
        for kind in _KINDS:
            if rng.random() >= kind.share:
                continue
            older = [rng.choice(("expired", "revoked")) for _ in range(rng.choice((0, 0, 0, 1, 2)))]
            now = ("revoked",) if holder in deceased else (rng.choice(("valid",) * 8 + ("suspended", "made")),)
            for state in (*older, *now):
                number += 1
                days = rng.randrange(-900, 0) if state == "expired" else rng.randrange(1, kind.years * 365)
                yield _Document(number, holder, kind, photo, state, REFERENCE_DAY + timedelta(days=days))


def _write_chips(load: Load, documents: list[_Document], *, spare: int) -> None:
    """Documents with serials from all deliveries, mixed as they were used; the rest of the serials are blanks."""
    rng = load.rng
    deliveries = -(-(len(documents) + spare) // _DELIVERY)
    serials = [f"{1 + n // _DELIVERY:06d}{n % _DELIVERY:06d}" for n in range(deliveries * _DELIVERY)]
    rng.shuffle(serials)
    load.copy("delivery", ("number", "blanks", "received_on"),
              (line(n + 1, _DELIVERY, REFERENCE_DAY - timedelta(days=30 * (deliveries - n)))
               for n in range(deliveries)))  # fmt: skip
    load.copy("blank", ("serial", "office", "is_destroyed"),
              (line(serial, n % OFFICES, rng.random() < 0.05)
               for n, serial in enumerate(serials[len(documents):])))  # fmt: skip
    load.copy("document", ("id", "number", "serial", "holder", "kind", "office", "photo", "state", "expires_on",
                           "changed_at"),
              (line(one.id, f"{one.kind.prefix}{one.id:07d}", serial, one.holder, one.kind.code, rng.randrange(OFFICES),
                    one.photo, one.state, one.expires_on, "2025-11-30 08:15:00+02")
               for one, serial in zip(documents, serials, strict=False)))  # fmt: skip


def _applications(rng: Random, documents: list[_Document], living: dict[str, str]) -> Iterator[str]:
    """One for each document; some that were refused, and some that wait."""
    for one in documents:
        state = "made" if one.state == "made" else "handed over"
        yield line(one.holder, one.kind.code, rng.randrange(OFFICES), one.photo, fee(rng), state, one.id, _moment(rng))
    for holder, photo in living.items():
        if rng.random() < 0.15:
            state = "refused" if rng.random() < 0.2 else "received"
            kind = rng.choice(_KINDS).code
            yield line(holder, kind, rng.randrange(OFFICES), photo, fee(rng), state, None, _moment(rng))


def fee(rng: Random) -> str:
    """What an application costs."""
    return rng.choice(("45.00", "22.50", "0.00", "120.00"))


def _moment(rng: Random) -> str:
    day = REFERENCE_DAY - timedelta(days=rng.randrange(1, 1_500))
    return f"{day} {rng.randrange(8, 18):02d}:00:00.{rng.randrange(10**6):06d}+02"


def _certificates(rng: Random, documents: list[_Document]) -> Iterator[str]:
    for one in documents:
        for purpose in PURPOSES if one.kind.has_chip else ():
            state = "ended" if one.state in ("expired", "revoked") else "suspended"
            if one.state == "valid" and rng.random() < 0.9:
                state = "active"
            yield line(one.id, purpose, rng.getrandbits(159), state, rng.randrange(20))


def _lists(documents: list[_Document]) -> dict[tuple[str, int], list[int]]:
    """Lists of each kind with the documents on them, the last of them open."""
    lists: dict[tuple[str, int], list[int]] = {}
    for kind in _KINDS:
        revoked = [one.id for one in documents if one.kind == kind and one.state == "revoked"]
        for number in range(_LISTS + 1):
            lists[kind.code, number + 1] = revoked[number :: _LISTS + 1]
    return lists


def _list_lines(lists: dict[tuple[str, int], list[int]]) -> Iterator[str]:
    for (kind, number), entries in lists.items():
        if number > _LISTS:
            yield line(kind, number, None, None, None)
        else:
            digest = sha256(",".join(map(str, entries)).encode()).hexdigest()
            yield line(kind, number, f"2025-{number:02d}-28 23:59:59.999999+00", len(entries), digest)


def _revocations(rng: Random, lists: dict[tuple[str, int], list[int]]) -> Iterator[str]:
    for (kind, number), entries in lists.items():
        for document in entries:
            yield line(kind, number, document, rng.choice(REASONS), f"2025-{number:02d}-05 10:00:00+00")
