"""The textbook DQN in a world so small that its learning can be followed by hand."""

import itertools
import math
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
import pytest
import torch
from torch import nn

from tests.configured import split
from tests.oracles import textbook_dqn
from tests.oracles.equations import dueling, first_maximum, huber, mean_loss
from tests.oracles.textbook_dqn import PIECES, initial_parameters, q_values, stream, train


class Counter(gym.Env):
    """Counts to `length` and terminates. Pays the action, 1 or 2, and shows [[count / 4, where it began]]."""

    observation_space = gym.spaces.Box(-10.0, 10.0, (1, 2))
    action_space = gym.spaces.Discrete(2, start=1)
    reset_seeds: ClassVar[list[int | None]] = []

    def __init__(self, length: int = 4) -> None:
        self.length = length
        self.count = 0
        self.began = 0.0

    def observation(self) -> np.ndarray:
        return np.array([[self.count / 4, self.began]], dtype=np.float32)

    def reset(self, *, seed=None, options=None) -> Any:
        super().reset(seed=seed)
        self.reset_seeds.append(seed)
        self.count, self.began = 0, self.np_random.random()
        return self.observation(), {}

    def step(self, action) -> Any:
        self.count += 1
        return self.observation(), float(action), self.count == self.length, False, {}


gym.register("OracleCounter-v0", entry_point=lambda **args: Counter(**args))


def slots(replay="uniform", target="hard", bootstrap="max", head="linear"):
    pieces = {"replay": replay, "target": target, "bootstrap": bootstrap, "head": head}
    return {slot: {"kind": kind} for slot, kind in pieces.items()}


def trunk(*hidden):
    return {"trunk": {"kind": "mlp", "hidden": list(hidden)}}


SMALL = {"total_timesteps": 100, "batch_size": 4, "learning_starts": 4, "hidden": [5], "buffer_size": 50}


def counter(steps=20, args=None, seed=3, entropy=0, chosen=None, dtype=torch.float64, **numbers):
    tables, settings = split({**SMALL, **numbers})
    for slot, table in (chosen or {}).items():
        tables[slot] = {**tables.get(slot, {}), **table}
    defaults = {slot: {"kind": next(iter(kinds))} for slot, kinds in PIECES.items()}
    whole = {slot: {**defaults.get(slot, {}), **table} for slot, table in tables.items()}
    return train("OracleCounter-v0", args or {}, whole, settings, seed, entropy, steps, dtype)


# --- random numbers --------------------------------------------------------


def test_the_first_reset_alone_is_seeded_from_the_environment_stream():
    Counter.reset_seeds.clear()
    counter(steps=9, seed=3, entropy=7)
    sequence = np.random.SeedSequence(7, spawn_key=(3, 0))
    expected = int(np.random.Generator(np.random.PCG64(sequence)).integers(2**31))
    assert Counter.reset_seeds == [expected, None, None]


def test_each_step_takes_a_coin_and_a_pick_whatever_the_action():
    draws = stream(0, 3, 5).random((20, 2))
    exploring = counter(epsilon_schedule="constant", start_e=1.0)
    assert [step.action for step in exploring.steps] == [int(2 * pick) for _, pick in draws]
    half = counter(epsilon_schedule="constant", start_e=0.5)
    for step, (coin, pick) in zip(half.steps, draws, strict=True):
        if coin < 0.5:
            assert step.action == int(2 * pick)


def test_without_exploration_the_action_is_the_greedy_one():
    trace = counter(steps=3, epsilon_schedule="constant", start_e=0.0)  # before any update
    began = np.random.default_rng(int(stream(0, 3, 0).integers(2**31))).random()
    for count, step in enumerate(trace.steps):
        state = torch.tensor([[count / 4, np.float32(began)]], dtype=torch.float64)
        parameters = {name: torch.tensor(array) for name, array in trace.initial.items()}
        assert step.action == first_maximum(q_values(parameters, state)[0].tolist())


@pytest.mark.parametrize(
    ("replay", "batch"), [("latest", 1), ("consecutive", 4), ("uniform", 4), ("prioritized", 4)]
)
def test_each_update_takes_one_number_per_sample_from_the_replay_stream(replay, batch):
    trace = counter(steps=10, chosen=slots(replay=replay))
    taken = [u for update in trace.updates for u in update.uniforms]
    assert taken == stream(0, 3, 6).random(7 * batch).tolist()


def test_layers_draw_weight_then_bias_from_the_stream_of_their_role():
    deep = slots() | {"head": {"kind": "dueling", "hidden": [3]}}
    drawn = initial_parameters(deep | trunk(5, 4), shape=(2,), actions=3, seed=1, entropy=9)
    weights, head, value, advantage = (stream(9, 1, role) for role in (1, 2, 3, 4))
    order = [
        ("trunk.0", weights, 2, 5),
        ("trunk.1", weights, 5, 4),
        ("advantage_hidden.0", advantage, 4, 3),
        ("head", head, 3, 3),
        ("value_hidden.0", value, 4, 3),
        ("value", value, 3, 1),
    ]
    for name, rng, fan_in, fan_out in order:
        k = 1 / math.sqrt(fan_in)
        assert np.array_equal(drawn[f"{name}.weight"], rng.uniform(-k, k, (fan_in, fan_out)))
        assert np.array_equal(drawn[f"{name}.bias"], rng.uniform(-k, k, fan_out))
    assert len(drawn) == 12


def test_layer_norm_takes_no_draws_and_starts_with_gain_one_and_shift_zero():
    normalized = {"trunk": {"kind": "mlp", "hidden": [5, 4], "layer_norm": True}}
    plain = initial_parameters(slots() | trunk(5, 4), (2,), 2, seed=1, entropy=0)
    both = initial_parameters(slots() | normalized, (2,), 2, seed=1, entropy=0)
    for name, array in plain.items():
        assert np.array_equal(array, both.pop(name))
    assert {name: array.tolist() for name, array in both.items()} == {
        "trunk.0.gain": [1.0] * 5,
        "trunk.0.shift": [0.0] * 5,
        "trunk.1.gain": [1.0] * 4,
        "trunk.1.shift": [0.0] * 4,
    }


def test_dueling_starts_from_the_trunk_and_the_head_of_dqn():
    plain = initial_parameters(slots() | trunk(5), (2,), 2, seed=1, entropy=0)
    streams = initial_parameters(slots(head="dueling") | trunk(5), (2,), 2, seed=1, entropy=0)
    assert set(streams) - set(plain) == {"value.weight", "value.bias"}
    for name, array in plain.items():
        assert np.array_equal(array, streams[name])


def test_another_seed_and_another_entropy_give_other_weights():
    heads = [
        initial_parameters(slots() | trunk(5), (2,), 2, seed, entropy)["head.weight"]
        for seed, entropy in ((0, 0), (1, 0), (0, 1))
    ]
    for one, other in itertools.combinations(heads, 2):
        assert not np.any(one == other)


# --- network ---------------------------------------------------------------


@pytest.mark.parametrize("layer_norm", [False, True])
@pytest.mark.parametrize("hidden", [[], [5], [6, 5, 4]])
def test_the_network_is_the_one_of_torch_modules(hidden, layer_norm):
    mlp = {"trunk": {"kind": "mlp", "hidden": hidden, "layer_norm": layer_norm}}
    parameters = initial_parameters(slots() | mlp, (2,), 3, seed=0, entropy=0)
    names = [f"trunk.{i}" for i in range(len(hidden))] + ["head"]
    layers: list[nn.Module] = []
    for name in names:
        weight = parameters[f"{name}.weight"]
        linear = nn.Linear(weight.shape[0], weight.shape[1], dtype=torch.float64)
        linear.weight.data = torch.tensor(weight.T)
        linear.bias.data = torch.tensor(parameters[f"{name}.bias"])
        layers.append(linear)
        if f"{name}.gain" in parameters:
            norm = nn.LayerNorm(weight.shape[1], dtype=torch.float64)
            parameters[f"{name}.gain"] += 0.25
            parameters[f"{name}.shift"] -= 0.125
            norm.weight.data = torch.tensor(parameters[f"{name}.gain"])
            norm.bias.data = torch.tensor(parameters[f"{name}.shift"])
            layers.append(norm)
        layers.append(nn.ReLU())
    states = torch.tensor([[1.0, -2.0], [0.5, 3.0]], dtype=torch.float64)
    ours = q_values({name: torch.tensor(array) for name, array in parameters.items()}, states)
    assert torch.allclose(ours, nn.Sequential(*layers[:-1])(states), rtol=1e-13)


def test_dueling_subtracts_the_mean_of_each_state_and_not_of_the_batch():
    one = {
        "head.weight": [[1.0, 2.0, 6.0]],
        "head.bias": [0.0] * 3,
        "value.weight": [[10.0]],
        "value.bias": [1.0],
    }
    parameters = {name: torch.tensor(values) for name, values in one.items()}
    q = q_values(parameters, torch.tensor([[1.0], [2.0]]))
    assert q[0].tolist() == dueling(11.0, [1.0, 2.0, 6.0]) == [9.0, 10.0, 14.0]
    assert q[1].tolist() == dueling(21.0, [2.0, 4.0, 12.0]) == [17.0, 19.0, 27.0]


def test_deep_dueling_streams_pass_through_their_own_hidden_layer():
    parameters = {
        name: torch.tensor(values)
        for name, values in {
            "trunk.0.weight": [[2.0]],
            "trunk.0.bias": [0.0],
            "advantage_hidden.0.weight": [[1.0, -1.0]],  # relu leaves [2, 0]
            "advantage_hidden.0.bias": [0.0, 0.0],
            "head.weight": [[1.0, 3.0], [50.0, 70.0]],  # A = [2, 6]
            "head.bias": [0.0, 0.0],
            "value_hidden.0.weight": [[3.0]],  # 6
            "value_hidden.0.bias": [1.0],  # 7
            "value.weight": [[10.0]],
            "value.bias": [0.0],  # V = 70
        }.items()
    }
    assert q_values(parameters, torch.tensor([[1.0]])).tolist() == [[68.0, 72.0]]


# --- the world, the episodes, the schedule ---------------------------------


def test_an_episode_is_recorded_at_its_last_step_with_its_return():
    trace = counter(steps=10, epsilon_schedule="linear", exploration_fraction=0.1, end_e=0.0)
    assert [(e.global_step, e.episodic_length) for e in trace.episodes] == [(4, 4), (8, 4)]
    pay = [step.action + 1 for step in trace.steps]  # actions are counted from 0, the world's start at 1
    assert [step.reward for step in trace.steps] == pay
    assert [e.episodic_return for e in trace.episodes] == [sum(pay[:4]), sum(pay[4:8])]
    assert trace.unfinished == (2, sum(pay[8:]))
    assert [e.epsilon for e in trace.episodes] == pytest.approx([0.7, 0.3])  # after 3 and 7 of 10 steps
    assert all(e.terminated and not e.truncated for e in trace.episodes)


def test_a_time_limit_is_bootstrapped_through_and_a_terminal_state_is_not():
    cut = counter(args={"max_episode_steps": 2}, chosen=slots(replay="latest"))
    for update in cut.updates:
        assert abs(update.y[0] - cut.steps[update.step - 1].reward) > 1e-9
    assert {(s.terminated, s.truncated) for s in cut.steps[1::2]} == {(False, True)}
    whole = counter(chosen=slots(replay="latest"))
    for update in whole.updates:
        at_the_end = update.step % 4 == 0
        assert (update.y[0] == whole.steps[update.step - 1].reward) == at_the_end


def test_the_lessons_way_cuts_the_bootstrap_at_a_time_limit():
    chosen = slots(replay="latest")
    cut = counter(args={"max_episode_steps": 2}, chosen=chosen, bootstrap_truncated=False)
    for update in cut.updates:
        assert (update.y[0] == cut.steps[update.step - 1].reward) == (update.step % 2 == 0)


def test_updates_come_every_train_frequency_steps_from_learning_starts_on():
    trace = counter(steps=10, learning_starts=5, train_frequency=2, gradient_steps=3)
    assert [update.step for update in trace.updates] == [6, 6, 6, 8, 8, 8, 10, 10, 10]


def test_exponential_epsilon_counts_the_updates_made_before_the_step():
    trace = counter(steps=7, learning_starts=4, epsilon_schedule="exponential", epsilon_decay=0.5, end_e=0.2)
    assert [step.epsilon for step in trace.steps] == [1.0, 1.0, 1.0, 1.0, 0.5, 0.25, 0.2]


# --- replay ----------------------------------------------------------------


def test_latest_learns_from_the_newest_transition():
    trace = counter(steps=8, chosen=slots(replay="latest"))
    assert [update.stored_at for update in trace.updates] == [[4], [5], [6], [7], [8]]


def test_consecutive_learns_from_the_last_batch_in_order():
    trace = counter(steps=6, chosen=slots(replay="consecutive"))
    assert [update.stored_at for update in trace.updates] == [[1, 2, 3, 4], [2, 3, 4, 5], [3, 4, 5, 6]]


def test_uniform_draws_the_slot_at_the_floor_of_u_times_the_size():
    trace = counter(steps=20, buffer_size=6)
    for update in trace.updates:
        size = min(update.step, 6)
        assert update.slots == [math.floor(u * size) for u in update.uniforms]
        for slot, stored_at in zip(update.slots, update.stored_at, strict=True):
            assert (stored_at - 1) % 6 == slot
            assert update.step - size < stored_at <= update.step


def test_before_any_error_is_known_stratified_draws_are_one_from_each_part_of_the_buffer():
    first = counter(steps=8, learning_starts=8, chosen=slots(replay="prioritized")).updates[0]
    assert first.slots == [math.floor((b + u) / 4 * 8) for b, u in enumerate(first.uniforms)]
    assert first.weights == [1.0] * 4


def test_a_drawn_transition_keeps_its_last_error_as_priority_and_a_new_one_gets_the_largest():
    trace = counter(steps=12, chosen=slots(replay="prioritized", target="none"), learning_rate=0.1)
    expected: dict[int, float] = {}
    largest, stored = 1.0, 0
    for update in trace.updates:
        for step in range(stored + 1, update.step + 1):
            expected[step - 1] = largest
        stored = update.step
        assert update.slots is not None
        for slot, delta in zip(update.slots, update.delta, strict=True):
            expected[slot] = abs(delta) + 1e-6
            largest = max(largest, expected[slot])
    assert trace.priorities == [expected[slot] for slot in range(12)]
    assert largest > 1.0


def test_importance_weights_use_the_probabilities_and_the_beta_of_their_step():
    numbers = {"alpha": 1.0, "beta_start": 0.0, "beta_end": 1.0, "eps": 0.0}
    chosen = slots() | {"replay": {"kind": "prioritized", **numbers}}
    second = counter(steps=5, chosen=chosen).updates[1]
    first = counter(steps=5, chosen=chosen).updates[0]
    assert first.slots is not None
    assert second.slots is not None
    p = [1.0] * 5
    for slot, delta in zip(first.slots, first.delta, strict=True):
        p[slot] = abs(delta)
    p[4] = max(1.0, *(abs(delta) for delta in first.delta))
    raw = [(5 * p[slot] / sum(p)) ** -0.05 for slot in second.slots]  # beta: 5 of 100 steps
    assert second.weights == pytest.approx([w / max(raw) for w in raw], rel=1e-13)


def test_with_alpha_zero_every_weight_is_exactly_one():
    chosen = slots() | {"replay": {"kind": "prioritized", "alpha": 0.0}}
    assert {w for update in counter(chosen=chosen).updates for w in update.weights} == {1.0}


# --- learning --------------------------------------------------------------


def by_hand(trace, chosen, loss, learning_rate, gamma=0.99):
    """Linear Q-learning by plain gradient descent in numpy: Q(s, .) = s W + b, so dQ(s, a)/dW[:, a] = s."""
    w, b = trace.initial["head.weight"].copy(), trace.initial["head.bias"].copy()
    w_minus, b_minus = w.copy(), b.copy()
    began = np.random.default_rng(int(stream(0, 3, 0).integers(2**31)))
    transitions = []
    for t, step in enumerate(trace.steps):
        if t % 4 == 0:
            start = np.float64(np.float32(began.random()))
        s, s_next = np.array([t % 4 / 4, start]), np.array([(t % 4 + 1) / 4, start])
        transitions.append((s, step.action, step.reward, 0.0 if step.terminated else gamma, s_next))
    for count, update in enumerate(trace.updates, start=1):
        gw, gb = np.zeros_like(w), np.zeros_like(b)
        for stored_at, weight in zip(update.stored_at, update.weights, strict=True):
            s, a, r, discount, s_next = transitions[stored_at - 1]
            q, q_target = s_next @ w + b, s_next @ w_minus + b_minus
            kind = chosen["bootstrap"]["kind"]
            value = {
                "max": max(q_target),
                "double": q_target[q.argmax()],
                "inverse-double": q[q_target.argmax()],
            }
            delta = r + discount * value[kind] - (s @ w[:, a] + b[a])
            slope = delta if loss == "squared" else np.clip(delta, -1, 1)
            gw[:, a] += weight * slope * s / len(update.stored_at)
            gb[a] += weight * slope / len(update.stored_at)
        w, b = w + learning_rate * gw, b + learning_rate * gb
        target = chosen["target"]
        if target["kind"] == "none" or (target["kind"] == "hard" and count % target["period"] == 0):
            w_minus, b_minus = w.copy(), b.copy()
        elif target["kind"] == "soft":
            w_minus, b_minus = (
                w_minus + target["tau"] * (w - w_minus),
                b_minus + target["tau"] * (b - b_minus),
            )
    return {"head.weight": w, "head.bias": b}, {"head.weight": w_minus, "head.bias": b_minus}


@pytest.mark.parametrize("loss", ["squared", "huber"])
@pytest.mark.parametrize("bootstrap", ["max", "double", "inverse-double"])
@pytest.mark.parametrize(
    "target", [{"kind": "none"}, {"kind": "hard", "period": 7}, {"kind": "soft", "tau": 0.1}]
)
@pytest.mark.parametrize("replay", ["latest", "consecutive", "uniform", "prioritized"])
def test_a_linear_network_learns_as_worked_by_hand(replay, target, bootstrap, loss):
    chosen = slots(replay=replay, bootstrap=bootstrap) | {"target": target}
    trace = counter(steps=60, chosen=chosen, hidden=[], optimizer="sgd", learning_rate=0.2, loss=loss)
    online, target_params = by_hand(trace, chosen, loss, learning_rate=0.2)
    for name in ("head.weight", "head.bias"):
        assert trace.online[name] == pytest.approx(online[name], rel=1e-11, abs=1e-12)
        assert trace.target[name] == pytest.approx(target_params[name], rel=1e-11, abs=1e-12)
    assert np.abs(trace.online["head.weight"] - trace.initial["head.weight"]).max() > 0.1


@pytest.mark.parametrize("loss", ["squared", "huber"])
def test_the_loss_is_the_weighted_mean_over_the_batch(loss):
    trace = counter(chosen=slots(replay="prioritized"), loss=loss, learning_rate=0.1)
    for update in trace.updates:
        assert update.loss == pytest.approx(mean_loss(loss, update.delta, update.weights), rel=1e-13)
    sizes = [abs(delta) for update in trace.updates for delta in update.delta]
    assert min(sizes) < 1 < max(sizes)  # both branches of Huber
    assert huber(2.0) == 1.5


@pytest.mark.parametrize(
    ("optimizer", "move"),
    [("adam", 0.01), ("rmsprop", 0.1)],  # g / |g|; g / sqrt(0.01 g^2)
)
def test_the_first_step_of_an_adaptive_optimiser_has_the_same_size_for_every_weight(optimizer, move):
    trace = counter(steps=4, optimizer=optimizer, learning_rate=0.01, hidden=[])
    moved = np.abs(trace.online["head.bias"] - trace.initial["head.bias"])
    assert moved == pytest.approx([move, move], rel=1e-5)


def test_a_large_adam_eps_shortens_the_first_step():
    trace = counter(steps=4, learning_rate=0.01, hidden=[], adam_eps=1.0, chosen=slots(replay="latest"))
    delta, action = trace.updates[0].delta[0], trace.steps[3].action
    moved = trace.online["head.bias"] - trace.initial["head.bias"]
    assert moved[action] == pytest.approx(0.01 * delta / (abs(delta) + 1.0), rel=1e-12)


def test_clipping_shortens_the_whole_gradient_to_the_norm():
    settings = {"steps": 4, "optimizer": "sgd", "learning_rate": 1.0}
    free, clipped = counter(**settings), counter(**settings, max_grad_norm=0.25)
    norm = free.updates[0].gradient_norm
    assert norm > 0.25
    assert clipped.updates[0].gradient_norm == norm
    for name, start in free.initial.items():
        shortened = (free.online[name] - start) * 0.25 / (norm + 1e-6)
        assert clipped.online[name] - start == pytest.approx(shortened, rel=1e-9, abs=1e-15)


def test_hard_1_and_soft_1_are_the_same_as_no_target_network_under_every_bootstrap():
    no_target = counter(steps=30, chosen=slots(target="none"))
    for bootstrap in ("max", "double", "inverse-double"):
        for target in ({"kind": "none"}, {"kind": "hard", "period": 1}, {"kind": "soft", "tau": 1.0}):
            same = counter(steps=30, chosen=slots(bootstrap=bootstrap) | {"target": target})
            assert same.updates == no_target.updates


@pytest.mark.parametrize(
    "changed",
    [
        {"replay": {"kind": "latest"}},
        {"replay": {"kind": "consecutive"}},
        {"replay": {"kind": "prioritized"}},
        {"target": {"kind": "none"}},
        {"target": {"kind": "soft"}},
        {"bootstrap": {"kind": "double"}},
        {"bootstrap": {"kind": "inverse-double"}},
        {"head": {"kind": "dueling"}},
        {"head": {"kind": "dueling", "hidden": [4]}},
    ],
)
def test_a_changed_slot_changes_what_is_learnt(changed):
    # a large learning rate, so that the two networks come to prefer different actions
    settings = {"steps": 60, "learning_rate": 0.1}
    before = counter(**settings)
    after = counter(**settings, chosen=slots() | changed)
    assert [update.y for update in before.updates] != [update.y for update in after.updates]


def test_the_same_seed_gives_the_same_run_and_another_seed_another():
    assert counter().updates == counter().updates
    assert counter().updates[0].y != counter(seed=4).updates[0].y


def test_single_precision_follows_double_precision_for_a_while():
    single = counter(dtype=torch.float32)
    assert single.online["head.weight"].dtype == np.float32
    assert single.online["head.weight"] == pytest.approx(counter().online["head.weight"], abs=1e-4)


def test_it_learns_to_take_the_action_that_pays_more():
    trace = counter(
        steps=400,
        optimizer="adam",
        learning_rate=0.01,
        start_e=1.0,
        end_e=0.0,
        hidden=[16],
        total_timesteps=400,
    )
    assert trace.episodes[-1].episodic_return == 8.0


# --- what it refuses -------------------------------------------------------


def test_an_unknown_setting_slot_or_number_is_refused():
    with pytest.raises(ValueError, match="learning_rte"):
        counter(learning_rte=1.0)
    with pytest.raises(ValueError, match="replya"):
        counter(chosen={"replya": {"kind": "uniform"}})
    with pytest.raises(ValueError, match="tau"):
        counter(chosen=slots() | {"target": {"kind": "hard", "tau": 0.1}})


def test_it_stops_where_the_loss_is_no_longer_finite():
    with pytest.raises(FloatingPointError, match="environment step"):
        counter(steps=200, optimizer="sgd", learning_rate=1e6, chosen=slots(target="none"))


def test_it_shares_no_code_with_what_it_judges():
    for name, value in vars(textbook_dqn).items():
        origin = getattr(value, "__module__", None) or ""
        assert not origin.startswith(("ablations", "analysis")), name
