"""``play``: a stored run's final weights play again what its last evaluation played."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pyarrow as pa
import pytest
import torch
from gymnasium.wrappers import NormalizeObservation, NormalizeReward
from PIL import Image

from ablations import store
from ablations.cli import main
from ablations.cli.gif import MOST_FRAMES, NARROWEST, SHORTEST_MS, WIDEST, Film
from ablations.recorders.evaluations import MOST_STEPS, start_seeds
from ablations.runner.cohort import train
from ablations.runner.play import Greedy, open_run, play
from ablations.runner.tasks import CohortJob
from ablations.studies import load

Said = Callable[..., tuple[int, str, str]]
PAINTED = "tests/Painted-v0"


class Painted(gymnasium.Env[Any, Any]):
    """Five steps of reward 0.5 times the action, which starts at 3; pictures need no library."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012 (as Gymnasium declares it)
    observation_space = gymnasium.spaces.Box(-1.0, 1.0, (1, 2))
    action_space = gymnasium.spaces.Discrete(2, start=3)

    def __init__(
        self, render_mode: str | None = None, raises: bool = False, endless: bool = False, blank: bool = False
    ) -> None:
        self.render_mode, self.raises, self.endless = render_mode, raises, endless
        self.metadata = {} if blank else Painted.metadata
        self.done = 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.done = 0
        return self._seen(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        assert action in (3, 4)
        if self.raises and self.done == 2:
            raise ValueError("the paint\x1b[31m ran out")
        self.done += 1
        return self._seen(), 0.5 * action, False, self.done == 5 and not self.endless, {}

    def render(self) -> Any:
        return np.full((30, 2 * WIDEST, 3), 50 * (self.done % 5), dtype=np.uint8)

    def _seen(self) -> Any:
        return self.np_random.uniform(-1, 1, (1, 2)).astype(np.float32)


gymnasium.register(PAINTED, entry_point=lambda **args: Painted(**args))
NORMALIZED = "tests/Normalized-v0"


def normalized(**args: Any) -> Any:
    return NormalizeReward(NormalizeObservation(gymnasium.make("CartPole-v1", **args)))


gymnasium.register(NORMALIZED, entry_point=normalized)


def stored(folder: Path, env_id: str, variant: str = "dqn") -> list[Path]:
    """Runs of two seeds, trained briefly with evaluations of three episodes, the last at the end."""
    study = load.from_document(
        {
            "name": "played",
            "envs": [env_id],
            "seeds": 2,
            "baseline": variant,
            "variants": [variant],
            "settings": {
                "total_timesteps": 200,
                "learning_starts": 40,
                "batch_size": 16,
                "buffer_size": 300,
            },
            "slots": {"trunk": {"hidden": [16, 8]}},
            "record": {"probe_every": 0, "eval_every": 100, "eval_episodes": 3},
        }
    )
    runs = study.runs()
    job: CohortJob = {
        "folder": str(folder),
        "label": variant,
        "weights": True,
        "lanes": [{"path": r.path, "key": r.key, "config": dict(r.config), "attempts": 1} for r in runs],
        "git": {},
    }
    train(job, lambda steps: None)
    return [folder / run.path for run in runs]


@pytest.fixture(scope="module")
def cartpole(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Tests leave these runs as they are."""
    return stored(tmp_path_factory.mktemp("cartpole"), "CartPole-v1", "dueling-deep")


@pytest.fixture(scope="module")
def painted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stored(tmp_path_factory.mktemp("painted"), PAINTED)[0]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Said:
    """Calls ``play`` in an empty folder: (exit code, standard output, standard error)."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)

    def call(*words: str | Path) -> tuple[int, str, str]:
        code = main(["play", *map(str, words)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def refused(said: Said, *words: str | Path) -> str:
    """The one line of a refusal, after which nothing has been written."""
    code, out, err = said(*words)
    assert code == 2
    assert out == ""
    assert not list(Path().iterdir())
    assert err.count("\n") == 1
    return err


def lines(out: str) -> list[list[str]]:
    """The episodes that were told: [episode, start seed, return, length, end]."""
    return [line.split() for line in out.splitlines() if line[:1].isdigit()]


# ---- what is played ----


@pytest.mark.parametrize("seed", [0, 1])
def test_the_last_evaluation_is_played_again(cartpole: list[Path], said: Said, seed: int):
    code, out, err = said(cartpole[seed])
    assert (code, err) == (0, "")
    last = [
        row
        for row in store.read_table(cartpole[seed], "evaluations").to_pylist()
        if row["global_step"] == 200
    ]
    assert len(last) == 3
    assert [
        (int(start), float(total), int(length), end == "terminated")
        for _, start, total, length, end in lines(out)
    ] == [
        (row["start_seed"], row["episodic_return"], row["episodic_length"], row["terminated"]) for row in last
    ]
    assert out.startswith(f"dueling-deep on CartPole-v1, seed {seed}: greedy episodes")
    mean = sum(row["episodic_return"] for row in last) / 3
    assert f"mean return {mean:g}, mean length {mean:g}" in out


def test_more_episodes_begin_with_those_of_the_evaluation(cartpole: list[Path], said: Said):
    few, many = (lines(said(cartpole[0], "--episodes", number)[1]) for number in ("2", "7"))
    assert len(many) == 7
    assert many[:2] == few
    assert start_seeds(0, 0, 7)[:3] == start_seeds(0, 0, 3)


def test_a_start_seed_of_the_evaluation_can_be_named(cartpole: list[Path], said: Said):
    first = lines(said(cartpole[0])[1])[0]
    named = lines(said(cartpole[0], "--seed", first[1], "--episodes", "2")[1])
    assert named[0] == first
    assert int(named[1][1]) == int(first[1]) + 1


def test_actions_start_where_the_environment_says_and_observations_of_any_shape_are_seen(
    painted: Path, said: Said
):
    for _, _, total, length, end in lines(said(painted)[1]):
        assert (length, end) == ("5", "truncated")
        assert 7.5 <= float(total) <= 10.0


def test_the_stored_network_values_a_start_as_it_did_in_the_evaluation(cartpole: list[Path]):
    run, env = open_run(cartpole[1]), gymnasium.make("CartPole-v1")
    greedy = Greedy(run, env)
    for row in store.read_table(cartpole[1], "evaluations").to_pylist()[-3:]:
        obs, _ = env.reset(seed=row["start_seed"])
        q = greedy.network.values(greedy.params, torch.from_numpy(obs)[None, None])
        assert q.max().item() == pytest.approx(row["predicted_q"], rel=1e-6)
        assert greedy(obs) == q.argmax().item()


def test_play_sees_through_the_running_statistics_of_the_training_as_the_last_evaluation_did(
    tmp_path: Path, said: Said
):
    """Rewards are normalized too, so that a return tells whose statistics were used."""
    (_, run_dir) = stored(tmp_path, NORMALIZED)
    last = store.read_table(run_dir, "evaluations").to_pylist()[-3:]
    played = lines(said(run_dir)[1])
    assert [float(total) for _, _, total, *_ in played] == pytest.approx(
        [row["episodic_return"] for row in last], rel=1e-5
    )
    assert [int(length) for *_, length, _ in played] == [row["episodic_length"] for row in last]
    assert open_run(run_dir).manifest["environment"]["running_statistics"] == [
        "NormalizeObservation.obs_rms",
        "NormalizeReward.return_rms",
    ]


def test_an_episode_without_an_end_is_cut():
    env = Painted(endless=True)
    seen = []
    played = play(env, lambda obs: 0, 0, lambda: seen.append(env.done))
    assert (played.length, played.cut, played.terminated, played.truncated) == (
        MOST_STEPS,
        True,
        False,
        False,
    )
    assert seen == list(range(MOST_STEPS + 1))


def test_a_run_is_found_below_the_results_folder(cartpole: list[Path], said: Said):
    results = cartpole[0].parents[3]
    assert said(cartpole[0].relative_to(results), "--results", results)[0] == 0


def test_an_environment_that_raises_ends_the_play_with_exit_1(tmp_path: Path, painted: Path, said: Said):
    run = tmp_path / "run"
    shutil.copytree(painted, run)
    change(run, lambda config: config["env_args"].update(raises=True))
    code, _, err = said(run)
    assert code == 1
    assert err == "the environment raised ValueError: the paint\\x1b[31m ran out\n"


# ---- what cannot be played ----


def change(run: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    """Change a run's configuration, and its key and tables with it, so that it is still valid."""
    manifest = json.loads((run / "manifest.json").read_text())
    edit(manifest["config"])
    manifest["key"] = store.key_of(manifest["config"])
    for name in manifest["files"]:
        if not name.endswith(".parquet"):
            continue
        table = store.read_table(run, name.removesuffix(".parquet"))
        env_ids = pa.array([manifest["config"]["env_id"]] * len(table), type=pa.string())
        data = store.parquet_bytes(table.set_column(0, table.schema.field("env_id"), env_ids))
        (run / name).write_bytes(data)
        manifest["files"][name] |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (run / "manifest.json").write_bytes(store.manifest_bytes(manifest))


def rewrite(run: Path, data: bytes) -> None:
    """Put other bytes into weights.npz, and their digest into the manifest."""
    (run / "weights.npz").write_bytes(data)
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["files"]["weights.npz"] |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (run / "manifest.json").write_bytes(store.manifest_bytes(manifest))


@pytest.fixture
def copy(tmp_path: Path, cartpole: list[Path]) -> Path:
    """A run to be damaged."""
    return Path(shutil.copytree(cartpole[0], tmp_path / "run"))


def test_a_folder_without_a_run_is_refused_with_the_run_nearest_below_it(cartpole: list[Path], said: Said):
    line = refused(said, cartpole[0].parents[3])
    assert "holds no run" in line
    assert str(cartpole[0]) in line
    assert "no such folder" in refused(said, "nowhere")
    assert "a file, not a run's folder" in refused(said, cartpole[0] / "manifest.json")
    assert "RUN: missing" in refused(said)


def test_a_run_without_weights_is_refused_with_how_to_record_them(copy: Path, said: Said):
    manifest = json.loads((copy / "manifest.json").read_text())
    del manifest["files"]["weights.npz"]  # what lies there then is not the run's own
    (copy / "manifest.json").write_bytes(store.manifest_bytes(manifest))
    assert "stored without its weights; set `weights = true` under [record]" in refused(said, copy)
    (copy / "weights.npz").unlink()
    assert "stored without its weights; set `weights = true` under [record]" in refused(said, copy)


def test_a_run_that_is_not_valid_is_refused_with_the_reason(copy: Path, said: Said):
    (copy / "weights.npz").write_bytes((copy / "weights.npz").read_bytes()[:-1] + b"x")
    assert "is not valid: damaged, weights.npz does not match its digest" in refused(said, copy)
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_bytes(store.manifest_bytes({**manifest, "status": "failed", "files": {}}))
    assert "is not valid: failed" in refused(said, copy)


def test_nothing_in_weights_is_unpickled(copy: Path, said: Said):
    sink = io.BytesIO()
    np.savez(sink, **{"trunk_0.weight": np.array([{"an": "object"}], dtype=object)})  # type: ignore[arg-type]
    rewrite(copy, sink.getvalue())
    assert "weights.npz can't be read: Object arrays cannot be loaded" in refused(said, copy)


def test_weights_that_are_no_archive_or_a_broken_one_are_refused(copy: Path, said: Said):
    for data in (b"", b"PK\x03\x04", (copy / "weights.npz").read_bytes()[:200]):
        rewrite(copy, data)
        assert "weights.npz can't be read" in refused(said, copy)
    sink = io.BytesIO()
    np.save(sink, np.zeros(3))
    rewrite(copy, sink.getvalue())
    assert "weights.npz can't be read" in refused(said, copy)
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("trunk_0.weight.npy", b"no array")
    rewrite(copy, sink.getvalue())
    assert "weights.npz" in refused(said, copy)


def test_weights_of_another_network_are_refused(copy: Path, said: Said):
    with np.load(copy / "weights.npz", allow_pickle=False) as found:
        arrays = {name: found[name] for name in found.files}
    rewrite(copy, store.npz_bytes({**arrays, "trunk_0.weight": arrays["trunk_0.weight"].T}))
    assert "trunk_0.weight is float32 (16, 4); expected (4, 16)" in refused(said, copy)
    rewrite(copy, store.npz_bytes({**arrays, "trunk_0.bias": np.array(1, np.float32)}))
    assert "trunk_0.bias" in refused(said, copy)
    rewrite(copy, store.npz_bytes({name: array for name, array in arrays.items() if name != "value.bias"}))
    assert "expected trunk_0.weight, trunk_0.bias" in refused(said, copy)


def test_a_module_is_imported_only_where_it_is_allowed(
    copy: Path, said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "made_up_module.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    change(copy, lambda config: config.update(env_id="made_up_module:Env-v0"))
    assert "add --allow-modules made_up_module" in refused(said, copy)
    assert "imported" in refused(said, copy, "--allow-modules", "made_up_module")


def test_every_mistake_is_told_at_once(said: Said):
    code, out, err = said(
        "nowhere", "--episodes", "0", "--seed", "-1", "--gif", "a.png", "--show", "--gfi", "x"
    )
    assert (code, out) == (2, "")
    for words in (
        "--gfi: unknown option; did you mean '--gif'?",
        "--episodes: expected a whole number, 1 to 100000, got '0'",
        "--seed: expected a whole number, 0 to 4294967296, got '-1'",
        "--show: can't be had together with --gif",
        "--gif: 'a.png' does not end in .gif",
        "nowhere: RUN: no such folder",
    ):
        assert words in err
    assert len(err.splitlines()) == 6


def test_an_option_without_its_value_is_named_as_it_is_written(cartpole: list[Path], said: Said):
    assert "--gif: needs a value" in refused(said, cartpole[0], "--gif")
    assert "--allow-modules: needs a value" in refused(said, cartpole[0], "--allow-modules")


# ---- pictures ----


def test_a_gif_holds_every_frame_of_one_episode_and_is_the_same_bytes_twice(painted: Path, said: Said):
    code, out, _ = said(painted, "--gif", "a.gif")
    assert code == 0
    assert len(lines(out)) == 1
    assert "wrote a.gif (6 frames)" in out
    with Image.open("a.gif") as image:
        assert (image.format, image.n_frames, image.size) == ("GIF", 6, (WIDEST, 15))  # type: ignore[attr-defined]
        assert image.info["duration"] == 100
    said(painted, "--gif", "b.gif")
    assert Path("a.gif").read_bytes() == Path("b.gif").read_bytes()
    assert sorted(path.name for path in Path().iterdir()) == ["a.gif", "b.gif"]


def test_drawing_changes_no_return(painted: Path, said: Said):
    drawn = lines(said(painted, "--gif", "a.gif", "--episodes", "3")[1])
    assert drawn == lines(said(painted)[1])


def test_a_film_keeps_its_first_frames_and_counts_the_others():
    film = Film(1000)
    for shade in range(MOST_FRAMES + 3):
        film.add(np.full((1, NARROWEST, 3), shade % 256, dtype=np.uint8))
    assert (len(film.frames), film.left_out, film.milliseconds) == (MOST_FRAMES, 3, SHORTEST_MS)


def test_a_board_of_a_few_cells_grows_and_its_shares_of_light_are_bytes():
    film = Film(10)
    film.add(np.array([[[0.0, 0.5, 1.0], [1.0, 0.0, 0.2]]] * 3))
    image = film.frames[0].convert("RGB")
    assert image.size == (NARROWEST, 3 * NARROWEST // 2)
    assert [image.getpixel((x, 299)) for x in (0, 99, 100, 199)] == [(0, 128, 255)] * 2 + [(255, 0, 51)] * 2


def test_an_environment_without_pictures_is_refused(tmp_path: Path, painted: Path, said: Said):
    run = tmp_path / "run"
    shutil.copytree(painted, run)
    change(run, lambda config: config["env_args"].update(blank=True))
    line = refused(said, run, "--gif", "a.gif")
    assert "--gif: 'tests/Painted-v0' draws no pictures of this kind (it offers none)" in line


@pytest.mark.skipif(importlib.util.find_spec("pygame") is not None, reason="pygame is installed")
def test_without_pygame_a_gif_is_refused_with_the_install_line(cartpole: list[Path], said: Said):
    assert 'pip install "gymnasium[classic-control]"' in refused(said, cartpole[0], "--gif", "a.gif")


def test_with_pygame_cartpole_is_drawn(cartpole: list[Path], said: Said, monkeypatch: pytest.MonkeyPatch):
    if importlib.util.find_spec("pygame") is None:
        pytest.skip("no GIF of CartPole was drawn: pygame is not installed")
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    code, out, _ = said(cartpole[0], "--gif", "a.gif")
    assert code == 0
    with Image.open("a.gif") as image:
        assert image.size == (WIDEST, 267)
        assert len(image.convert("RGB").getcolors(10_000)) > 3  # type: ignore[arg-type]
    assert lines(out) == lines(said(cartpole[0], "--episodes", "1")[1])
    assert lines(said(cartpole[0], "--show")[1]) == lines(out)


def test_without_a_display_a_window_is_refused(
    cartpole: list[Path], said: Said, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("sys.platform", "linux")
    assert "there is no display here" in refused(said, cartpole[0], "--show")


@pytest.mark.parametrize(
    ("file", "words"), [("a.png", "does not end in .gif"), ("no/a.gif", "there is no folder 'no'")]
)
def test_a_gif_that_cannot_be_written_is_refused_before_anything_is_played(
    painted: Path, said: Said, file: str, words: str
):
    assert words in refused(said, painted, "--gif", file)
