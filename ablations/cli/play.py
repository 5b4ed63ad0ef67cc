"""``play``: greedy episodes with a stored run's final weights, in numbers, as a GIF or in a window."""

from __future__ import annotations

import os
import sys
import warnings
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ablations import store
from ablations.cli.console import printable, say, table, warn
from ablations.cli.options import WHERE, whole_option
from ablations.envs import checks
from ablations.errors import BadInput, Findings, Problem, few
from ablations.studies import registry

if TYPE_CHECKING:
    import gymnasium

    from ablations.dqn.variants import Kinds
    from ablations.runner.play import Played, StoredRun

PYGAME = 'pip install "gymnasium[classic-control]"'
FRAMES_PER_SECOND = 30  # of an environment that doesn't say
MOST_EPISODES, LARGEST_SEED = 100_000, 2**32
DONE, RAISED = 0, 1


def main(arguments: Namespace) -> int:
    """Play, and print each episode's return and length."""
    problems = list(arguments.problems)
    episodes = whole_option(arguments, "episodes", problems, 1, MOST_EPISODES)
    seed = whole_option(arguments, "seed", problems, 0, LARGEST_SEED)
    undrawable = _drawing_problems(arguments.gif, arguments.show)
    mode = None if undrawable else "rgb_array" if arguments.gif else "human" if arguments.show else None
    problems += undrawable
    try:
        run, kinds, env = _opened(arguments, mode)
    except BadInput as bad:
        raise BadInput([*problems, *bad.problems]) from None
    if problems:
        raise BadInput(problems)
    try:
        return _play(run, env, kinds, episodes, seed, arguments.gif)
    finally:
        env.close()


def _opened(arguments: Namespace, mode: str | None) -> tuple[StoredRun, Kinds, gymnasium.Env[Any, Any]]:
    """The run, the pieces it may use, and its environment, which has drawn a frame if it is to. Raises BadInput."""
    if not arguments.run:
        raise BadInput([Problem(WHERE, "RUN", "missing: a run's folder (before the options)")])
    from ablations.runner.play import Unplayable, open_run  # torch, only where there is something to play

    run_dir = Path(arguments.run)
    if not run_dir.exists() and arguments.results:
        run_dir = Path(arguments.results) / arguments.run
    try:
        run = open_run(run_dir)
    except (Unplayable, OSError, ValueError) as problem:  # a name with a null character is a ValueError
        raise BadInput([Problem(arguments.run, "RUN", str(problem))]) from None
    found = Findings(WHERE)
    paths = map(Path, arguments.pieces or ())
    kinds = registry.read(paths, found, run.config.get("pieces", {}), key="--pieces").kinds
    found.stop()
    return run, kinds, _environment(run, arguments, mode)


def _environment(run: StoredRun, arguments: Namespace, mode: str | None) -> gymnasium.Env[Any, Any]:
    from ablations.envs.gym import make

    env_id, args = run.config["env_id"], run.config["env_args"]
    module, colon, _ = env_id.partition(":")
    if colon and module not in (arguments.allow_modules or ()):
        message = (
            f"'{env_id}' would import the module '{module}'; if you trust it, add --allow-modules {module}"
        )
        raise BadInput([Problem(arguments.run, "RUN", message)])
    findings = Findings(arguments.run)
    checks.check_id(env_id, [module] if colon else (), findings, "RUN")
    findings.stop()
    checks.check_made(env_id, args, findings)
    findings.stop()
    return make(env_id, args) if mode is None else _drawing(env_id, args, mode)


def _drawing(env_id: str, args: dict[str, Any], mode: str) -> gymnasium.Env[Any, Any]:
    """The environment, once it has shown that it can draw."""
    from ablations.envs.gym import make

    option = "--gif" if mode == "rgb_array" else "--show"
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Gymnasium warns of a mode that is missing; it is said below
            env = make(env_id, {**args, "render_mode": mode})
            env.reset(seed=0)
            frame = env.render() if mode == "rgb_array" else None
    except (Exception, SystemExit) as problem:  # whatever a foreign environment raises is the user's to read
        raise BadInput([Problem(WHERE, option, _why_not_drawn(env_id, problem))]) from None
    modes = env.metadata.get("render_modes") or []
    if mode not in modes or (mode == "rgb_array" and getattr(frame, "ndim", 0) != 3):
        env.close()
        message = f"'{env_id}' draws no pictures of this kind (it offers {few(map(str, modes)) or 'none'})"
        raise BadInput([Problem(WHERE, option, message)])
    return env


def _why_not_drawn(env_id: str, problem: BaseException) -> str:
    if "pygame" in str(problem) and type(problem).__name__ in (
        "DependencyNotInstalled",
        "ModuleNotFoundError",
    ):
        return f"drawing '{env_id}' needs pygame, which is not installed: {PYGAME}"
    return f"'{env_id}' can't be drawn: {type(problem).__name__}: {' '.join(str(problem).split())[:300]}"


def _play(
    run: StoredRun,
    env: gymnasium.Env[Any, Any],
    kinds: Kinds,
    episodes: int | None,
    seed: int | None,
    gif: str | None,
) -> int:
    from ablations.cli.gif import Film
    from ablations.runner.play import Greedy, Unplayable, play

    drawn = env.render_mode is not None
    count = episodes or (1 if drawn else run.evaluated)
    starts = run.start_seeds(count) if seed is None else list(range(seed, seed + count))
    film = Film(float(env.metadata.get("render_fps") or FRAMES_PER_SECOND))
    see: Callable[[], None] = (lambda: film.add(env.render())) if gif else (lambda: None)  # type: ignore[arg-type]
    try:
        greedy = Greedy(run, env, kinds)
    except Unplayable as problem:
        raise BadInput([Problem(WHERE, "RUN", str(problem))]) from None
    say(_headline(run))
    played: list[Played] = []
    try:
        for start in starts:
            played.append(play(env, greedy, start, see))
    except (Exception, SystemExit) as problem:  # its environment's
        warn(printable(f"the environment raised {type(problem).__name__}: {' '.join(str(problem).split())}"))
        return RAISED
    finally:
        if played:
            _print(played)
    return _store(film, gif) if gif else DONE


def _store(film: Any, gif: str) -> int:
    try:
        store.write_atomic(Path(gif), film.gif())
    except OSError as problem:
        raise BadInput([Problem(WHERE, "--gif", f"'{gif}' cannot be written: {problem.strerror}")]) from None
    rest = f"; {film.left_out} more are left out" if film.left_out else ""
    say(f"wrote {gif} ({len(film.frames)} frames{rest})")
    return DONE


def _headline(run: StoredRun) -> str:
    config, diverged_at = run.config, run.manifest.get("diverged_at")
    label = printable(str(run.manifest.get("label", "?")))
    diverged = "" if diverged_at is None else f" (it diverged at step {diverged_at})"
    return (
        f"{label} on {config['env_id']}, seed {config['seed']}: greedy episodes with the weights after "
        f"{run.manifest['steps']} steps{diverged}"
    )


def _print(played: Sequence[Played]) -> None:
    lines = [
        {
            "episode": number,
            "start_seed": each.start_seed,
            "return": f"{each.total:g}" if abs(each.total) < 1e6 else repr(each.total),
            "length": each.length,
            "end": _end(each),
        }
        for number, each in enumerate(played)
    ]
    say(table(lines, ("episode", "start_seed", "return", "length", "end")))
    mean = sum(each.total for each in played) / len(played)
    say(f"mean return {mean:g}, mean length {sum(each.length for each in played) / len(played):g}")


def _end(episode: Played) -> str:
    if episode.cut:
        return "cut by play"
    return "terminated" if episode.terminated else "truncated"


def _drawing_problems(gif: str | None, show: bool) -> list[Problem]:
    """Problems of recording or showing, as far as they can be known before anything is played."""
    problems = []
    if gif is not None and show:
        problems.append(Problem(WHERE, "--show", "can't be had together with --gif: play twice"))
    if gif is not None:
        path = Path(gif)
        if path.suffix.lower() != ".gif":
            problems.append(Problem(WHERE, "--gif", f"'{gif}' does not end in .gif"))
        elif path.is_dir():
            problems.append(Problem(WHERE, "--gif", f"'{gif}' is a folder"))
        elif not path.parent.is_dir():
            problems.append(Problem(WHERE, "--gif", f"there is no folder '{path.parent}'"))
    elif show and not _display():
        problems.append(Problem(WHERE, "--show", "there is no display here; --gif FILE records instead"))
    return problems


def _display() -> bool:
    """True where there may be a window: elsewhere than on Linux that is found out by trying."""
    named = ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER")
    return not sys.platform.startswith("linux") or any(os.environ.get(name) for name in named)
