"""Streams: the integers of roles are pinned, and entropy, seed and role each matter."""

from __future__ import annotations

import numpy as np
import pytest

from ablations.rng.streams import Role, stream


def test_the_integers_of_roles_are_part_of_every_stored_result() -> None:
    assert {role.name: int(role) for role in Role} == {
        "ENVIRONMENT": 0,
        "WEIGHTS": 1,
        "HEAD": 2,
        "VALUE": 3,
        "ADVANTAGE_HIDDEN": 4,
        "EXPLORATION": 5,
        "REPLAY": 6,
        "EVALUATION": 7,
        "PROBES": 8,
        "RANDOM_POLICY": 9,
        "RESETS": 10,
        "EVALUATION_ACTIONS": 11,
    }


def test_a_stream_is_pcg64_of_its_entropy_seed_and_role() -> None:
    sequence = np.random.SeedSequence(12, spawn_key=(34, 6))
    expected = np.random.Generator(np.random.PCG64(sequence)).random(5)
    np.testing.assert_array_equal(stream(12, 34, Role.REPLAY).random(5), expected)


def test_streams_are_pinned_to_the_last_digit() -> None:
    """A change here changes every result: it needs a new algorithm version."""
    assert stream(0, 0, Role.ENVIRONMENT).integers(2**31) == 36989502
    assert stream(0, 3, Role.EXPLORATION).random() == 0.6163470342453585


def test_every_entropy_seed_and_role_has_numbers_of_its_own() -> None:
    found = {
        stream(entropy, seed, role).random()
        for entropy in (0, 1, 2)
        for seed in (0, 1, 2, 2**32, 2**63 - 1)
        for role in Role
    }
    assert len(found) == 3 * 5 * len(Role)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_environments_generator_is_not_that_of_another_role(seed: int) -> None:
    """env.reset(seed=s) is default_rng(s): it must equal neither the seed's nor a role's stream."""
    env_seed = int(stream(0, seed, Role.ENVIRONMENT).integers(2**31))
    environment = np.random.default_rng(env_seed).random()
    others = [stream(0, seed, role).random() for role in Role]
    assert environment not in [*others, np.random.default_rng(seed).random()]
