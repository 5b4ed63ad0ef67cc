"""What environments set for the whole process when they are made."""

from __future__ import annotations

import multiprocessing
import signal
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch

from ablations.envs.gym import make
from tests.laws import toys


class Meddles(toys.Walk):
    """Would have everybody compute as it does."""

    def __init__(self, leave: bool = False) -> None:
        super().__init__()
        np.seterr(all="raise")
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        torch.set_num_threads(3)
        multiprocessing.set_start_method(
            "spawn"
        )  # once in a process: the second such environment is made, too
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if leave:
            raise SystemExit(4)


gymnasium.register("tests/Meddles-v0", lambda **args: Meddles(**args))


def surroundings() -> tuple[Any, ...]:
    heard = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    start = multiprocessing.get_start_method(allow_none=True)
    return (
        np.geterr(),
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
        torch.get_num_threads(),
        heard,
        start,
    )


def test_what_an_environment_sets_for_all_does_not_last() -> None:
    before = surroundings()
    make("tests/Meddles-v0", {})
    assert surroundings() == before
    with pytest.raises(RuntimeError, match=r"the program's end \(sys.exit\(4\)\)"):
        make("tests/Meddles-v0", {"leave": True})
    assert surroundings() == before
