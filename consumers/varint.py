"""Avro longs by hand: BEGIN and END are too many for a general decoder (Avro 1.12, "Binary encoding")."""

from __future__ import annotations


def read_long(raw: bytes, at: int) -> tuple[int, int]:
    """The long at `at` and where the next value begins; raises IndexError when it is cut off or too long."""
    byte = raw[at]
    at += 1
    if byte < 0x80:
        return (byte >> 1) ^ -(byte & 1), at
    number, shift = byte & 0x7F, 7
    while True:
        byte = raw[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (number >> 1) ^ -(number & 1), at
        shift += 7
        if shift > 63:
            raise IndexError("a long of more than ten bytes")


def read_longs(raw: bytes, at: int, count: int) -> list[int]:
    """Exactly `count` longs up to the end of `raw`; raises IndexError otherwise."""
    numbers = []
    for _ in range(count):
        number, at = read_long(raw, at)
        numbers.append(number)
    if at != len(raw):
        raise IndexError("trailing bytes")
    return numbers
