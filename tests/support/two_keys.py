"""A body that opens under two keys of AES-GCM: why a header commits to its key (envelope-v1 section 2.2).

The tag is a polynomial over the ciphertext, plus a pad, both known to who holds the keys. Two keys give two
equations in the tag; one free block of ciphertext solves them.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR, ECB

_R = 0xE1 << 120


def _multiply(x: int, y: int) -> int:
    """Product in GCM's field: SP 800-38D, algorithm 1."""
    z = 0
    for i in range(127, -1, -1):
        if x >> i & 1:
            z ^= y
        y = y >> 1 ^ (_R if y & 1 else 0)
    return z


def _inverse(x: int) -> int:
    """x to the power 2^128 - 2."""
    result, square = 1 << 127, x
    for _ in range(127):
        square = _multiply(square, square)
        result = _multiply(result, square)
    return result


def _encrypt_block(key: bytes, block: bytes) -> bytes:
    encryptor = Cipher(AES(key), ECB()).encryptor()
    return encryptor.update(block)


def _blocks(data: bytes) -> list[int]:
    padded = data + bytes(-len(data) % 16)
    return [int.from_bytes(padded[i : i + 16], "big") for i in range(0, len(padded), 16)]


def _ghash(key: bytes, blocks: list[int]) -> int:
    h = int.from_bytes(_encrypt_block(key, bytes(16)), "big")
    value = 0
    for block in blocks:
        value = _multiply(value ^ block, h)
    return value


def seal_for_two(first: bytes, second: bytes, nonce: bytes, *, plain: bytes, associated: bytes, free_at: int) -> bytes:
    """Ciphertext and tag: under the first key `plain` save for 16 bytes at `free_at`, under the second garbage."""
    if free_at % 16:
        raise ValueError("the free block must be aligned")
    counter = nonce + b"\0\0\0\2"
    ciphertext = bytearray(Cipher(AES(first), CTR(counter)).encryptor().update(plain))
    ciphertext[free_at : free_at + 16] = bytes(16)
    lengths = (len(associated) * 8) << 64 | len(ciphertext) * 8
    blocks = [*_blocks(associated), *_blocks(bytes(ciphertext)), lengths]
    pads = [int.from_bytes(_encrypt_block(key, nonce + b"\0\0\0\1"), "big") for key in (first, second)]
    difference = _ghash(first, blocks) ^ _ghash(second, blocks) ^ pads[0] ^ pads[1]
    # The free block x adds x * (H1^k ^ H2^k) to the difference, k being its distance from the end.
    distance = len(blocks) - len(_blocks(associated)) - free_at // 16
    unit = [1 << 127] + [0] * (distance - 1)
    factor = _ghash(first, unit) ^ _ghash(second, unit)
    solution = _multiply(difference, _inverse(factor))
    ciphertext[free_at : free_at + 16] = solution.to_bytes(16, "big")
    tag = _ghash(first, [*_blocks(associated), *_blocks(bytes(ciphertext)), lengths]) ^ pads[0]
    return bytes(ciphertext) + tag.to_bytes(16, "big")
