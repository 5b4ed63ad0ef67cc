"""Images in a memory: every sampled transition against the list of all that the environment and its wrapper gave."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from ablations import engines
from ablations.dqn.replay.consecutive import Consecutive
from ablations.dqn.replay.frames import Frames
from ablations.dqn.replay.latest import Latest
from ablations.dqn.replay.prioritized import Prioritized
from ablations.dqn.replay.ring import Ring
from ablations.dqn.replay.uniform import Uniform
from ablations.dqn.returns import NStep
from ablations.dqn.types import Space, Transition
from ablations.dqn.variants import Piece
from ablations.engines import reference
from ablations.envs.gym import GymLanes
from ablations.envs.observations import Observation, Stack
from ablations.runner.memory import tensor_bytes
from tests.ablations.envs import pictures  # noqa: F401  (registers environments)

from .. import coded
from ..coded import drawn

GAMMA = 0.5
SMALL = {"shape": (7, 6), "dtype": "uint8"}
WORLDS: dict[str, tuple[str, dict[str, Any]]] = {
    "bool": ("tests/Pictures-v0", {}),
    "uint8": ("tests/Pictures-v0", SMALL),
    "float": ("tests/Pictures-v0", {**SMALL, "dtype": "float32"}),
    "a row of bytes": ("tests/Pictures-v0", {"shape": (50,), "dtype": "uint8"}),
    "stack": ("tests/StackedPictures-v0", SMALL),
    "zeros before": ("tests/StackedPictures-v0", {**SMALL, "padding": "zero"}),
    "sevens before": ("tests/StackedPictures-v0", {**SMALL, "padding": "sevens", "size": 3}),
    "channels": ("tests/StackedPictures-v0", {"shape": (5, 4, 3), "dtype": "uint8", "size": 2}),
    "long stack": ("tests/StackedPictures-v0", {**SMALL, "size": 9}),
    "stack of one": ("tests/StackedPictures-v0", {**SMALL, "size": 1}),
    "rows of bytes": ("tests/StackedPictures-v0", {"shape": (50,), "dtype": "uint8"}),
    "floats": ("tests/StackedPictures-v0", {**SMALL, "dtype": "float32"}),
}
STACKS = ("bool", "stack", "zeros before")
REPLAYS = (Uniform(), Consecutive(), Latest(), Prioritized())


@pytest.fixture(autouse=True)
def on_the_host(engine: str) -> None:
    if engine == "cuda":
        pytest.skip("images are kept on the host: the device steps no environment that shows any")


class Played:
    """Three lanes played by chance, their memories, and the list of every transition, as the environments gave it."""

    def __init__(self, world: str, seed: int = 0) -> None:
        env_id, args = WORLDS[world]
        self.envs = GymLanes(env_id, args, seed, [5, 6, 7])
        self.rng = np.random.default_rng(seed)
        self.given: list[Transition] = []

    def space(self, capacity: int, batch_size: int = 4, lookahead: int = 0) -> Space:
        zeros = partial(torch.zeros, dtype=torch.float32)
        engine = engines.of(coded.ENGINE)
        return Space(3, capacity, batch_size, self.envs.observation, 8, lookahead, zeros, engine)

    def step(self) -> Transition:
        """One more of every lane."""
        obs, action = self.envs.obs, self.rng.integers(3, size=3)
        steps = self.envs.step(action)
        made = Transition(
            obs=torch.from_numpy(obs.copy()),
            action=torch.from_numpy(action),
            reward=torch.from_numpy(steps.reward.astype(np.float32)),
            discount=GAMMA * torch.from_numpy(~steps.terminated).float(),
            next_obs=torch.from_numpy(steps.next_obs.copy()),
            ended=torch.from_numpy(steps.terminated | steps.truncated).float(),
        )
        self.given.append(made)
        return made

    def at(self, lane: int, slot: int, capacity: int) -> int:
        """The newest transition that went into a slot."""
        newest = len(self.given) - 1
        return newest - (newest - slot) % capacity

    def check(self, batch: Any, index: torch.Tensor, capacity: int) -> None:
        """A one-step batch against the list; a transition that cuts the bootstrap has no successor."""
        for lane, slots in enumerate(index.tolist()):
            for b, slot in enumerate(slots):
                given = self.given[self.at(lane, slot, capacity)]
                after = given.next_obs if given.discount[lane] else given.obs
                assert torch.equal(batch.obs[lane, b], given.obs[lane])
                assert torch.equal(batch.next_obs[lane, b], after[lane])
                for name in ("action", "reward", "discount"):
                    assert getattr(batch, name)[lane, b] == getattr(given, name)[lane]


@pytest.mark.parametrize("world", WORLDS)
def test_every_stored_transition_is_what_the_environment_gave(world: str) -> None:
    played = Played(world)
    rings = [Ring(played.space(capacity), capacity, 1) for capacity in (1, 2, 7, 30)]
    assert all(isinstance(ring.stored, Frames) for ring in rings)
    for step in range(75):
        made = played.step()
        for ring in rings:
            ring.add(made)
            if step % 4 == 0 or step < 12:
                index = torch.arange(int(ring.size)).repeat(3, 1)
                played.check(ring.rows(index), index, ring.capacity)
    ended = torch.stack([each.ended for each in played.given])
    cut = ended * torch.stack([each.discount for each in played.given])
    assert ended.sum(0).min() > 4, "episodes end in every lane"
    assert cut.sum(0).min() > 0, "some by truncation"


@pytest.mark.parametrize("world", STACKS)
@pytest.mark.parametrize("replay", REPLAYS, ids=str)
@pytest.mark.parametrize("lookahead", [0, 2])
def test_every_replay_samples_what_was_given(world: str, replay: Piece, lookahead: int) -> None:
    played = Played(world, seed=1)
    memory = replay.init(played.space(capacity=13, lookahead=lookahead))
    for step in range(60):
        replay.add(memory, played.step())
        if step < 4 + lookahead:
            continue
        u = torch.from_numpy(played.rng.random((3, 4)))
        batch = drawn(replay, memory, u, 0.5)
        played.check(batch, batch.index, memory.capacity)
        replay.feedback(memory, batch.index, torch.from_numpy(played.rng.normal(size=batch.index.shape)))


@pytest.mark.parametrize("world", STACKS)
@pytest.mark.parametrize("n", [1, 3, 20])
def test_windows_over_ends_of_episodes_are_the_lists(world: str, n: int) -> None:
    played = Played(world, seed=2)
    replay, capacity = Uniform(), 17
    memory = replay.init(played.space(capacity))
    piece = NStep(n)
    batch_of = memory.engine.body(piece, piece.batch)
    for step in range(50):
        replay.add(memory, played.step())
        if step % 7:
            continue
        index = torch.arange(int(memory.size)).repeat(3, 1)
        batch = batch_of(memory, index, torch.ones(index.shape))
        for lane in range(3):
            for slot in range(memory.size):
                first = at = played.at(lane, slot, capacity)
                total, product = 0.0, 1.0
                for _ in range(n):
                    last = played.given[at]
                    total += product * float(last.reward[lane])
                    product *= float(last.discount[lane])
                    at += 1
                    if last.ended[lane] or at == len(played.given):
                        break
                after = last.next_obs if last.discount[lane] else last.obs
                assert torch.equal(batch.obs[lane, slot], played.given[first].obs[lane])
                assert torch.equal(batch.next_obs[lane, slot], after[lane])
                assert batch.discount[lane, slot] == product
                assert float(batch.reward[lane, slot]) == pytest.approx(total, rel=1e-6)


@pytest.mark.parametrize("world", STACKS)
def test_a_memory_goes_on_from_its_state_with_some_lanes_or_all(world: str) -> None:
    played = Played(world, seed=3)
    whole = Ring(played.space(11), 11, 1)
    for _ in range(37):
        whole.add(played.step())
    state = {
        name: value.numpy().copy() if isinstance(value, torch.Tensor) else value
        for name, value in whole.state().items()
    }
    for lanes in ([0, 1, 2], [2, 0]):
        space = played.space(11)._replace(lanes=len(lanes))
        again = Ring(space, 11, 1)
        again.restore(
            {name: each[lanes] if isinstance(each, np.ndarray) else each for name, each in state.items()}
        )
        went_on = Ring(played.space(11), 11, 1)
        went_on.restore(state)
        for made in [*played.given[-5:], *(played.step() for _ in range(20))]:
            again.add(Transition(*(part[lanes] for part in made)))
            went_on.add(made)
        index = torch.arange(11)
        for one, other in zip(
            again.rows(index.repeat(len(lanes), 1)), went_on.rows(index.repeat(3, 1)), strict=True
        ):
            assert torch.equal(one, other[lanes])


def test_last_frames_take_places_again_that_are_free() -> None:
    played = Played("bool")
    ring = Ring(played.space(20), 20, 1)
    for _ in range(400):
        ring.add(played.step())
    assert isinstance(ring.stored, Frames)
    assert ring.stored.aside.shape[1] <= 20


ATARI = Observation((84, 84, 4), np.dtype(np.uint8), Stack(4, (84, 84), None))
MINATAR = Observation((10, 10, 4), np.dtype(np.bool_))


@pytest.mark.parametrize("replay", [Uniform(), Prioritized()], ids=str)
@pytest.mark.parametrize(
    ("observation", "least", "most"), [(MINATAR, 40e6, 45e6), (ATARI, 705e6, 800e6)], ids=["minatar", "atari"]
)
def test_a_hundred_thousand_transitions_take_what_their_frames_take(
    replay: Piece, observation: Observation, least: float, most: float
) -> None:
    zeros = partial(torch.zeros, dtype=torch.float32, device="meta")
    memory = replay.init(Space(1, 100_000, 32, observation, 8, 0, zeros, reference))  # type: ignore[arg-type]
    assert least < tensor_bytes([memory]) < most


def test_a_full_memory_holds_no_more_than_its_arithmetic_says() -> None:
    played = Played("bool")
    ring = Ring(played.space(1000), 1000, 1)
    for _ in range(1300):
        ring.add(played.step())
    frames = 400 * (1000 + 1)
    numbers = 1000 * (4 * 4 + 4)
    cut = int((ring.parts(torch.arange(1000).repeat(3, 1)).ended != 0).sum(-1).max())
    assert tensor_bytes([ring]) <= 3 * (frames + numbers + 400 * 1.25 * cut) + 1000
