"""Keys, and the names of folders that rest on them."""

from __future__ import annotations

import hashlib
import json

import pytest

from ablations import store
from tests.ablations.store.one_run import CONFIG, KEY


def test_the_key_is_the_sha256_of_the_canonical_json() -> None:
    text = json.dumps(CONFIG, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    assert hashlib.sha256(text.encode()).hexdigest()[:12] == KEY


def test_the_key_does_not_depend_on_the_order_of_the_configuration() -> None:
    assert store.key_of(dict(reversed(CONFIG.items()))) == KEY


def test_a_configuration_with_nan_has_no_key() -> None:
    with pytest.raises(ValueError, match="JSON"):
        store.key_of({"gamma": float("nan")})


@pytest.mark.parametrize(
    ("env_id", "folder"),
    [
        ("CartPole-v1", "CartPole-v1"),
        ("ALE/Pong-v5", "ALE_Pong-v5"),
        ("module.of.mine:Grid-v0", "module.of.mine_Grid-v0"),
        ("a b\\c", "a_b_c"),
    ],
)
def test_a_folder_of_an_environment_is_its_id_with_underscores_for_what_names_may_not_hold(
    env_id: str, folder: str
) -> None:
    assert store.env_folder(env_id) == folder


@pytest.mark.parametrize("label", ["dqn", "soft-target.2", "uniform+none"])
def test_a_label_that_may_be_a_folder_is_the_rows_folder(label: str) -> None:
    assert store.row_folder(label) == label


def test_another_label_gets_underscores_and_digits_of_its_digest() -> None:
    label = "dqn@buffer_size=1000@target.period=10"
    digits = hashlib.sha256(label.encode()).hexdigest()[:6]
    assert store.row_folder(label) == f"dqn_buffer_size_1000_target.period_10-{digits}"
    assert store.row_folder("dqn@gamma=1") != store.row_folder("dqn@gamma_1")


def test_a_runs_path_is_environment_row_seed_and_key() -> None:
    assert store.run_path("ALE/Pong-v5", "dqn", 12, "ab") == "runs/ALE_Pong-v5/dqn/seed-0012-ab"
