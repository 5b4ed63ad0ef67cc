"""A run that is cut off at any step and resumed from its checkpoint is, to the bit, one that was never disturbed."""

from __future__ import annotations

import random
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
import torch

from ablations.dqn.variants import NAMED
from ablations.runner import checkpoints
from ablations.runner.tasks import CohortJob
from ablations.runner.training import Training

from . import toys, worlds
from .cut import TOTAL, cohort, go_on, resumed, saved, whole

ENVIRONMENTS = ("CartPole-v1", "ablations/Grid-v0", "tests/Walk-v0")
IMAGES = ("tests/Pictures-v0", "tests/StackedPictures-v0")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.parametrize(("variant", "env_id"), list(zip(NAMED, cycle(ENVIRONMENTS), strict=False)))
def test_every_variant_goes_on_to_the_same_bits(tmp_path: Path, variant: str, env_id: str) -> None:
    job = cohort(tmp_path, variant, env_id, seeds=(3, 1))
    cut = random.Random(f"{variant} {env_id}").randrange(1, TOTAL)
    first = go_on(Training(job), 0, cut)
    again, step = resumed(job, saved(job, first, cut))
    assert step == cut
    assert whole(job, go_on(again, cut)) == whole(job, go_on(first, cut)), f"cut at {cut}"


@pytest.mark.parametrize("env_id", IMAGES)
@pytest.mark.parametrize("variant", ["combined", "no-replay", "n-step"])
def test_a_run_on_images_goes_on_to_the_same_bits_also_without_a_lane(
    tmp_path: Path, env_id: str, variant: str
) -> None:
    job = cohort(tmp_path, variant, env_id)
    undisturbed = whole(job, go_on(Training(job), 0))
    path = saved(job, go_on(Training(job), 0, 97), 97)
    again, _ = resumed(job, path)
    assert whole(job, go_on(again, 97)) == undisturbed
    part: CohortJob = {**job, "lanes": [job["lanes"][i] for i in (2, 0)]}
    again, _ = resumed(part, path)
    assert whole(part, go_on(again, 97)) == [undisturbed[i] for i in (2, 0)]


@pytest.mark.parametrize("env_id", ENVIRONMENTS)
def test_writing_a_checkpoint_changes_nothing(tmp_path: Path, env_id: str) -> None:
    job = cohort(tmp_path, "combined", env_id)
    training = go_on(Training(job), 0, 61)
    saved(job, training, 61)
    assert whole(job, go_on(training, 61)) == whole(job, go_on(Training(job), 0))


@cache
def never_cut(engine: str) -> list[dict[str, Any]]:
    """Everything of a cohort of this engine, the laws' own; nothing is stored of it."""
    job = cohort(Path("nowhere"), "combined", "tests/Walk-v0")
    return whole(job, go_on(Training(job), 0))


@pytest.mark.parametrize("cut", [1, 19, 20, 29, 30, 31, 59, 60, 61, 119, 120, TOTAL - 1, TOTAL])
def test_wherever_it_is_cut(tmp_path: Path, cut: int) -> None:
    job = cohort(tmp_path, "combined", "tests/Walk-v0")
    again, _ = resumed(job, saved(job, go_on(Training(job), 0, cut), cut))
    assert whole(job, go_on(again, cut)) == never_cut(worlds.ENGINE)


@pytest.mark.parametrize(
    "settings",
    [
        {"train_frequency": 7},
        {"gradient_steps": 3, "max_grad_norm": 0.5},
        {"train_frequency": 7, "max_grad_norm": 0.5, "optimizer": "rmsprop"},
        {"optimizer": "sgd", "loss": "huber"},
        {"epsilon_schedule": "exponential", "hidden": []},
        {"learning_starts": TOTAL + 1},
        {"buffer_size": 1000},
    ],
    ids=str,
)
def test_whatever_the_settings(tmp_path: Path, settings: dict[str, Any]) -> None:
    job = cohort(tmp_path, "per", **settings)
    undisturbed = whole(job, go_on(Training(job), 0))
    for cut in (17, 66, 103):
        again, _ = resumed(job, saved(job, go_on(Training(job), 0, cut), cut))
        assert whole(job, go_on(again, cut)) == undisturbed, f"cut at {cut}"


def test_it_may_be_cut_again_and_again(tmp_path: Path) -> None:
    job = cohort(tmp_path, "per")
    undisturbed = whole(job, go_on(Training(job), 0))
    training, at = Training(job), 0
    for cut in (2, 40, 41, 77, 128):
        path = saved(job, go_on(training, at, cut), cut)
        training, at = resumed(job, path)
    assert whole(job, go_on(training, at)) == undisturbed


@pytest.mark.parametrize("env_id", ENVIRONMENTS)
def test_some_lanes_go_on_without_the_others_and_in_another_order(tmp_path: Path, env_id: str) -> None:
    job = cohort(tmp_path, "combined", env_id, seeds=range(5))
    undisturbed = whole(job, go_on(Training(job), 0))
    path = saved(job, go_on(Training(job), 0, 85), 85)
    for chosen in ([4, 1], [2], [0, 3]):
        part: CohortJob = {**job, "lanes": [job["lanes"][i] for i in chosen]}
        again, at = resumed(part, path)
        assert whole(part, go_on(again, at)) == [undisturbed[i] for i in chosen]


def test_a_lane_that_diverged_before_the_cut_stays_diverged(tmp_path: Path) -> None:
    odd, even = (seeds[0] for seeds in toys.odd_and_even())
    job = cohort(tmp_path, "per", "tests/Spiky-v0", (even, odd), {"at_step": 50, "spike": 1e38})
    undisturbed = whole(job, go_on(Training(job), 0))
    assert [each["diverged_at"] is None for each in undisturbed] == [True, False]
    again, _ = resumed(job, saved(job, go_on(Training(job), 0, 90), 90))
    assert whole(job, go_on(again, 90)) == undisturbed


def test_a_lane_whose_environment_raised_is_left_out(tmp_path: Path) -> None:
    odd, even = (seeds[0] for seeds in toys.odd_and_even())
    nothing = {"probe_every": 0, "eval_every": 0}
    job = cohort(tmp_path, "dqn", "tests/Fragile-v0", (odd, even), {"at_step": 50}, nothing)
    training = go_on(Training(job), 0, 90)
    assert set(training.envs.failures) == {0}
    path = saved(job, training, 90, out=[0])
    assert checkpoints.read_header(path).keys == (job["lanes"][1]["key"],)
    well: CohortJob = {**job, "lanes": job["lanes"][1:]}
    again, _ = resumed(well, path)
    with pytest.raises(checkpoints.Refused, match="does not hold all of these runs"):
        resumed(job, path)
    assert whole(well, go_on(again, 90)) == whole(job, go_on(training, 90))[1:]
