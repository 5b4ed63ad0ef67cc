"""Memory that a cohort takes: counted from what its parts would hold, without making them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from ablations import store
from ablations.engines.hardware import on_device
from ablations.runner.executors import ExecutorConfig
from ablations.studies.study import Run, Study

WORKER_BYTES = 300e6
"""Of a worker's libraries."""
COPIES = 5
"""Of a network's parameters: online, target, gradient and two moments."""
SHARE = 0.9
"""Of the machine's memory, what workers may fill where no limit is given."""


def lane_bytes(study: Study, run: Run) -> float | None:
    """What a lane of a run's cohort holds: replay, networks, what pieces keep. None where that can't be known.

    Without what a short time limit adds to a memory of images: an observation per truncated episode.
    """
    from functools import partial

    import torch

    from ablations.dqn.network import Network
    from ablations.dqn.types import Space
    from ablations.engines import reference

    environment = {each.env_id: each for each in study.environments}.get(run.env_id)
    if environment is None or environment.observation is None or environment.actions is None:
        return None
    v, s = run.variant, run.settings
    try:
        network = Network(environment.observation.shape, environment.actions, v.trunk, v.head, v.loss)
        zeros = partial(torch.zeros, dtype=torch.float32, device="meta")
        lookahead = v.returns.facts().lookahead
        space = Space(
            1, s.buffer_size, s.batch_size, environment.observation, network.size, lookahead, zeros,
            reference,  # type: ignore[arg-type]
        )  # fmt: skip
        kept = [piece.init(space) for _, piece in v if hasattr(piece, "init")]
    except Exception as problem:
        if study.registry.blamed_for(problem) is None:
            raise
        return None  # its runs will say
    return 4.0 * COPIES * network.size + tensor_bytes(kept)


def tensor_bytes(held: Any) -> int:
    """What all tensors take that something holds, each memory once."""
    return sum(dict(_storages(held, set())).values())


def _storages(held: Any, seen: set[int]) -> Iterator[tuple[int, int]]:
    """(address, bytes) of the memory of all tensors that something holds."""
    import torch

    if isinstance(held, torch.Tensor):
        storage = held.untyped_storage()
        yield storage._cdata, storage.nbytes()
    elif id(held) not in seen and not isinstance(held, ModuleType | type):
        seen.add(id(held))
        inside = held if isinstance(held, dict | list | tuple) else getattr(held, "__dict__", ())
        for each in inside.values() if isinstance(inside, dict) else inside:
            yield from _storages(each, seen)


def lanes_that_fit(study: Study, config: ExecutorConfig, jobs: int, most: int) -> Callable[[Run], int]:
    """How many lanes of a run's cohort a worker has room for, at most ``most``; one at least.

    The room is ``--memory``, or an equal share of the machine's where workers are its own.
    """
    limit = config.memory
    if limit is None and config.executor == "local":
        limit = int(SHARE * store.usable_memory() / jobs)
    room = 0.0 if limit is None or on_device(study.engine) else limit - WORKER_BYTES

    def fit(run: Run) -> int:
        needed = lane_bytes(study, run) if room > 0 else None
        return most if not needed else max(1, min(most, int(room / needed)))

    return fit
