"""What the fork server of the local engine imports before it starts workers: all that they need, torch above all."""

from __future__ import annotations

import atexit
import gc
import os

import pandas  # noqa: F401  (pyarrow imports it when it makes its first table)

import ablations.cohort
import ablations.engines.worker
import ablations.random_policy  # noqa: F401

# The server ends when the driver has gone, and its workers end with it: no time may be lost in taking torch apart.
atexit.register(os._exit, 0)

# What is imported stays: the workers' garbage collectors need not look through it again and again.
gc.collect()
gc.freeze()
