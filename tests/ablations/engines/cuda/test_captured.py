"""What stands between a call and its replay: places for arguments, numbers as tensors, sources that are refilled."""

from __future__ import annotations

import torch

from ablations.engines.cuda.capture import Captured


def test_arguments_keep_their_places_and_numbers_become_tensors_without_axes() -> None:
    seen = []

    def function(owner: list[int], a: torch.Tensor, n: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        seen.append((owner, a.data_ptr(), n.data_ptr(), x.data_ptr()))
        assert (n.dtype, x.dtype, n.shape, x.shape) == (torch.int64, torch.float64, (), ())
        return a * n + x

    owner: list[int] = []
    called = Captured(function, "cpu")
    given = torch.tensor([1.0, 2.0])
    assert called(owner, given, 3, 0.5).tolist() == [3.5, 6.5]
    assert called(owner, given + 1, 2, 0.25).tolist() == [4.25, 6.25]
    assert given.tolist() == [1.0, 2.0]
    assert seen[0] == seen[1]
    assert seen[0][0] is owner


def test_a_source_is_refilled_before_each_call() -> None:
    order = []

    called = Captured(lambda: order.append("call"), "cpu", lambda: order.append("refill"))
    called()
    called()
    assert order == ["refill", "call"] * 2
