"""``python -m scripts.bench TABLE``: what the tables of docs/performance.md are made with; the usual ones by default.

Each times the work that ``cohorts`` describes, on one core and one thread, ``device`` apart.
"""

from __future__ import annotations

import argparse
import sys

import torch

from ablations import engines
from scripts.bench import device, frames, looking_on, peers, speeds

TABLES = {
    "lanes": (speeds.by_lanes,),
    "variants": (speeds.by_variant,),
    "paths": (speeds.by_path,),
    "growth": (speeds.by_growth,),
    "parts": (speeds.by_part,),
    "looking-on": (looking_on.looking_on,),
    "frames": (frames.by_frames,),
    "usual": (speeds.by_lanes, speeds.by_variant, speeds.by_path, frames.by_frames),
}


def main(arguments: list[str]) -> int:
    """Time and print."""
    parser = argparse.ArgumentParser(prog="python -m scripts.bench", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="table", required=True)
    for name, tables in TABLES.items():
        command = commands.add_parser(name, help=" ".join(str(table.__doc__) for table in tables))
        command.add_argument(
            "--engines",
            nargs="+",
            default=engines.available(),
            choices=engines.ON_PROCESSOR,
            metavar="ENGINE",
        )
        command.add_argument("--variants", nargs="+", default=["dqn", "per"], help="of parts and looking-on")
        command.add_argument("--iterations", type=int, default=2_000, help="of parts and looking-on")
    peers.add_options(commands.add_parser("peers", help=str(peers.__doc__).splitlines()[0]))
    device.add_options(commands.add_parser("device", help=str(device.__doc__).splitlines()[0]))
    for command in commands.choices.values():
        command.add_argument("--repeats", type=int, default=5, help="turns per configuration (default 5)")
    options = parser.parse_args(arguments or ["usual"])
    if options.table == "peers":
        return peers.main(options)
    if options.table == "device":
        return device.main(options)
    print(f"one core, one thread; medians of {options.repeats} alternating turns; torch {torch.__version__}")
    for engine in options.engines:
        print(f"\nengine {speeds.with_instructions(engine)}")
        for table in TABLES[options.table]:
            table(engine, options)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
