"""``list``: the studies that ship, the variants, the slots. Imports neither torch nor anything else that is slow."""

from __future__ import annotations

from argparse import Namespace

from ablations.cli.console import say, table
from ablations.dqn.variants import NAMED, PIECES, SLOTS
from ablations.errors import BadInput
from ablations.studies import catalog
from ablations.studies.pieces import change_label, numbers, value_label


def main(arguments: Namespace) -> int:
    """Print three tables."""
    if arguments.problems:
        raise BadInput(arguments.problems)
    say("STUDIES  (python -m ablations run NAME; a study of your own: python -m ablations new FILE)")
    say(
        table(
            [{"study": name, "question": question} for name, question in catalog.questions().items()],
            ("study", "question"),
        )
    )
    say()
    say("VARIANTS  (what each changes of the study's own pieces)")
    say(table([_variant(name) for name in NAMED], ("variant", "title", "changes")))
    say()
    say("SLOTS  (kinds, the neutral one first, and their numbers with defaults)")
    for slot in SLOTS:
        say(
            f"{slot.ljust(max(map(len, SLOTS)))}  {'; '.join(_kind(piece) for piece in PIECES[slot].values())}"
        )
    return 0


def _variant(name: str) -> dict[str, str]:
    changes = NAMED[name].changes.items()
    return {
        "variant": name,
        "title": NAMED[name].title,
        "changes": ", ".join(f"{slot} {change_label(change)}" for slot, change in changes) or "-",
    }


def _kind(piece: type) -> str:
    default = piece()
    given = [f"{name} {value_label(getattr(default, name))}" for name in numbers(piece)]
    return f"{default.kind} ({', '.join(given)})" if given else str(default.kind)
