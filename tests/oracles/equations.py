"""The equations one by one, on plain Python numbers, so that each can be checked by hand.

Nothing here knows about networks, batches or replay. `q_next` is the list of Q(s', a) over actions by the
online network, `q_minus_next` the same by the target network, `discount` is gamma times (1 - terminated).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any


def first_maximum(values: Sequence[float]) -> int:
    """Index of the largest value; the first of several equal ones."""
    best = 0
    for index in range(1, len(values)):
        if values[index] > values[best]:
            best = index
    return best


# --- targets -----------------------------------------------------------------


def discount_of(gamma: float, terminated: bool, truncated: bool, bootstrap_truncated: bool) -> float:
    """gamma (1 - terminated). `bootstrap_truncated=False`, the lessons' way, cuts at a time limit as well.

    Pardo et al. 2018: a time limit is not a terminal state; when both flags are set, terminated wins.
    """
    if terminated:
        return 0.0
    if truncated and not bootstrap_truncated:
        return 0.0
    return gamma


def max_target(reward: float, discount: float, q_minus_next: Sequence[float]) -> float:
    """y = r + gamma (1 - terminated) max_a Q-(s', a). Mnih et al. 2015, Algorithm 1."""
    return reward + discount * max(q_minus_next)


def double_target(
    reward: float, discount: float, q_next: Sequence[float], q_minus_next: Sequence[float]
) -> float:
    """y = r + gamma (1 - terminated) Q-(s', argmax_a Q(s', a)). van Hasselt, Guez and Silver 2016."""
    return reward + discount * q_minus_next[first_maximum(q_next)]


def inverse_double_target(
    reward: float, discount: float, q_next: Sequence[float], q_minus_next: Sequence[float]
) -> float:
    """y = r + gamma (1 - terminated) Q(s', argmax_a Q-(s', a)). van Hasselt et al. 2018."""
    return reward + discount * q_next[first_maximum(q_minus_next)]


def target_of(
    bootstrap: str, reward: float, discount: float, q_next: Sequence[float], q_minus_next: Sequence[float]
) -> float:
    """One of the three, by the name of its piece."""
    if bootstrap == "max":
        return max_target(reward, discount, q_minus_next)
    if bootstrap == "double":
        return double_target(reward, discount, q_next, q_minus_next)
    if bootstrap == "inverse-double":
        return inverse_double_target(reward, discount, q_next, q_minus_next)
    raise ValueError(f"unknown bootstrap {bootstrap!r}")


def window(
    transitions: Sequence[tuple[Any, int, float, float, Any, bool]], start: int, n: int, gamma: float
) -> tuple[float, float, Any]:
    """R, d and s of y = R + d bootstrap(s): n steps of (state, action, reward, discount, next state, ended).

    R = sum_i gamma^i r_{start + i} over a window of n, cut short behind a termination, behind a truncation (which
    bootstraps at its own last state) and behind the newest transition; d = gamma^(steps - 1) times the last discount.
    """
    total, power, place = 0.0, 1.0, start
    while True:
        _, _, reward, discount, next_state, ended = transitions[place]
        total += power * reward
        if ended or place - start + 1 == n or place == len(transitions) - 1:
            return total, power * discount, next_state
        power *= gamma
        place += 1


def log_policy(values: Sequence[float], tau: float) -> list[float]:
    """tau log softmax(Q / tau) = Q - max Q - tau log sum exp((Q - max Q) / tau), of one state."""
    top = max(values)
    log_sum = math.log(sum(math.exp((value - top) / tau) for value in values))
    return [value - top - tau * log_sum for value in values]


def munchausen_target(
    numbers: dict[str, Any],
    reward: float,
    discount: float,
    action: int,
    q_minus: Sequence[float],
    q_minus_next: Sequence[float],
) -> float:
    """r + alpha clip(tau log pi(a|s), l0, 0) + d sum_a' pi(a'|s') [Q-(s', a') - tau log pi(a'|s')].

    pi = softmax(Q- / tau). Vieillard, Pietquin and Geist 2020; without alpha (soft-q) its second term is missing.
    """
    tau = numbers["tau"]
    value = 0.0
    for q, scaled in zip(q_minus_next, log_policy(q_minus_next, tau), strict=True):
        value += math.exp(scaled / tau) * (q - scaled)
    bonus = 0.0
    if numbers["kind"] == "munchausen":
        bonus = numbers["alpha"] * min(0.0, max(numbers["clip"], log_policy(q_minus, tau)[action]))
    return reward + bonus + discount * value


# --- head --------------------------------------------------------------------


def dueling(value: float, advantages: Sequence[float]) -> list[float]:
    """Q(s, a) = V(s) + A(s, a) - mean_a' A(s, a'), for one state. Wang et al. 2016, eq. 9."""
    mean = sum(advantages) / len(advantages)
    return [value + advantage - mean for advantage in advantages]


# --- loss --------------------------------------------------------------------


def squared(delta: float) -> float:
    """delta^2 / 2."""
    return delta * delta / 2


def huber(delta: float) -> float:
    """delta^2 / 2 where |delta| <= 1, |delta| - 1/2 beyond: its slope is the error clipped to [-1, 1]."""
    if abs(delta) <= 1:
        return delta * delta / 2
    return abs(delta) - 0.5


def bins(atoms: int, v_min: float, v_max: float) -> tuple[list[float], float]:
    """Centers of ``atoms`` equal bins of [v_min, v_max], and the width of one."""
    width = (v_max - v_min) / atoms
    return [v_min + (i + 0.5) * width for i in range(atoms)], width


def gauss_bins(y: float, atoms: int, sigma: float, v_min: float, v_max: float) -> list[float]:
    """The probability of each bin under a Gaussian around y, of ``sigma`` widths, cut off at the range's ends.

    p_i = Phi((z_i + s/2 - y) / sigma) - Phi((z_i - s/2 - y) / sigma), renormalized; y is clamped into the range
    first. Farebrother et al. 2024.
    """
    centers, width = bins(atoms, v_min, v_max)
    y = min(max(y, v_min), v_max)

    def below(x: float) -> float:
        return (1 + math.erf((x - y) / (sigma * width) / math.sqrt(2))) / 2

    masses = [below(z + width / 2) - below(z - width / 2) for z in centers]
    return [mass / sum(masses) for mass in masses]


def mean_loss(loss: str, deltas: Sequence[float], weights: Sequence[float]) -> float:
    """mean_b w_b f(delta_b): the weight multiplies the loss of its sample, whatever the loss."""
    f = {"squared": squared, "huber": huber}[loss]
    total = 0.0
    for delta, weight in zip(deltas, weights, strict=True):
        total += weight * f(delta)
    return total / len(deltas)


def clip_scale(norm: float, max_norm: float) -> float:
    """What the gradient is multiplied by: min(1, max_norm / (norm + 1e-6)); 1 where clipping is off (0)."""
    if max_norm <= 0:
        return 1.0
    return min(1.0, max_norm / (norm + 1e-6))


# --- target network ----------------------------------------------------------


def follow(target: dict[str, Any], target_params: Any, online: Any, update: int) -> Any:
    """theta- of one weight, or of one tensor of them, after `update` finished updates.

    none: theta- is theta. hard: theta- <- theta every `period` updates (Mnih et al. 2015).
    soft: theta- <- tau theta + (1 - tau) theta- (Lillicrap et al. 2016).
    """
    if target["kind"] == "none":
        return online
    if target["kind"] == "hard":
        return online if update % target["period"] == 0 else target_params
    if target["kind"] == "soft":
        return target["tau"] * online + (1 - target["tau"]) * target_params
    raise ValueError(f"unknown target {target['kind']!r}")


def reset_layers(streams: Sequence[Sequence[str]], layers: int) -> list[str]:
    """The last ``layers`` of each stream of dense layers (input to output), each once. Nikishin et al. 2022."""
    last: list[str] = []
    for names in streams:
        last += [name for name in names[-layers:] if name not in last]
    return last


# --- schedules ---------------------------------------------------------------


def epsilon_of(exploration: dict[str, Any], total_timesteps: int, step: int, updates: int) -> float:
    """Exploration at environment step `step` (1, 2, ...), after `updates` finished updates.

    linear: from start_e at the first step down to end_e after exploration_fraction of the run, then end_e.
    exponential: start_e * epsilon_decay^updates, never below end_e. constant: start_e.
    """
    start, end = float(exploration["start_e"]), float(exploration["end_e"])
    decay: float = exploration["epsilon_decay"]
    schedule = exploration["schedule"]
    if schedule == "linear":
        duration: float = exploration["exploration_fraction"] * total_timesteps
        steps_done = step - 1
        if steps_done >= duration:  # also where the duration is 0
            return end
        return max(end, start + (end - start) * steps_done / duration)
    if schedule == "exponential":
        return max(end, start * math.pow(decay, updates))
    if schedule == "constant":
        return start
    raise ValueError(f"unknown epsilon_schedule {schedule!r}")


def softmax(values: Sequence[float], temperature: float) -> list[float]:
    """pi(a) = exp(Q(a) / T) / sum_b exp(Q(b) / T)."""
    powers = [math.exp((value - max(values)) / temperature) for value in values]
    return [power / sum(powers) for power in powers]


def drawn_from(probabilities: Sequence[float], u: float) -> int:
    """The first index at which the cumulated probabilities exceed u; the last where rounding leaves none."""
    total = 0.0
    for index, probability in enumerate(probabilities):
        total += probability
        if u < total:
            return index
    return len(probabilities) - 1


def beta_of(beta_start: float, beta_end: float, step: int, total_timesteps: int) -> float:
    """PER's exponent of the weights, annealed linearly over the run. Schaul et al. 2016, section 3.4."""
    return beta_start + (beta_end - beta_start) * step / total_timesteps


# --- initial weights ---------------------------------------------------------


def weight_bound(fan_in: int) -> float:
    """k of uniform(-k, k): 1 / sqrt(fan_in), for weights and biases alike."""
    return 1 / math.sqrt(fan_in)
