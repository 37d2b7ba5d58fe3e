"""What filings say, as JSON text: exact amounts keep their zeros, and texts are in any script."""

import json
from random import Random
from typing import Final

from deploy.registers import names

_TEXTS: Final = ("Käive", "Travaux", 'põhivara "A"', "Прочее", "売上", "Rent \\ lease", "tab\there", "50 %", "")


def balance(rng: Random) -> str:
    """Assets, and what they are made of: to the cent the same."""
    liabilities, equity = rng.randrange(10**8), rng.randrange(-(10**5), 10**8)
    parts = (("assets", liabilities + equity), ("liabilities", liabilities), ("equity", equity))
    return "{" + ", ".join(f'"{name}": {_amount(cents)}' for name, cents in parts) + "}"


def report(rng: Random) -> str:
    """An annual report: a balance, and some of its lines, now and then hundreds."""
    count = rng.randrange(150, 400) if rng.random() < 0.03 else rng.randrange(3, 30)
    lines = ", ".join(
        f'{{"line": "{place}.{rng.randrange(1, 9)}", "amount": {_amount(rng.randrange(10**7))}, "text": {_text(rng)}}}'
        for place in range(count)
    )
    return f'{{"balance": {balance(rng)}, "year": {rng.randrange(2015, 2026)}, "lines": [{lines}]}}'


def free_paper(rng: Random) -> str:
    """Any other filing: of any shape."""
    return rng.choice(
        (
            f'{{"text": {_text(rng)}, "place": {json.dumps(rng.choice(names.PLACES), ensure_ascii=False)}}}',
            f'{{"": null, "nested": {{"a": [1, 1.0, 1e2, true, {{}}, []]}}, "text": {_text(rng)}}}',
            f'{{"resolutions": [{_text(rng)}, {_text(rng)}], "votes": {{"for": {rng.randrange(90)}, "against": 0}}}}',
            '"only a note"',
            "[]",
        )
    )


def title(rng: Random) -> str:
    """What an activity is called, in some languages."""
    return json.dumps(
        {"en": rng.choice(names.PURPOSES), "et": rng.choice(names.INSTITUTIONS), "ru": None}, ensure_ascii=False
    )


def _amount(cents: int) -> str:
    """With two decimals, and so they stay."""
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def _text(rng: Random) -> str:
    return json.dumps(rng.choice(_TEXTS), ensure_ascii=False)
