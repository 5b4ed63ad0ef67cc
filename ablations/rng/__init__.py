"""Random numbers: a stream per (entropy, seed, role), draws ahead of need, and Philox for devices."""
