"""What ministries write: acts, and changes of acts, drawn by chance in four languages."""
# ruff: noqa: RUF001 - sentences are spelled as people spell them

from html import escape
from random import Random

from deploy.registers import names
from deploy.registers.draws import full_name
from deploy.registers.gazette.texts import Change, Paragraph, numbered, written

PARTS = ("I", "II", "III", "IV")
KINDS = ("law", "regulation", "order", "treaty")
LANGUAGES = ("et", "et", "et", "de", "en", "ru")
_SENTENCES = {
    "et": (
        "Käesolev seadus jõustub üldises korras; erandi näeb ette {institution}.",
        "Ministeerium kehtestab korra, mille järgi {place} linnas peetakse arvestust (vt RT I, {year}, {number}).",
        "Avalduse esitab {name} või tema esindaja ministeeriumile kirjalikult {number} päeva jooksul.",
        "Tasu määr on {number},50 € iga alanud 1000 m² kohta & see makstakse ette.",
    ),
    "de": (
        "Die Behörde erlässt auf Antrag von {name} binnen {number} Tagen einen Bescheid; {institution} ist zu hören.",
        "Straßen und Plätze in {place} dürfen ab {year} nur mit Bewilligung der Behörde gesperrt werden.",
        'Größere Maßnahmen (über {number} m²) übermittelt die Behörde "unverzüglich".',
    ),
    "en": (
        "The ministry shall keep the register of {place} and publish it once in {number} days.",
        "Where x < {number} or y > {year}, the ministry may grant {name} an exemption.",
        "Fees paid to {institution} before {year} are not refunded; 'fees' includes interest at {number}%.",
    ),
    "ru": (
        "Министерство ведёт реестр и публикует сведения о городе {place} в течение {number} дней.",
        "Заявление подаёт {name}; решение принимает {institution} не позднее {year} года.",
    ),
}  # fmt: skip
_WORDS = {
    "et": ("linnas", "vallas", "asulas"),
    "de": ("Behörde", "Dienststelle", "Anstalt"),
    "en": ("ministry", "agency", "inspectorate"),
    "ru": ("реестр", "журнал", "список"),
}
"""Words that acts replace throughout, each by the next: none of them stands in another, so that texts do not grow."""
_WANTED = [word for word in names.PLACES + names.INSTITUTIONS if word.isalpha()]
_SUBJECTS = ("Waste", "Ehitus", "Hundesteuer", "Лес", "Sadamad & Häfen", "Tax \\ levy", "Õppetoetus", "水産", "")


def title(rng: Random, kind: str) -> str:
    """What an act is called."""
    return f"{rng.choice(_SUBJECTS)} ({kind} №{rng.randrange(1, 500)}, {rng.choice(names.PLACES)})"


def wording(rng: Random, language: str) -> str:
    """A paragraph in one line, as XML."""
    sentences = _SENTENCES[language]
    return " ".join(
        escape(
            rng.choice(sentences).format(
                place=rng.choice(names.PLACES),
                name=full_name(rng),
                institution=rng.choice(names.INSTITUTIONS),
                number=rng.randrange(2, 90),
                year=rng.randrange(1995, 2031),
            ),
            quote=False,
        )
        for _ in range(rng.randrange(1, 4))
    )


def text(rng: Random, language: str) -> str:
    """A whole new act."""
    return written({(number,): wording(rng, language) for number in range(1, rng.randrange(4, 13))})


def change(rng: Random, act: int, language: str) -> Change:
    """What is to change in an act: some paragraphs, and every third time words throughout."""
    steps = {
        _paragraph(rng): wording(rng, language) if rng.random() < 0.75 else None for _ in range(rng.randrange(1, 4))
    }
    return Change(act=act, words=_replaced(rng, language) if rng.random() < 0.3 else None, steps=steps)


def correction(rng: Random, act: int, language: str) -> Change:
    """A misprint in one paragraph, or in a word."""
    if rng.random() < 0.5:
        return Change(act=act, words=_replaced(rng, language))
    return Change(act=act, steps={_paragraph(rng): wording(rng, language)})


def amending_text(kind: str, changes: list[Change]) -> str:
    """The act that says what changes: a paragraph for each act concerned."""
    return written({(number,): _said(kind, one) for number, one in enumerate(changes, 1)})


def query(rng: Random) -> str:
    """What a reader wants to be told of, as a tsquery: two words in one act."""
    return " & ".join(f"'{word.lower()}'" for word in rng.sample(_WANTED, 2))


def _paragraph(rng: Random) -> Paragraph:
    number = rng.randrange(1, 13)
    return (number,) if rng.random() < 0.6 else (number, rng.randrange(1, 4))


def _replaced(rng: Random, language: str) -> tuple[str, str]:
    words = _WORDS[language]
    first = rng.randrange(len(words))
    return words[first], words[(first + 1) % len(words)]


def _said(kind: str, change: Change) -> str:
    said = [f"Act {change.act}: {kind}."]
    if change.words:
        said.append("'{}' is replaced by '{}';".format(*change.words))
    for paragraph, new in sorted(change.steps.items()):
        number = numbered(paragraph)
        said.append(f"§ {number} is repealed;" if new is None else f"§ {number} is worded as follows: {new}")
    return " ".join(said)
