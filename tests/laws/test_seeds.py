"""A seed is the whole of a run's chance: the same bits again, other bits under another, shared by all variants."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from ablations.dqn.exploration import EpsilonGreedy
from ablations.dqn.variants import DQN, NAMED
from ablations.envs.gym import GymLanes

from .covering import SHOWING
from .worlds import drained, history, trained, untrained

SHORT: dict[str, Any] = {"total_timesteps": 70, "learning_starts": 20}


@pytest.mark.parametrize("name", ["dqn", "per", "combined", "naive"])
def test_the_same_seed_gives_the_same_bits(name: str) -> None:
    one, other = (untrained(NAMED[name].variant) for _ in range(2))
    assert history(one) == history(other)
    assert torch.equal(one.online.flat, other.online.flat)
    assert torch.equal(one.target_params, other.target_params)


def test_different_seeds_and_entropies_start_and_end_with_different_weights() -> None:
    for make in (untrained, trained):
        cohorts = [make(DQN, seeds=range(8), entropy=entropy, **SHORT) for entropy in (0, 1)]
        used = sum(parameter.size for parameter in cohorts[0].network.parameters)
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
    learners = {name: untrained(variant, seeds=[4, 2], **SHORT) for name, variant in SHOWING.items()}
    dqn = learners["dqn"]
    for name, learner in learners.items():
        assert (learner.envs.obs == dqn.envs.obs).all(), name
        other_heads = ("dueling-deep", "hl-gauss")  # whose last layer is of another shape
        shared = ["trunk_0"] if name in other_heads else ["trunk_0", "advantage"]
        for part, expected in dqn.online.params.items():
            if part.split(".")[0] in shared:
                assert torch.equal(learner.online.params[part], expected), name
    for learner in learners.values():
        drained(learner)
    draws = [learner.exploration.next().tolist() for learner in learners.values()]
    assert draws == [draws[0]] * len(draws)
    samples = [learner.sampling.next().tolist() for learner in learners.values()]
    assert samples == [samples[0]] * len(samples)


def test_while_everyone_explores_every_variant_sees_the_same_episodes() -> None:
    explorers = [variant for variant in SHOWING.values() if isinstance(variant.exploration, EpsilonGreedy)]
    found = [history(untrained(variant, **SHORT, end_e=1.0)) for variant in explorers]
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
