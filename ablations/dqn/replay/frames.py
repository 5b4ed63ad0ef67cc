"""Images, and whatever else is no vector of floats, under a replay memory: each frame once, in its own type.

A transition's successor is the next one's observation, so N of them take N + 1 frames, and K - 1 more where K frames
are shown together: stacks are made when they are drawn, from the newest K frames of the episode, with its wrapper's
padding before the first. Moment t is the number of transitions before it; its frame lies in slot t mod (N + K).

An episode's last frame is the next episode's first by then. Where the bootstrap needs it, at a truncation, it is kept
aside. A transition that cuts the bootstrap has no successor: its own observation stands there, with discount 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ablations.dqn.replay.rows import NUMBERS

if TYPE_CHECKING:
    from torch import Tensor

    from ablations.dqn.types import Space, Transition
    from ablations.state import State

PAD = -1
"""Number of the frame before an episode's first one, the first of those that are kept aside."""


class Frames:
    """Slots for N transitions of every lane, in the memory of the host."""

    def __init__(self, space: Space, capacity: int) -> None:
        import torch

        shown, lanes, stack = space.observation, space.lanes, space.observation.stack
        self.engine, self.observation, self.capacity = space.engine, shown, capacity
        self.depth = 1 if stack is None else stack.size  # K
        self.padded = stack is not None and stack.padding is not None
        kept = {} if shown.dtype.kind == "f" else {"dtype": getattr(torch, shown.dtype.name)}
        self.frames = space.zeros((lanes, capacity + self.depth, *shown.frame), **kept)  # (L, N + K, *frame)
        self.aside = space.zeros((lanes, 1, *shown.frame), **kept)  # (L, 1 + n, *frame); the first is padding
        if stack is not None and stack.padding is not None:
            self.aside[:, 0] = torch.from_numpy(stack.padding).to(self.aside)
        self.numbers = space.zeros((lanes, capacity, NUMBERS))  # [action, reward, discount, ended]
        # (L, N): where a last frame is kept aside; 0: the episode goes on, -1: nowhere
        self.last = space.zeros((lanes, capacity), dtype=torch.int32)
        self.free: list[list[int]] = [[] for _ in range(lanes)]  # places aside that nothing is in
        # how many frames of its episode lie before a transition's own, at most K - 1, and before the next one's
        self.age = space.zeros((lanes, capacity if self.depth > 1 else 0), dtype=torch.uint8)
        self.coming = space.zeros((lanes,), dtype=torch.int64)
        self.count = 0  # transitions so far

    def put(self, slot: Any, transition: Transition) -> None:
        """Write a transition of every lane."""
        slot, newest, slots = int(slot), self.observation.newest, self.frames.shape[1]
        after, nothing = newest(transition.next_obs), transition.reward[:, None][:, :0]
        self.frames[:, self.count % slots] = newest(transition.obs)
        self.frames[:, (self.count + 1) % slots] = after
        self.engine.put(self.numbers, slot, transition._replace(obs=nothing, next_obs=nothing))
        over = transition.ended != 0  # (L,)
        if self.depth > 1:
            self.age[:, slot] = self.coming
            self.coming = (self.coming + 1).clamp_(max=self.depth - 1) * ~over
        for lane, place in enumerate(self.last[:, slot].tolist()):  # of what was in this slot
            if place > 0:
                self.free[lane].append(place)
        self.last[:, slot] = -over.int()
        if over.any():
            for lane in (over & (transition.discount != 0)).nonzero().flatten().tolist():
                place = self._place(lane)
                self.aside[lane, place], self.last[lane, slot] = after[lane], place
        self.count += 1

    def take(self, index: Tensor) -> Transition:
        """The transitions at ``index`` (L, B)."""
        return self.parts(index)._replace(obs=self.obs(index), next_obs=self.next_obs(index))

    def parts(self, index: Tensor) -> Transition:
        """The same without what was seen, which is empty."""
        return self.engine.take(self.numbers, index, 0)

    def obs(self, index: Tensor) -> Tensor:
        """Their observations (L, B, *S)."""
        return self.engine.take_frames(self, index, False)

    def next_obs(self, index: Tensor) -> Tensor:
        """Their successors (L, B, *S)."""
        return self.engine.take_frames(self, index, True)

    def which(self, index: Tensor, after: bool) -> Tensor:
        """The frames of the stacks at ``index`` (L, B), or ``after`` it, the oldest first: (L, B, K).

        Those of ``frames`` count from 0 up, those of ``aside`` from -1 down.
        """
        import torch

        last, position = self.last.gather(1, index).long(), self.count % self.capacity  # (L, B)
        later = (
            (last >= 0).long() if after else torch.zeros_like(index)
        )  # what has no successor stands for it itself
        moments = index + (self.count - position) - self.capacity * (index >= position) + later  # (L, B)
        before = later + (self.age.gather(1, index).long() if self.depth > 1 else 0)
        back = torch.arange(self.depth - 1, -1, -1, device=index.device)  # (K,)
        slots = (moments[..., None] - torch.minimum(back, before[..., None])) % self.frames.shape[1]
        if self.padded:
            slots = torch.where(back > before[..., None], PAD, slots)
        if after:
            slots[..., -1] = torch.where(last > 0, PAD - last, slots[..., -1])
        return slots

    def state(self, size: int) -> State:
        """What is filled, as it lies: views."""
        return {
            "frames": self.frames[:, : min(self.count + 1, self.frames.shape[1])],
            "aside": self.aside,
            "numbers": self.numbers[:, :size],
            "last": self.last[:, :size],
            "age": self.age[:, :size],
            "coming": self.coming,
            "count": self.count,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from where ``state`` was taken."""
        import torch

        for name in ("frames", "numbers", "last", "age"):
            stored = torch.from_numpy(state[name])
            getattr(self, name)[:, : stored.shape[1]] = stored
        self.aside = torch.from_numpy(state["aside"]).clone()
        self.coming.copy_(torch.from_numpy(state["coming"]))
        self.count = state["count"]
        places = range(self.aside.shape[1] - 1, 0, -1)
        taken = [set(places_of) for places_of in self.last.tolist()]
        self.free = [[place for place in places if place not in of_lane] for of_lane in taken]

    def _place(self, lane: int) -> int:
        """A place aside for one more frame of a lane. A quarter more is made for all where there is none."""
        import torch

        if not self.free[lane]:
            lanes, places, *frame = self.aside.shape
            more = max(1, places // 4)
            self.aside = torch.cat((self.aside, self.aside.new_zeros(lanes, more, *frame)), dim=1)
            for free in self.free:
                free[:0] = range(places + more - 1, places - 1, -1)
        return self.free[lane].pop()
