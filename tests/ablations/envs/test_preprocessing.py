"""Atari by Gymnasium's own wrappers: what reaches the network, and what a study may say of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ablations.envs import preprocessing
from ablations.envs.gym import GymLanes, make
from ablations.envs.preprocessing import Nature

PONG = "ALE/Pong-v5"
NATURE = {"preprocessing": {"kind": "nature"}}


@pytest.mark.parametrize(
    ("env_id", "args", "given", "said"),
    [
        (PONG, {}, None, 'write [env."ALE/Pong-v5"] preprocessing = "nature"'),
        (PONG, {"obs_type": "ram"}, None, None),
        (PONG, {}, Nature(), None),
        (PONG, {"repeat_action_probability": 0.0}, Nature(life_loss=True), None),
        (PONG, {"frameskip": 4}, Nature(), "'nature' sets frameskip itself"),
        ("CartPole-v1", {}, Nature(), "'CartPole-v1' is no Atari game"),
        ("CartPole-v1", {}, None, None),
    ],
)
def test_an_atari_game_has_its_frames_prepared_and_nothing_else_has(
    env_id: str, args: dict[str, Any], given: Nature | None, said: str | None
) -> None:
    found = preprocessing.objection(env_id, args, given)
    assert found == said if said is None else said in (found or "")


def test_what_an_environment_is_made_of_leaves_preprocessing_out() -> None:
    args = {"mode": 1, "preprocessing": {"kind": "nature", "life_loss": True}}
    assert preprocessing.parted(PONG, args) == ({"mode": 1, "frameskip": 1}, Nature(life_loss=True))
    assert preprocessing.parted("my/Env-v0", args) == (args, None)


def test_a_table_of_defaults_is_the_word_alone() -> None:
    assert Nature().plain() == {"kind": "nature"}
    assert Nature(life_loss=True).plain() == {"kind": "nature", "life_loss": True}


@pytest.mark.slow
def test_a_network_sees_the_last_four_grey_frames_and_returns_stay_the_score() -> None:
    env = make(PONG, NATURE)
    seen, _ = env.reset(seed=1)
    assert (seen.shape, seen.dtype) == ((4, 84, 84), np.uint8)
    before = seen
    for _ in range(3):
        seen, *_ = env.step(0)
        assert np.array_equal(seen[:3], before[1:])
        before = seen
    lanes = GymLanes(PONG, NATURE, 0, [0])
    assert lanes.clips_rewards
    assert not GymLanes("CartPole-v1", {}, 0, [0]).clips_rewards
