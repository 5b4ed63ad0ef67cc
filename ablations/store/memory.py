"""The address space that a process may fill, where the shell limits it."""

from __future__ import annotations

import resource


def too_little_memory(need: int, problem: BaseException | None = None) -> str | None:
    """A sentence where the shell limits the address space below ``need`` bytes, or at all once a ``problem`` arose.

    Libraries that don't get the memory they load into end in any error, hang, or abort the process.
    """
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit == resource.RLIM_INFINITY or (problem is None and limit >= need):
        return None
    why = f"; {str(problem) or type(problem).__name__}" if problem is not None else ""
    return f"the address space is limited to {limit // 2**20:,} MB, and at least {need // 2**20:,} MB are needed{why}"
