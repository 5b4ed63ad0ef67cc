"""Engines: what computes under the kernel and the pieces, in torch or in compiled code.

``reference`` is plain torch; ``native`` is compiled and answers to it; ``cuda`` is the reference's arithmetic on a GPU.
"""

from __future__ import annotations

from ablations.engines.selection import ALL as ALL
from ablations.engines.selection import ON_PROCESSOR as ON_PROCESSOR
from ablations.engines.selection import available as available
from ablations.engines.selection import notes as notes
from ablations.engines.selection import of as of
from ablations.engines.selection import path as path
from ablations.engines.selection import refusals as refusals
from ablations.engines.selection import unavailable_because as unavailable_because
