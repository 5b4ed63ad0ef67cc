"""What follows from the self-tests of an environment: may its runs be repeated, and may they be checkpointed?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ablations.envs import repeatability
from ablations.errors import few
from ablations.runner.executors import TaskResult
from ablations.runner.tasks import SELF_TESTS
from ablations.store.paths import without_folders


class Conclusion(NamedTuple):
    """What is stored of an environment, and what is said."""

    repeatability: dict[str, Any] | None  # as study.json has it; None where the tests did not end
    no_checkpoints: str | None  # why there can't be any
    notes: tuple[str, ...]


def conclude(env_id: str, tests: Mapping[str, TaskResult]) -> Conclusion:
    """``tests`` by kind."""
    for test in tests.values():
        if not test.done:
            reason = f"its self-test ended early: {test.reason}"
            return Conclusion(None, reason, (f"{env_id}: no checkpoints, because {reason}",))
    here, elsewhere = (tests[kind].result for kind in SELF_TESTS)
    found = repeatability.judged(here, elsewhere)
    notes = _on_statistics(env_id, here["running_statistics"])
    if not found.repeats:
        return Conclusion(found._asdict(), found.reason, (repeatability.consequence(env_id, found), *notes))
    if here["no_checkpoints"] is None:
        return Conclusion(found._asdict(), None, notes)
    reason = without_folders(here["no_checkpoints"])
    note = f"{env_id}: no checkpoints, because {reason}; a run that is cut off starts over, to the same bits"
    return Conclusion(found._asdict(), reason, (note, *notes))


def _on_statistics(env_id: str, names: Sequence[str]) -> tuple[str, ...]:
    """Who sees with training's eyes, and who doesn't."""
    if not names:
        return ()
    which = f"{env_id}: its wrappers keep running statistics ({few(names)})"
    return (
        f"{which}: evaluations and `play` take over training's; the random policy's score and probe states are "
        "seen through their own",
    )
