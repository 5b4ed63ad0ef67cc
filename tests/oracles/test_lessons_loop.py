"""The lessons' loop does the work that its speed is quoted for."""

import numpy as np
import torch

from tests.oracles.lessons_loop import BATCH_SIZE, TARGET_PERIOD, Agent, steps_per_second


def filled_agent():
    torch.manual_seed(0)
    agent = Agent(inputs=4, actions=2)
    rng = np.random.default_rng(0)
    for i in range(BATCH_SIZE):
        state, next_state = rng.standard_normal((2, 4), dtype=np.float32)
        agent.buffer.push(state, i % 2, 1.0, next_state, i % 10 == 0)
    return agent


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_a_batch_is_in_single_precision_and_flat():
    states, actions, rewards, next_states, dones = filled_agent().buffer.sample(BATCH_SIZE)
    assert states.shape == next_states.shape == (BATCH_SIZE, 4)
    assert actions.shape == rewards.shape == dones.shape == (BATCH_SIZE,)
    assert {t.dtype for t in (states, rewards, next_states, dones)} == {torch.float32}


def test_every_update_moves_the_online_network_and_every_hundredth_copies_it():
    agent = filled_agent()
    for _ in range(TARGET_PERIOD - 1):
        agent.learn()
    assert not same(agent.online, agent.target)
    agent.learn()
    assert same(agent.online, agent.target)


def test_the_speed_is_positive_and_the_number_of_threads_is_given_back():
    threads = torch.get_num_threads()
    assert steps_per_second(50, warm_up=100) > 0
    assert torch.get_num_threads() == threads
