"""Every combination of slots trains, and what must be equal is equal to the last bit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ablations.dqn import settings
from ablations.dqn.bootstrap import Double, InverseDouble, Max
from ablations.dqn.head import Linear
from ablations.dqn.learner import Learner, learn, train_step
from ablations.dqn.replay.consecutive import Consecutive
from ablations.dqn.replay.latest import Latest
from ablations.dqn.replay.prioritized import Prioritized
from ablations.dqn.replay.uniform import Uniform
from ablations.dqn.target import Hard, NoTarget, Soft
from ablations.dqn.types import Batch
from ablations.dqn.variants import DQN, NAMED, SLOTS, Piece, Variant, acting, differing_slots
from ablations.envs.gym import GymLanes

from . import worlds
from .worlds import ALL_COMBINATIONS, BOOTSTRAPS, HEADS, REPLAYS, SMALL, history, name_of, trained, untrained

SHORT: dict[str, Any] = {"total_timesteps": 70, "learning_starts": 20}
WIDE: dict[str, Any] = {"env_id": "tests/Walk-v0", "env_args": {"actions": 5}, "hidden": (16, 8)}
"""Five actions, so that two networks which differ soon choose differently; in CartPole they may agree for long."""

VARIANTS = {
    **{name: named.variant for name, named in NAMED.items()},
    **{name_of(v): v for v in ALL_COMBINATIONS},
}


def drained(learner: Learner) -> Learner:
    for _ in learn(learner):
        pass
    return learner


@pytest.mark.parametrize("name", VARIANTS)
def test_every_combination_trains_stays_finite_and_changes_all_its_parameters(name: str) -> None:
    learner = untrained(VARIANTS[name], **SHORT)
    start = learner.online.flat.clone()
    before = learner.network.parameters(learner.network.views(start))
    drained(learner)
    assert learner.updates == 51
    assert learner.diverged_at == {}
    assert learner.online.flat.isfinite().all()
    assert learner.target_params.isfinite().all()
    for part_name, part in learner.network.parameters(learner.online.layers).items():
        assert (part != before[part_name]).flatten(1).any(-1).all(), part_name  # in every lane
    used = sum(dense.size for dense in learner.network.layers)
    assert learner.online.flat[:, used:].count_nonzero() == 0  # the padding stays out of it


@pytest.mark.parametrize("replay", REPLAYS, ids=lambda piece: piece.kind)
@pytest.mark.parametrize("head", HEADS, ids=str)
def test_hard_one_no_target_and_soft_one_are_the_same_run_under_every_bootstrap(
    replay: Piece, head: Piece
) -> None:
    trivial: tuple[Piece, ...] = (NoTarget(), Hard(1), Soft(1.0))
    runs = [
        trained(Variant(replay, target, bootstrap, head), **SHORT).online.flat
        for target, bootstrap in product(trivial, BOOTSTRAPS)
    ]
    assert all(torch.equal(run, runs[0]) for run in runs)


@pytest.mark.parametrize("bootstrap", [Double(), InverseDouble()])
@pytest.mark.parametrize("head", HEADS, ids=str)
def test_double_is_max_until_the_networks_part_and_differs_after(bootstrap: Piece, head: Piece) -> None:
    """Before the first sync theta- is the start: the first update is equal, later ones are not."""
    both = [
        untrained(Variant(target=Hard(50), bootstrap=each, head=head), **WIDE, **SHORT)
        for each in (Max(), bootstrap)
    ]
    for one, other in zip(*(learn(each) for each in both), strict=True):
        if one.step == 20:
            assert torch.equal(both[0].online.flat, both[1].online.flat)
            assert torch.equal(one.updates[0].delta, other.updates[0].delta)
    assert not torch.equal(both[0].online.flat, both[1].online.flat)


@cache
def result(variant: Variant, engine: str) -> Tensor:
    """What a variant has learned: action values at fixed states, so that networks of any shape compare."""
    learner = trained(variant, **WIDE, **SHORT)
    states = torch.linspace(-1, 1, 2 * 5 * 4).view(2, 5, 4)
    with torch.no_grad():
        return learner.q(states)


def neighbors() -> Iterator[tuple[Variant, Variant]]:
    """Pairs of all combinations that differ in exactly one slot."""
    for i, one in enumerate(ALL_COMBINATIONS):
        yield from ((one, other) for other in ALL_COMBINATIONS[:i] if len(differing_slots(one, other)) == 1)


def test_a_changed_slot_changes_the_result_except_for_aliases() -> None:
    pairs = list(neighbors())
    assert {differing_slots(*pair)[0] for pair in pairs} == set(SLOTS)
    for one, other in pairs:
        alike = acting(one) == acting(other)
        assert torch.equal(result(one, worlds.ENGINE), result(other, worlds.ENGINE)) == alike, (
            f"{name_of(one)} and {name_of(other)}"
        )


def test_every_named_variant_gives_a_result_of_its_own() -> None:
    found: dict[str, Tensor] = {}
    for name, named in NAMED.items():
        variant = named.variant
        if isinstance(variant.target, Hard):
            variant = replace(variant, target=Hard(10))
        found[name] = result(variant, worlds.ENGINE)
    for name, values in found.items():
        assert not any(torch.equal(values, found[other]) for other in found if other != name), name


QUICK: dict[str, Any] = {"total_timesteps": 120, "learning_starts": 30, "exploration_fraction": 0.5}

CHANGED: dict[str, dict[str, Any]] = {
    "learning_rate": {"learning_rate": 1e-3},
    "buffer_size": {"buffer_size": 99},
    "batch_size": {"batch_size": 7},
    "gamma": {"gamma": 0.9},
    "learning_starts": {"learning_starts": 31},
    "train_frequency": {"train_frequency": 2},
    "gradient_steps": {"gradient_steps": 2},
    "start_e": {"start_e": 0.5},
    "end_e": {"end_e": 0.5},
    "epsilon_schedule": {"epsilon_schedule": "exponential"},
    "exploration_fraction": {"exploration_fraction": 0.9},
    "hidden": {"hidden": (17,)},
    "loss": {"loss": "huber"},
    "optimizer": {"optimizer": "rmsprop"},
    "adam_eps": {"adam_eps": 1e-3},
    "max_grad_norm": {"max_grad_norm": 0.01},
    "total_timesteps": {"total_timesteps": 121},
}


def ends(**changes: Any) -> Tensor:
    """The parameters that `dqn` ends with."""
    return trained(DQN, **{**QUICK, **changes}).online.flat


def test_every_setting_changes_the_result() -> None:
    base = ends()
    assert [name for name, values in CHANGED.items() if torch.equal(ends(**values), base)] == []
    one, other = (ends(epsilon_schedule="exponential", epsilon_decay=decay) for decay in (0.9, 0.99))
    assert not torch.equal(one, other)
    one, other = (
        ends(env_id="tests/Counter-v0", env_args={"length": 9, "cut": True}, bootstrap_truncated=choice)
        for choice in (True, False)
    )
    assert not torch.equal(one, other)
    assert {*CHANGED, "epsilon_decay", "bootstrap_truncated"} == set(settings.NAMES)


NUMBERS: list[tuple[Variant, Variant]] = [
    (Variant(target=Hard(7)), Variant(target=Hard(8))),
    (Variant(target=Soft(0.05)), Variant(target=Soft(0.06))),
    *((Variant(head=Linear()), Variant(head=head)) for head in HEADS[1:]),
    *(
        (Variant(replay=Prioritized()), Variant(replay=other))
        for other in (
            Prioritized(alpha=0.5),
            Prioritized(beta_start=0.5),
            Prioritized(beta_end=0.9),
            Prioritized(eps=1e-2),
            Prioritized(stratified=False),
        )
    ),
]


@pytest.mark.parametrize(("one", "other"), NUMBERS, ids=str)
def test_every_number_of_a_piece_changes_the_result(one: Variant, other: Variant) -> None:
    assert not torch.equal(trained(one, **SHORT).online.flat, trained(other, **SHORT).online.flat)


# --- replay


@pytest.mark.parametrize("stratified", [True, False])
def test_prioritised_with_alpha_zero_has_weights_of_exactly_one_throughout(stratified: bool) -> None:
    learner = untrained(Variant(replay=Prioritized(alpha=0.0, stratified=stratified)), **SHORT)
    for record in learn(learner):
        for update in record.updates:
            assert (update.batch.weight == 1).all()


def test_unstratified_prioritised_with_alpha_zero_is_uniform_replay_bit_for_bit() -> None:
    pieces = (Prioritized(alpha=0.0, stratified=False), Uniform())
    flat, uniform = (trained(Variant(replay=piece, target=Hard(7)), buffer_size=64) for piece in pieces)
    assert torch.equal(flat.online.flat, uniform.online.flat)


def test_prioritised_with_alpha_zero_draws_every_stored_transition_equally_often() -> None:
    learner = untrained(Variant(replay=Prioritized(alpha=0.0)), total_timesteps=900, buffer_size=40)
    counts = torch.zeros(2, 40)
    for record in learn(learner):
        for update in record.updates:
            if record.step > 50:
                counts.scatter_add_(1, update.batch.index, torch.ones(2, 8))
    expected = counts.sum(-1, keepdim=True) / 40
    chi_square = ((counts - expected) ** 2 / expected).sum(-1)
    assert (chi_square < 62.4).all()  # the 99 % point at 39 degrees of freedom


@pytest.mark.parametrize("head", HEADS, ids=str)
def test_uniform_of_one_slot_and_consecutive_of_one_have_the_gradient_of_latest(head: Piece) -> None:
    numbers = {**SHORT, "batch_size": 1}
    latest = trained(Variant(Latest(), Hard(7), Max(), head), **numbers)
    uniform = trained(Variant(Uniform(), Hard(7), Max(), head), **{**numbers, "buffer_size": 1})
    consecutive = trained(Variant(Consecutive(), Hard(7), Max(), head), **numbers)
    assert torch.equal(uniform.online.flat, latest.online.flat)
    assert torch.equal(consecutive.online.flat, latest.online.flat)


def test_a_batch_of_copies_from_one_slot_has_the_gradient_of_latest_up_to_rounding() -> None:
    latest = untrained(Variant(replay=Latest()), dtype=torch.float64, **SHORT)
    uniform = untrained(Variant(replay=Uniform()), dtype=torch.float64, **SHORT, buffer_size=1)
    for one, _ in zip(learn(latest), learn(uniform), strict=True):
        if one.step == 20:
            break
    first = [
        learner.optimizer.moments.first for learner in (uniform, latest)
    ]  # after one update, a tenth of the gradient
    torch.testing.assert_close(*first, rtol=1e-12, atol=1e-14)
    assert first[0].count_nonzero() > 0


def test_latest_ignores_buffer_size_and_batch_size() -> None:
    """But for the draws: each update takes batch_size of them, used or not, so none may matter."""
    runs = [
        trained(NAMED["no-replay"].variant, batch_size=b, buffer_size=n).online.flat
        for b, n in ((8, 100), (3, 9))
    ]
    assert torch.equal(*runs)


def descended(learner: Learner, batch: Batch, y: Tensor) -> Tensor:
    """The gradient (L, P) of one update by SGD, which is undone."""
    before = learner.online.flat.clone()
    learner.optimizer.descend(batch, y)
    gradient = (before - learner.online.flat) / learner.settings.learning_rate
    learner.online.flat.copy_(before)
    return gradient


@pytest.mark.parametrize("loss", ["squared", "huber"])
@pytest.mark.parametrize("head", HEADS, ids=str)
def test_a_sample_of_weight_zero_has_no_gradient_under_either_loss(loss: str, head: Piece) -> None:
    learner = trained(Variant(head=head), **SHORT, dtype=torch.float64, optimizer="sgd", loss=loss)
    batch = learner.variant.replay.sample(learner.memory, learner.sampling.next(), 1.0)
    y = 100 * torch.ones_like(batch.reward)  # far beyond Huber's border
    assert descended(learner, replace(batch, weight=torch.zeros_like(y)), y).count_nonzero() == 0
    weight = torch.ones_like(y)
    weight[:, ::2] = 0.0
    half = replace(
        batch, obs=batch.obs[:, 1::2], action=batch.action[:, 1::2], weight=torch.ones_like(y[:, 1::2]) / 2
    )
    expected = descended(learner, half, y[:, 1::2])
    found = descended(learner, replace(batch, weight=weight), y)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    assert found.count_nonzero() > 0


def test_the_weights_of_prioritised_replay_reach_the_gradient_under_either_loss() -> None:
    """Dropping them would leave the gradient of the plain mean."""
    for loss in ("squared", "huber"):
        variant = Variant(replay=Prioritized(alpha=1.0, beta_start=1.0))
        learner = trained(variant, **SHORT, loss=loss, optimizer="sgd")
        before = learner.network.views(learner.online.flat.clone())
        update = train_step(learner, 100)
        q = update.q.gather(-1, update.batch.action[..., None]).squeeze(-1)
        assert update.batch.weight.min() < 0.9
        torch.testing.assert_close(update.loss, (update.batch.weight * error(update.delta, loss)).mean(-1))
        layers = {
            name: type(layer)(*(part.requires_grad_() for part in layer)) for name, layer in before.items()
        }
        again = learner.network.values(layers, update.batch.obs).gather(-1, update.batch.action[..., None])
        slope = update.delta if loss == "squared" else update.delta.clamp(-1, 1)
        proxy = (-update.batch.weight * slope * again.squeeze(-1)).mean(-1).sum()
        bias = layers["advantage"].bias
        (expected,) = torch.autograd.grad(proxy, bias)
        now = learner.network.views(learner.online.flat)["advantage"].bias
        found = (bias.detach() - now) / learner.settings.learning_rate
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)  # of a difference in float32
        torch.testing.assert_close(again.squeeze(-1).detach(), q)


# --- seeds and streams


@pytest.mark.parametrize("name", ["dqn", "per", "combined", "naive"])
def test_the_same_seed_gives_the_same_bits(name: str) -> None:
    one, other = (untrained(NAMED[name].variant) for _ in range(2))
    assert history(one) == history(other)
    assert torch.equal(one.online.flat, other.online.flat)
    assert torch.equal(one.target_params, other.target_params)


def test_different_seeds_and_entropies_start_and_end_with_different_weights() -> None:
    for make in (untrained, trained):
        cohorts = [make(DQN, seeds=range(8), entropy=entropy, **SHORT) for entropy in (0, 1)]
        used = sum(dense.size for dense in cohorts[0].network.layers)
        rows = torch.cat([cohort.online.flat[:, :used] for cohort in cohorts])
        for i, one in enumerate(rows):
            assert (rows[:i] != one).all()


def test_torchs_and_numpys_global_generators_have_no_part_in_it() -> None:
    numbers = repr(np.random.get_state())  # noqa: NPY002
    state = torch.get_rng_state()
    one = trained(NAMED["combined"].variant, **SHORT)
    assert torch.equal(torch.get_rng_state(), state)
    assert repr(np.random.get_state()) == numbers  # noqa: NPY002
    torch.manual_seed(99)
    assert torch.equal(trained(NAMED["combined"].variant, **SHORT).online.flat, one.online.flat)


def test_at_one_seed_every_variant_meets_the_same_resets_weights_and_exploration_draws() -> None:
    learners = {name: untrained(named.variant, seeds=[4, 2], **SHORT) for name, named in NAMED.items()}
    dqn = learners["dqn"]
    for name, learner in learners.items():
        assert (learner.envs.obs == dqn.envs.obs).all(), name
        shared = ["trunk_0"] if name == "dueling-deep" else ["trunk_0", "advantage"]
        for layer in shared:
            for part, expected in zip(learner.online.layers[layer], dqn.online.layers[layer], strict=True):
                assert torch.equal(part, expected), name
    for learner in learners.values():
        drained(learner)
    draws = [learner.exploration.next().tolist() for learner in learners.values()]
    assert draws == [draws[0]] * len(draws)
    samples = [learner.sampling.next().tolist() for learner in learners.values()]
    assert samples == [samples[0]] * len(samples)


def test_while_everyone_explores_every_variant_sees_the_same_episodes() -> None:
    found = [history(untrained(named.variant, **SHORT, end_e=1.0)) for named in NAMED.values()]
    assert len(found[0][0]) >= 2
    assert found == [found[0]] * len(found)


def test_exploration_is_independent_of_the_environments_randomness() -> None:
    """One integer seed for both would correlate them: the same doubles would come up in both."""
    learner = untrained(DQN, seeds=range(20), env_id="tests/Walk-v0")
    coins = torch.stack([learner.exploration.next() for _ in range(50)]).flatten().tolist()
    assert isinstance(learner.envs, GymLanes)
    theirs = [float(x) for env in learner.envs.envs for x in env.unwrapped.np_random.random(100)]
    assert not set(coins) & set(theirs)
    samples = torch.stack([learner.sampling.next() for _ in range(50)]).flatten().tolist()
    assert not set(coins) & set(samples)
    assert not set(samples) & set(theirs)


def test_small_settings_stay_valid() -> None:
    """The laws' small trainings are settings that a study would accept."""
    assert list(settings.objections(settings.Settings(**SMALL).plain())) == []
