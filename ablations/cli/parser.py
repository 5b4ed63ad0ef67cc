"""The grammar of the command line. Mistakes are collected as problems, so that all are shown at once.

argparse stops at the first mistake, so it is given only what it can't refuse: numbers stay text until
``ablations.cli.options`` checks them together with the study, unknown options are taken out beforehand, and what is
missing is filled in.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from ablations.errors import BadInput, Problem, hint, nearest

WHERE = "command line"
STUDY_HELP = "a shipped study's name (see `list`), or a file: a path or a name that ends in .toml"

COMMANDS = {
    "list": ("listing", "show the studies that ship, the variants and the slots"),
    "new": ("new", "write a commented study to start from"),
    "plan": ("plan", "show what a study would run, how long it takes and how much it stores; makes nothing"),
    "run": ("run", "run what is missing of a study"),
    "status": ("status", "show which runs of a study are valid"),
    "verify": (
        "verify",
        "check the stored results of a study: digests, schema, keys; --rerun repeats some runs",
    ),
    "pack": ("pack", "move a study's finished runs into a few zip archives; everything reads them as before"),
    "unpack": ("pack", "give every packed run a folder of its own again"),
    "cohort": ("cohort", "carry out one task of a Slurm array; `run --executor slurm` submits it"),
    "where": ("where", "print the folder of a study's results"),
    "play": ("play", "play greedy episodes with a stored run's final weights; --gif records them"),
}

EXITS = """exit codes:
  0 done; for `run`: all runs that were asked for are valid  1 some aren't
  2 bad input, every mistake named                           3 another runner holds the study
  130, 143 ended by Ctrl-C, SIGTERM: what is finished is kept"""

EXAMPLES = {
    "run": """examples:
  python -m ablations run core                             the default study; again: only what is missing
  python -m ablations run core --variants dqn no-target    a part of it now, the rest later
  python -m ablations run mine.toml --seeds 3 --steps 5000 a quick look""",
    "plan": """examples:
  python -m ablations plan core
  python -m ablations plan mine.toml --seeds 20 --jobs 8""",
    "verify": """examples:
  python -m ablations verify core                          every stored run: digests, schema, keys
  python -m ablations verify core --rerun 3                and three of them made again, bit for bit""",
    "play": """RUN is runs/<environment>/<row>/seed-... below a study's results, of a study with this in its file:
  [record]
  weights = true

examples:
  python -m ablations play results/mine/runs/CartPole-v1/dqn/seed-0000-0123456789ab
  python -m ablations play results/mine/runs/CartPole-v1/dqn/seed-0000-0123456789ab --gif dqn.gif""",
}


class Parser(argparse.ArgumentParser):
    """Raises instead of printing and leaving."""

    def error(self, message: str) -> NoReturn:
        raise BadInput([Problem(WHERE, self.prog.rpartition(" ")[2], message)])


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The command and its options, with ``module`` to carry it out and ``help_text`` where help is asked for."""
    words = list(argv)
    if not words or words[0] in ("-h", "--help", "help"):
        if words:
            return argparse.Namespace(help_text=_overview())
        raise BadInput([Problem(WHERE, "COMMAND", f"missing; one of {', '.join(COMMANDS)} (or --help)")])
    name, *rest = words
    if name not in COMMANDS:
        raise BadInput([Problem(WHERE, "COMMAND", f"unknown command '{name}'{hint(name, list(COMMANDS))}")])
    parser = _parser(name)
    if "-h" in rest or "--help" in rest:
        return argparse.Namespace(help_text=parser.format_help().rstrip())
    return _collected(parser, name, rest)


def _collected(parser: Parser, name: str, rest: list[str]) -> argparse.Namespace:
    """Parse leniently and note mistakes in ``problems``; the command raises them together with those of the study."""
    problems: list[Problem] = []
    words = _without_unknown_options(_options(name), rest, problems)
    try:
        arguments, extra = parser.parse_known_args(words)
    except BadInput:  # argparse can still miss STUDY, FILE or RUN alone: empty, which the command refuses
        arguments, extra = parser.parse_known_args(["", *words])
    problems += [Problem(WHERE, name, f"unexpected argument '{word}'") for word in extra]
    for option, value in vars(arguments).items():
        if value == [] or value is _NO_VALUE:
            problems.append(Problem(WHERE, f"--{option.replace('_', '-')}", "needs a value"))
            setattr(arguments, option, None)
    arguments.command, arguments.module = name, COMMANDS[name][0]
    arguments.help_text, arguments.problems = "", problems
    return arguments


_NO_VALUE = object()

_RESULTS = {"--results": ("DIR", "where results lie, one folder per study (default: ./results)")}
_GRID = {
    "--jobs": ("N", "how many processes train at once (default: usable cores)"),
    "--lanes": ("N", "how many seeds of a row train together, at most; changes no result"),
    "--envs": ("ENV ...", "only these environments now; the study stays whole"),
    "--variants": ("NAME ...", "only these rows or variants now; the study stays whole"),
    "--seeds": (
        "N",
        "the seeds 0 to N-1 instead of the study's own; until decided: no look beyond N seeds now",
    ),
    "--steps": ("N", "total_timesteps instead of the study's own; rewrites study.json"),
    "--engine": ("NAME", "what computes: reference, native or cuda, instead of the study's own engine"),
    "--executor": ("NAME", "where cohorts run: local (default), on this machine; dask; slurm"),
    "--scheduler": (
        "ADDRESS",
        "with --executor dask: a cluster that is there, tcp://host:port (default: our own)",
    ),
    "--timeout": ("SECONDS", "end a cohort that makes no progress for so long (default: never)"),
    "--memory": ("SIZE", "end a worker that holds more memory, such as 4G or 500M (default: no limit)"),
    "--tensorboard": ("", "also write event files for TensorBoard, below .grid/tb of the results"),
    "--replan": ("", "change what a study decides by although looks were judged; every table says so"),
    "--strict": ("", "refuse to add to runs that other code made (commit, changes, algorithm version)"),
}
_COHORT = {"--index": ("I", "which of the file's tasks, from 0")}
_VERIFY = {
    "--rerun": ("N", "repeat N valid runs, drawn at random, and compare them bit for bit"),
    "--seed": ("S", "which runs --rerun draws (default: 0)"),
    "--jobs": _GRID["--jobs"],
}
_PLAY = {
    "--episodes": (
        "N",
        "how many episodes (default: as many as the run's evaluations; one with --gif or --show)",
    ),
    "--seed": ("S", "reset the episodes with S, S+1, ... (default: as the run's evaluations were)"),
    "--gif": ("FILE", "record what is played as an animated GIF"),
    "--show": ("", "watch in a window"),
    "--allow-modules": ("MODULE ...", "modules that the environment's id may import"),
    "--pieces": ("FILE ...", "files of pieces whose code the run's network may take"),
}
_EVERY = _RESULTS | _GRID | _VERIFY | _COHORT | _PLAY


def _options(name: str) -> dict[str, tuple[str, str]]:
    """{option: (placeholder, help)} of a command; an option without a placeholder takes no value."""
    if name == "cohort":
        return _COHORT
    own = {"run": _GRID, "plan": _GRID, "verify": _VERIFY, "play": _PLAY}
    return _RESULTS | own.get(name, {})


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Shows a value as needed although the parser itself is lenient about it."""

    def _format_args(self, action: argparse.Action, default_metavar: str) -> str:
        return str(action.metavar or default_metavar)


def _parser(name: str) -> Parser:
    text = COMMANDS[name][1]
    parser = Parser(
        prog=f"python -m ablations {name}",
        description=f"{text[0].upper()}{text[1:]}.",
        epilog="\n\n".join(filter(None, (EXAMPLES.get(name), EXITS if name == "run" else None))),
        formatter_class=_Formatter,
        allow_abbrev=False,
    )
    if name == "new":
        parser.add_argument("file", metavar="FILE", help="the file to write; it must not exist yet")
    elif name == "cohort":
        parser.add_argument("file", metavar="FILE", help="the tasks, as `run --executor slurm` wrote them")
    elif name == "play":
        parser.add_argument("run", metavar="RUN", help="a run's folder: as it is, or below --results")
    elif name != "list":
        parser.add_argument("study", metavar="STUDY", help=STUDY_HELP)
    for flag, (metavar, help_text) in _options(name).items():
        if not metavar:
            parser.add_argument(flag, action="store_true", help=help_text)
        elif metavar.endswith("..."):
            parser.add_argument(flag, metavar=metavar, nargs="*", action="extend", help=help_text)
        else:
            parser.add_argument(flag, metavar=metavar, nargs="?", const=_NO_VALUE, help=help_text)
    return parser


def _without_unknown_options(
    options: Mapping[str, Any], words: Sequence[str], problems: list[Problem]
) -> list[str]:
    """Take out options that don't exist, each with the value that follows if the option meant, of any command, takes
    one.
    """
    kept, skip_value = [], False
    for word in words:
        if not word.startswith("-") or _is_number(word):
            if not skip_value:
                kept.append(word)
            skip_value = False
            continue
        flag = word.partition("=")[0]
        meant = nearest(flag, _EVERY)
        skip_value = flag not in options and "=" not in word and meant is not None and bool(_EVERY[meant][0])
        if flag in options:
            kept.append(word)
        else:
            problems.append(Problem(WHERE, flag, f"unknown option{hint(flag, list(options))}"))
    return kept


def _is_number(word: str) -> bool:
    return word[1:].replace(".", "", 1).isdigit()


def _overview() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name.ljust(width)}  {text}" for name, (_, text) in COMMANDS.items()]
    return "\n".join(
        (
            "usage: python -m ablations COMMAND [STUDY] [options]",
            "",
            "Seeded ablations of DQN: which stabilisation trick does what, by how much, and how sure are we?",
            "",
            "commands:",
            *lines,
            "",
            EXITS,
            "",
            "`python -m ablations COMMAND --help` shows a command's options.",
        )
    )
