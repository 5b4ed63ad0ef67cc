"""Damage at random offsets: what a failing disk, a bad copy or an editor may do to a file."""

from __future__ import annotations

import random
from pathlib import Path


def flip_a_bit(data: bytes, dice: random.Random) -> bytes:
    at = dice.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << dice.randrange(8)]) + data[at + 1 :]


def lose_the_end(data: bytes, dice: random.Random) -> bytes:
    return data[: dice.randrange(len(data))]


def overwrite(data: bytes, dice: random.Random) -> bytes:
    at, length = dice.randrange(len(data)), dice.randint(1, 64)
    return data[:at] + dice.randbytes(length) + data[at + length :]


def lose_a_piece(data: bytes, dice: random.Random) -> bytes:
    at = dice.randrange(len(data))
    return data[:at] + data[at + dice.randint(1, 64) :]


WAYS = (flip_a_bit, flip_a_bit, lose_the_end, overwrite, lose_a_piece)


def damage(path: Path, dice: random.Random) -> str:
    """Damage a file; says how."""
    data = path.read_bytes()
    way = dice.choice(WAYS)
    while (changed := way(data, dice)) == data:
        pass
    path.write_bytes(changed)
    return f"{path.name}: {way.__name__.replace('_', ' ')}"
