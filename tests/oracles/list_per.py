"""Proportional prioritised replay on a plain list (Schaul et al. 2016, sections 3.3 and 3.4, Algorithm 1).

No tree: the priorities are a list in the order of the ring's slots, a draw walks along their running sum. It
keeps priorities only; the caller keeps the transitions, in a list of its own, at the slot that `add` returns.
"""

from __future__ import annotations

from collections.abc import Sequence


class ListPER:
    """p_i = |delta_i| + eps, P(i) = p_i^alpha / sum_k p_k^alpha, w_i = (N P(i))^-beta / max_j w_j.

    The maximum of the weights is the batch's. `priorities` holds p by slot, before the power of alpha, and
    is as long as the buffer is full. `largest` is the largest p ever given, also after its transition is
    gone; 1 when there is none.
    """

    def __init__(self, capacity: int, alpha: float, eps: float) -> None:
        self.capacity = capacity
        self.alpha = alpha
        self.eps = eps
        self.priorities: list[float] = []
        self.largest = 1.0
        self.added = 0

    def __len__(self) -> int:
        return len(self.priorities)

    def add(self) -> int:
        """Give a new transition the largest priority so far; return its slot (the oldest's, once full)."""
        slot = self.added % self.capacity
        if slot == len(self.priorities):
            self.priorities.append(self.largest)
        else:
            self.priorities[slot] = self.largest
        self.added += 1
        return slot

    def scaled(self) -> list[float]:
        """p_i^alpha by slot."""
        return [p**self.alpha for p in self.priorities]

    def probabilities(self) -> list[float]:
        """P(i) by slot."""
        scaled = self.scaled()
        total = sum(scaled)
        return [s / total for s in scaled]

    def masses(self, uniforms: Sequence[float], stratified: bool) -> list[float]:
        """Where draw b falls in [0, total): in the b-th of B equal parts; anywhere if not stratified."""
        total = sum(self.scaled())
        masses = []
        for b, u in enumerate(uniforms):
            if stratified:
                masses.append((b + u) / len(uniforms) * total)
            else:
                masses.append(u * total)
        return masses

    def sample(self, uniforms: Sequence[float], stratified: bool = True) -> list[int]:
        """A slot for each uniform number in [0, 1): the first whose running sum is above the draw's mass."""
        scaled = self.scaled()
        slots = []
        for mass in self.masses(uniforms, stratified):
            chosen = None
            running = 0.0
            for slot, s in enumerate(scaled):
                running += s
                if s > 0:
                    chosen = slot  # if rounding puts the mass at the very end, the last one that can be drawn
                if mass < running:
                    break
            if chosen is None:
                raise ValueError("nothing to draw: no transition has a priority above 0")
            slots.append(chosen)
        return slots

    def weights(self, slots: Sequence[int], beta: float) -> list[float]:
        """w_i = (N P(i))^-beta, divided by the largest of this batch (not of the buffer)."""
        probabilities = self.probabilities()
        raw = [(len(self) * probabilities[slot]) ** -beta for slot in slots]
        return [w / max(raw) for w in raw]

    def update(self, slots: Sequence[int], deltas: Sequence[float]) -> None:
        """p = |delta| + eps, of unweighted TD errors. A slot drawn twice gets the same priority twice."""
        for slot, delta in zip(slots, deltas, strict=True):
            p = abs(delta) + self.eps
            self.priorities[slot] = p
            self.largest = max(self.largest, p)
