"""Philox4x32-10: random numbers as a function of a key and a counter, in the integer arithmetic of tensors.

Salmon, Moraes, Dror and Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3", section 4.2. A lane's key comes from
(entropy, seed, role) as a stream's does, so its numbers depend neither on the lanes beside it nor on the device.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ablations.rng.streams import Role

ROUNDS = 10
MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)  # added to the key after each round
LOW = 0xFFFFFFFF
WORDS = 4

Words = tuple[Tensor, Tensor, Tensor, Tensor]


def philox(counter: Words, key: tuple[Tensor, Tensor]) -> Words:
    """Four random words of 32 bits for each counter and key of 32-bit words, all int64 and of shapes that fit."""
    a, b, c, d = counter
    k, m = key
    for _ in range(ROUNDS):
        first, second = a * MULTIPLIERS[0], c * MULTIPLIERS[1]  # int64 wraps around: the 64 bits are right
        a, b, c, d = _high(second) ^ b ^ k, second & LOW, _high(first) ^ d ^ m, first & LOW
        k, m = (k + WEYL[0]) & LOW, (m + WEYL[1]) & LOW
    return a, b, c, d


def keys(entropy: int, seeds: Sequence[int], role: Role, device: str) -> Tensor:
    """The key of each lane for one role: (L, 2) int64."""
    found = [np.random.SeedSequence(entropy, spawn_key=(seed, int(role))).generate_state(2) for seed in seeds]
    return torch.from_numpy(np.array(found, dtype=np.int64)).to(device)


def uniforms(key: Tensor, call: Tensor, width: int) -> Tensor:
    """``width`` doubles in [0, 1) for each call number (...): multiples of 2**-32, by keys (..., 2) -> (..., width).

    Word i of call n is word i % 4 of the counter (i // 4, n % 2**32, n // 2**32, 0).
    """
    blocks = torch.arange(-(-width // WORDS), device=call.device)  # (w,)
    low, high = (call & LOW)[..., None], _high(call)[..., None]  # (..., 1)
    words = philox((blocks, low, high, torch.zeros_like(low)), (key[..., :1], key[..., 1:]))
    together = torch.stack(words, dim=-1).flatten(-2)[..., :width]  # (..., w, 4) -> (..., width)
    return together.double() * 2.0**-32


def _high(word: Tensor) -> Tensor:
    """The upper 32 of 64 bits."""
    return (word >> 32) & LOW
