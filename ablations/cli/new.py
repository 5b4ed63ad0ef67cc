"""``new``: a commented study to start from."""

from __future__ import annotations

import os
import re
from argparse import Namespace
from pathlib import Path
from string import Template

from ablations.cli.console import say
from ablations.errors import BadInput, Problem
from ablations.studies import catalog
from ablations.studies.pieces import NAME

TEMPLATE = Template("""\
# A study: environments x variants x settings x seeds.
#   python -m ablations plan $file     what it would run, and how long that takes
#   python -m ablations run $file      runs what is missing; type it again after any change
name = "$name"            # its results lie in results/$name
question = "Does a slower target network help?"

envs = ["CartPole-v1"]          # any Gymnasium id with Box observations and Discrete actions
seeds = 5                       # 0 to 4; or a list of your own: [3, 7, 11]. Below about 9 little can be concluded
baseline = "dqn"                # what the other variants are compared with
variants = ["dqn", "no-target", "slow-soft"] # see `python -m ablations list`; "all" is every variant that ships

# entropy = 0                   # another number is another universe of random numbers
# engine = "auto"               # chosen once, at the first run, and stored
# pieces = ["my_trick.py"]      # files beside this one; reading the study runs their code

# Shared by all variants: a variant never carries settings. What is left out has its default.
[settings]
total_timesteps = 20_000        # environment steps
learning_rate = 1e-3
# buffer_size = 10_000
# batch_size = 64
# gamma = 0.99
# learning_starts = 1_000       # at least batch_size
# train_frequency = 1           # environment steps between updates
# gradient_steps = 1            # updates each time
# bootstrap_truncated = true    # false cuts the bootstrap at time limits, which biases every value near them

# The study's own pieces, of the baseline and of every variant that does not set that slot itself; what is left out is
# neutral. A table without kind changes numbers of the piece that stands there; all slots: `python -m ablations list`.
[slots]
trunk = { hidden = [64, 64] }   # units per hidden layer
# exploration = { end_e = 0.05, exploration_fraction = 0.2 } # share of the steps until end_e
# loss = "squared"              # or "huber"
# optimizer = "adam"            # or "rmsprop", "sgd", { kind = "adam", max_grad_norm = 10.0 }

# A variant of your own: a base, and another piece in one of the slots.
[variant.slow-soft]
base = "dqn"
target = { kind = "soft", tau = 0.001 }
label = "Soft, tau 0.001"       # for people

# Per environment: overrides, arguments, and the range in which true values lie.
[env."CartPole-v1"]
# settings = { total_timesteps = 50_000 }
# slots = { trunk = { hidden = [32] } }
# args = {}
value_bounds = [1.0, 100.0]

# Every combination of these values, for every variant that has them; a piece's numbers by slot.number.
# [sweep]
# learning_rate = [1e-3, 2.5e-4]
# "target.period" = [10, 100]

# Or a full factorial of pieces, its cells labelled by them (hard+max); `variants` are then further rows, or [].
# [factors]
# target = ["none", "hard", { kind = "soft", tau = 0.001 }]
# bootstrap = ["max", "double"]
""")


def main(arguments: Namespace) -> int:
    """Write the study, unless something is already there."""
    problems = list(arguments.problems)
    path = Path(arguments.file)
    if not arguments.file:
        problems.append(Problem("command line", "FILE", "missing: the file to write"))
    elif os.path.lexists(path):
        problems.append(Problem(arguments.file, "FILE", "exists already and is left as it is"))
    elif not path.parent.is_dir():
        problems.append(Problem(arguments.file, "FILE", f"there is no folder '{path.parent}'"))
    if problems:
        raise BadInput(problems)
    argument = (
        arguments.file if path.suffix == ".toml" or os.sep in arguments.file else f".{os.sep}{arguments.file}"
    )
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(TEMPLATE.substitute(name=study_name(path.stem), file=argument))
    except OSError as error:
        raise BadInput([Problem(arguments.file, "FILE", f"cannot be written: {error.strerror}")]) from None
    say(f"wrote {arguments.file}; next: python -m ablations plan {argument}")
    return 0


def study_name(stem: str) -> str:
    """A valid name that is like a file's, and not a shipped study's."""
    name = re.sub(r"[^a-z0-9._-]+", "-", stem.lower()).strip("._-")[:60]
    if not NAME.fullmatch(name) or name in catalog.names():
        name = f"my-{name}".rstrip("-") if name else "my-study"
    return name
