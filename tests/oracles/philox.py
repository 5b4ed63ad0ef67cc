"""Philox4x32-10 in plain integers, after Salmon, Moraes, Dror and Shaw 2011, section 4.2."""

from __future__ import annotations

from collections.abc import Sequence

KNOWN_ANSWERS = (
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((2**32 - 1,) * 4, (2**32 - 1,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
)
"""(counter, key, words): the vectors that the authors ship with their Random123 library (``kat_vectors``)."""


def philox(counter: Sequence[int], key: Sequence[int]) -> tuple[int, ...]:
    """Four words of 32 bits."""
    a, b, c, d = counter
    k, m = key
    for _ in range(10):
        high_1, low_1 = divmod(0xD2511F53 * a, 2**32)
        high_2, low_2 = divmod(0xCD9E8D57 * c, 2**32)
        a, b, c, d = high_2 ^ b ^ k, low_2, high_1 ^ d ^ m, low_1
        k, m = (k + 0x9E3779B9) % 2**32, (m + 0xBB67AE85) % 2**32
    return a, b, c, d
