"""Personal codes: eleven digits.

One for century and sex, six for the date of birth, three for a number within that day, and a check digit.
"""

from datetime import date

SERIALS = 1000

_FIRST_WEIGHTS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 1)
_SECOND_WEIGHTS = (3, 4, 5, 6, 7, 8, 9, 1, 2, 3)


def check_digit(ten_digits: str) -> int:
    """The digit that closes a code: a weighted sum modulo 11, in a second round of weights where the first gives 10."""
    digits = [int(digit) for digit in ten_digits]
    for weights in (_FIRST_WEIGHTS, _SECOND_WEIGHTS):
        remainder = sum(digit * weight for digit, weight in zip(digits, weights, strict=True)) % 11
        if remainder < 10:
            return remainder
    return 0


def personal_code(birth: date, sex: str, serial: int) -> str:
    """The code of the person with this number among those of one sex born on one day."""
    century = 2 * (birth.year // 100 - 18) + (1 if sex == "male" else 2)
    return numbered(f"{century}{birth:%y%m%d}", serial)


def numbered(prefix: str, serial: int) -> str:
    """A code from its first seven digits, which say what it tells about its holder, and a number."""
    ten_digits = f"{prefix}{serial:03d}"
    return f"{ten_digits}{check_digit(ten_digits)}"
