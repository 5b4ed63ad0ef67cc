"""Environments with processes of their own, and workers started in awkward surroundings."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.contract.outside import assert_answered, python, write_study
from tests.faults.grounds import start
from tests.faults.session import promised, seconds_until

CHILDREN = '''
import multiprocessing, os, subprocess
import gymnasium
import numpy as np

multiprocessing.set_start_method("fork")  # an error where somebody has set it before

def serve(pipe):
    while (asked := pipe.recv()) is not None:
        pipe.send(asked * 2.0)

class Remote(gymnasium.Env):
    """Its rewards come from a process of its own; another one sleeps."""
    observation_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self):
        self.pipe, theirs = multiprocessing.Pipe()
        child = multiprocessing.Process(target=serve, args=(theirs,), daemon=DAEMON)
        child.start()
        sleeper = subprocess.Popen(["sleep", "60"])  # one for each of forty instances: no interpreter's start
        with open("children", "a") as file:
            print(child.pid, sleeper.pid, file=file)
        self.child, self.sleeper = child, sleeper

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.left = 5
        return self.np_random.uniform(-1, 1, 2).astype(np.float32), {}

    def step(self, action):
        self.left -= 1
        self.pipe.send(float(action))
        return self.np_random.uniform(-1, 1, 2).astype(np.float32), self.pipe.recv(), self.left == 0, False, {}

    def close(self):
        self.pipe.send(None)
        self.child.join()
        if os.getppid() != DRIVERS_PARENT:
            return  # in a worker it forgets the other one
        self.sleeper.kill()
        self.sleeper.wait()

gymnasium.register("Remote-v0", Remote)
'''


def study(folder: Path, daemon: bool, steps: int = 200) -> None:
    (folder / "remotes.py").write_text(
        f"DAEMON, DRIVERS_PARENT = {daemon}, {os.getpid()}\n{CHILDREN}", encoding="utf-8"
    )
    top = {"envs": ["remotes:Remote-v0"], "allow_modules": ["remotes"], "variants": ["dqn"], "seeds": 2}
    write_study(folder, top, {"total_timesteps": steps})


def alive(folder: Path) -> list[int]:
    """Those of the environments' processes that live still."""
    pids = [int(pid) for pid in (folder / "children").read_text().split()]
    return [pid for pid in pids if _lives(pid)]


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks /proc who lives"),
]


@pytest.mark.parametrize(("daemon", "executor"), [(True, "local"), (False, "local"), (True, "dask")])
def test_an_environment_may_have_processes_and_none_outlives_its_worker(
    daemon: bool, executor: str, tmp_path: Path
) -> None:
    study(tmp_path, daemon)
    where = ("--jobs", "1", "--executor", executor)
    answer = python("-m", "ablations", "run", "tiny.toml", *where, cwd=tmp_path)
    assert_answered(answer, 0)
    seconds_until(lambda: not alive(tmp_path), promised(3))
    assert not alive(tmp_path)


@pytest.mark.parametrize(("command", "said"), [("run", "2 of 2 runs are valid"), ("plan", "2 to do")])
def test_what_an_environment_leaves_behind_keeps_no_command_from_ending_and_ends_with_it(
    command: str, said: str, tmp_path: Path
) -> None:
    study(tmp_path, False)
    module = tmp_path / "remotes.py"
    thread = "threading.Thread(target=threading.Event().wait).start()"
    waits = module.read_text().replace("self.pipe, theirs", f"{thread}\n        self.pipe, theirs", 1)
    module.write_text(waits.replace("import multiprocessing,", "import threading, multiprocessing,"))
    answer = python("-m", "ablations", command, "tiny.toml", "--jobs", "1", cwd=tmp_path)
    assert_answered(answer, 0)
    assert said in answer.stdout + answer.stderr
    seconds_until(lambda: not alive(tmp_path), promised(3))
    assert not alive(tmp_path)


def test_a_killed_driver_leaves_none_of_them(tmp_path: Path) -> None:
    study(tmp_path, True, 10_000_000)
    process = start(tmp_path, tmp_path / "output")
    grid = tmp_path / "results" / "tiny" / ".grid" / "logs"
    try:
        training = lambda: any(path.name.startswith("remotes") for path in grid.glob("*"))  # noqa: E731
        assert seconds_until(training, 600) < 600, (tmp_path / "output").read_text()
        time.sleep(1.0)
        assert alive(tmp_path)
        process.kill()
        process.wait()
        seconds_until(lambda: not alive(tmp_path), promised(3))
        assert not alive(tmp_path)
    finally:
        process.kill()
        process.wait()


def test_a_long_tmpdir_is_no_hindrance(tmp_path: Path) -> None:
    write_study(tmp_path, {"variants": ["dqn"], "seeds": 1}, {"total_timesteps": 200})
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    answer = python("-m", "ablations", "run", "tiny.toml", "--jobs", "1", cwd=tmp_path, TMPDIR=str(folder))
    assert_answered(answer, 0)


def test_a_daemonic_process_is_told_the_way_out_and_that_way_is_one(tmp_path: Path) -> None:
    write_study(tmp_path, {"variants": ["dqn"], "seeds": 1}, {"total_timesteps": 200})
    script = (
        "import ablations, multiprocessing, sys\n"
        "from concurrent.futures import ProcessPoolExecutor\n"
        "def run(place): return str(ablations.run('tiny.toml', place, jobs=1))\n"
        "if __name__ == '__main__':\n"
        "    context = multiprocessing.get_context('spawn')\n"
        "    with context.Pool(1) as pool:\n"
        "        try: pool.map(run, ['a'])\n"
        "        except Exception as problem: print(problem)\n"
        "    with ProcessPoolExecutor(1, context) as pool: print(*pool.map(run, ['b']))\n"
    )
    (tmp_path / "script.py").write_text(script, encoding="utf-8")
    answer = python("script.py", cwd=tmp_path)
    assert_answered(answer, 0)
    assert "concurrent.futures.ProcessPoolExecutor has processes that may" in answer.stdout
    assert not (tmp_path / "a").exists()
    assert (tmp_path / "b" / "tiny" / "study.json").exists()
