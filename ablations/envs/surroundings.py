"""What an environment may do to the process it is made in: nothing that lasts.

Modules and constructors of environments set torch's kind of numbers, its threads, what numpy does about overflows, how
processes start, who hears Ctrl-C; or they end the program. A learner's bits must not depend on it. Torch is looked at
where it is loaded, and not imported.
"""

from __future__ import annotations

import multiprocessing
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

ENDING = (signal.SIGINT, signal.SIGTERM)
ENDED = "the environment asked for the program's end (sys.exit({!r}))"


@contextmanager
def kept() -> Iterator[None]:
    """Put back what is set for the whole process. Raises RuntimeError where the program was to end."""
    torch = sys.modules.get("torch")
    on_errors = np.geterr()
    in_main = threading.current_thread() is threading.main_thread()  # no other one may set what hears signals
    heard = {number: signal.getsignal(number) for number in ENDING if in_main}
    started = multiprocessing.get_start_method(allow_none=True)
    if in_main:
        multiprocessing.set_start_method(None, force=True)  # it may be set once, as in a program of its own
    if torch is not None:
        dtype, threads, grads = torch.get_default_dtype(), torch.get_num_threads(), torch.is_grad_enabled()
    try:
        yield
    except SystemExit as problem:
        raise RuntimeError(ENDED.format(problem.code)) from problem
    finally:
        np.seterr(**on_errors)
        if in_main:
            multiprocessing.set_start_method(started, force=True)
        for number, handler in heard.items():
            if handler is not None:  # None: it was not set from Python, and can't be
                signal.signal(number, handler)
        if torch is not None:
            torch.set_default_dtype(dtype)
            torch.set_num_threads(threads)
            torch.set_grad_enabled(grads)
