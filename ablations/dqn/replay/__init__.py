"""The replay slot: which stored transitions an update learns from.

``init(space) -> memory``, a ``Ring`` or one with more in it; ``add(memory, transition)`` stores one environment step of
every lane; ``sample(memory, u, progress) -> (index, weight)``, both (L, B), with u uniform draws (L, B), float64 in
[0, 1), the only randomness, and progress the share of the run that is done; ``feedback(memory, index, delta)`` tells
the memory the TD errors (L, B) of what it gave.
"""
