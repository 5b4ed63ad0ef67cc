"""The lessons' training loop, as a teaching text writes it: one environment, float32, idiomatic PyTorch.

It is what the speed of the lanes is measured against, so it is left as it is usually written, neither slowed
down nor tuned. It is not a reference for results: it keeps the lessons' own slips.
"""

from __future__ import annotations

import random
import time
from collections import deque

import gymnasium as gym
import numpy as np
import numpy.typing as npt
import torch
from torch import nn

BUFFER_SIZE = 10_000
BATCH_SIZE = 64
GAMMA = 0.99
LEARNING_RATE = 1e-3
TARGET_PERIOD = 100
EPSILON = 0.1

State = npt.NDArray[np.float32]


def build_network(inputs: int, actions: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, actions)
    )


class ReplayBuffer:
    def __init__(self, capacity: int) -> None:
        self.buffer: deque[tuple[State, int, float, State, bool]] = deque(maxlen=capacity)

    def push(self, state: State, action: int, reward: float, next_state: State, done: bool) -> None:
        self.buffer.append((state, action, reward, next_state, done))

    def sample(self, batch_size: int) -> tuple[torch.Tensor, ...]:
        states, actions, rewards, next_states, dones = zip(
            *random.sample(self.buffer, batch_size), strict=True
        )
        return (
            torch.as_tensor(np.array(states)),
            torch.as_tensor(np.array(actions)),
            torch.as_tensor(np.array(rewards, dtype=np.float32)),
            torch.as_tensor(np.array(next_states)),
            torch.as_tensor(np.array(dones, dtype=np.float32)),
        )


class Agent:
    def __init__(self, inputs: int, actions: int) -> None:
        self.actions = actions
        self.online = build_network(inputs, actions)
        self.target = build_network(inputs, actions)
        self.target.load_state_dict(self.online.state_dict())
        self.optimizer = torch.optim.Adam(self.online.parameters(), lr=LEARNING_RATE)
        self.loss = nn.MSELoss()
        self.buffer = ReplayBuffer(BUFFER_SIZE)
        self.updates = 0

    def act(self, state: State) -> int:
        if random.random() < EPSILON:
            return random.randrange(self.actions)
        with torch.no_grad():
            return int(self.online(torch.as_tensor(state).unsqueeze(0)).argmax(dim=1).item())

    def learn(self) -> None:
        states, actions, rewards, next_states, dones = self.buffer.sample(BATCH_SIZE)
        q = self.online(states).gather(1, actions.unsqueeze(1)).squeeze(1)
        with torch.no_grad():
            q_next = self.target(next_states).max(dim=1).values
            y = rewards + GAMMA * (1 - dones) * q_next
        loss = self.loss(q, y)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.updates += 1
        if self.updates % TARGET_PERIOD == 0:
            self.target.load_state_dict(self.online.state_dict())


def steps_per_second(steps: int, warm_up: int = 1_000, seed: int = 0) -> float:
    """Environment steps per second of processor time on CartPole-v1, each with one update, on one torch thread.

    The first `warm_up` steps (at least a batch) are not timed: they fill the buffer, the last 100 of them
    with updates, so that what torch imports at its first update is not counted.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        random.seed(seed)
        torch.manual_seed(seed)
        env = gym.make("CartPole-v1")
        agent = Agent(inputs=4, actions=2)
        warm_up = max(warm_up, BATCH_SIZE)
        started = 0.0
        state, _ = env.reset(seed=seed)
        for step in range(warm_up + steps):
            if step == warm_up:
                started = time.process_time()
            action = agent.act(state)
            next_state, reward, terminated, truncated, _ = env.step(action)
            done = terminated or truncated
            agent.buffer.push(state, action, float(reward), next_state, done)
            state = next_state
            if len(agent.buffer.buffer) >= BATCH_SIZE and step >= warm_up - 100:
                agent.learn()
            if done:
                state, _ = env.reset()
        elapsed = time.process_time() - started
        env.close()
        return steps / elapsed
    finally:
        torch.set_num_threads(threads)
