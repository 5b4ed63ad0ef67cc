"""``make soak``: a long storm, and the counts of what it did and saw."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from .grounds import ON_PROCESSOR, run_undisturbed, undisturbed
from .storm import Storm


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        place = Path(folder)
        for family in ON_PROCESSOR:
            run_undisturbed(place / family, family)
        whole = {family: undisturbed(place / family, family) for family in ON_PROCESSOR}
        storm = Storm(place, whole, asked.kills, asked.seed, lambda text: print(text, flush=True), damages=3)
        counts = storm.rage()
    print(f"seed {asked.seed}, {time.monotonic() - started:.0f} seconds")
    print("\n".join(counts.lines()))


if __name__ == "__main__":
    main()
