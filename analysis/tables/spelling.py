"""The spelling of numbers, swept values and pieces: the same in every table, figure and sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from analysis.findings.summary import RowSummary
from analysis.loading import Piece, Row
from analysis.metrics import METRICS
from analysis.statistics.intervals import Interval, WaitingTime

HUGE = 1e6
"""Numbers from here on are spelled as powers of ten, but for steps and episodes."""


SLOT_NAMES = {
    "trunk": "Network",
    "head": "Output layer",
    "exploration": "Exploration",
    "replay": "Replay",
    "returns": "Steps of reward",
    "target": "Target network",
    "bootstrap": "Value of the next state",
    "loss": "Loss",
    "optimizer": "Optimizer",
    "maintenance": "Resets",
}
"""What a person calls a slot."""


# ---- numbers of metrics ----


def interval_text(metric: str, number: Interval) -> str:
    """'412.3 [380.1, 440.2]'; an end that isn't defined is an ellipsis, no interval is left out."""
    point, *ends = number_texts(metric, [number.point, number.low, number.high], number.high - number.low)
    if np.isnan(number.low) and np.isnan(number.high):
        return point
    ends = ["…" if np.isnan(end) else text for end, text in zip((number.low, number.high), ends, strict=True)]
    return f"{point} [{', '.join(ends)}]"


def number_texts(metric: str, values: Sequence[float], shown: float) -> list[str]:
    """Values beside each other: with as many more digits as it takes to see a difference, an interval's width say."""
    texts = [number_text(metric, value) for value in values]
    off = [abs(float(text) - x) for text, x in zip(texts, values, strict=True) if np.isfinite(x)]
    if not 0 < shown < np.inf or max(off, default=0.0) < shown / 2:
        return texts
    digits = max(0, -int(np.floor(np.log10(shown))))
    return [f"{x:z.{digits}f}" if np.isfinite(x) else text for text, x in zip(texts, values, strict=True)]


def number_text(metric: str, value: float) -> str:
    """A metric's value with the digits that a reader can use; 'n/a' where it isn't defined."""
    if np.isnan(value):
        return "n/a"
    unit = METRICS[metric].unit
    if unit == "share of runs":
        return f"{value:z.2f}"
    if unit in ("environment steps", "episodes"):
        return f"{value:z.0f}"
    if abs(value) >= HUGE:  # what diverged, of which nobody reads twenty digits
        digits, _, power = f"{value:.1e}".partition("e")
        return f"{digits}e{int(power)}" if power else digits
    if abs(value) >= 1000:
        return f"{value:z.0f}"
    if abs(value) >= 10 or value == 0:
        return f"{value:z.1f}"
    return f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.2g}"


def number_cell(line: RowSummary, metric: str) -> str:
    """A row's number with its interval; of a waiting time without a median how many runs did not get there."""
    number = line.numbers[metric]
    if np.isnan(number.point):
        waited = line.waits.get(metric)
        return (waited and waiting_text(waited)) or "n/a"
    return interval_text(metric, number)


def waiting_text(waited: WaitingTime) -> str:
    """'' where every run got there, otherwise 'not reached by 7 of 10'."""
    return f"not reached by {waited.missed} of {waited.of}" if waited.missed else ""


def interval_record(name: str, number: Interval) -> dict[str, float]:
    """A number and the ends of its interval as columns of a CSV."""
    return {name: number.point, f"{name}_low": number.low, f"{name}_high": number.high}


def percent(share: float) -> str:
    """'95 %'."""
    return f"{share:.0%}".replace("%", " %")


def signed_text(metric: str, ends: Interval) -> str:
    """'+13.4 [-5.10, 31.9]'."""
    return ("+" if ends.point > 0 else "") + interval_text(metric, ends)


def signed_number(metric: str, value: float) -> str:
    """'+13.4', 'n/a'."""
    return signed_text(metric, Interval(value, np.nan, np.nan))


def magnitude(ends: Interval) -> Interval:
    """A difference that is told as 'raises by' or 'lowers by': its point positive."""
    return ends if ends.point > 0 else Interval(-ends.point, -ends.high, -ends.low)


def metric_heading(metric: str) -> str:
    """'Final return (return per episode; bigger is better)'."""
    found = METRICS[metric]
    better = {True: "bigger is better", False: "smaller is better", None: "neither way is better"}
    return f"{found.title} ({found.unit}; {better[found.bigger_is_better]})"


def lowered(title: str) -> str:
    """A metric's title inside a sentence; abbreviations stay."""
    return title if title[:2].isupper() else title[:1].lower() + title[1:]


def range_text(counts: list[int], to: str = " to ") -> str:
    """'10', or '3 to 10' where counts differ."""
    least, most = min(counts), max(counts)
    return str(least) if least == most else f"{least}{to}{most}"


def seeds_text(seeds: Sequence[int]) -> str:
    """'seeds 0 to 4', 'seed 0', or the seeds one by one where they don't follow each other."""
    if len(seeds) > 2 and list(seeds) == list(range(seeds[0], seeds[-1] + 1)):
        return f"seeds {seeds[0]} to {seeds[-1]}"
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"


# ---- rows and pieces ----


def slot_title(slot: str) -> str:
    """A slot for people, with its own name where that is another: 'Value of the next state (bootstrap)'."""
    title = SLOT_NAMES.get(slot, slot)
    return title if slot in title.lower() else f"{title} ({slot})"


def listed(names: Sequence[str]) -> str:
    """'Double', 'Double and Dueling', 'Double, Dueling and PER'."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def row_name(row: Row) -> str:
    """The name of a row in figures: its title, and the swept values in words."""
    return ", ".join([row.title, *(swept_text(key, value) for key, value in row.swept.items())])


def swept_text(key: str, value: Any) -> str:
    """'period 10', 'buffer size 1000', 'hidden 64x64': a swept key and its value for people."""
    return f"{key_text(key)} {value_text(value)}"


def key_text(key: str) -> str:
    """A swept key for people: 'target.period' is 'period', but 'head.hidden' is 'head hidden', one of two."""
    slot, _, number = key.rpartition(".")
    return f"{slot} {number}".lstrip() if number == "hidden" else number.replace("_", " ")


def value_text(value: Any) -> str:
    """A swept value for people: lists as 64x64, numbers in as few digits as tell them from any other."""
    if isinstance(value, list):
        return "x".join(value_text(item) for item in value) or "none"
    return _plain(value) if isinstance(value, float) else str(value)


def _plain(value: float) -> str:
    """'0.001', '1e-05', '10': short where that is the number, otherwise all of its digits."""
    short = f"{value:g}"
    return short if float(short) == value else str(value)


def piece_text(piece: Piece) -> str:
    """A piece with all its numbers: 'hard (period 100)'."""
    numbers = [f"{key} {setting_text(value)}" for key, value in piece.items() if key != "kind"]
    return f"{piece['kind']} ({', '.join(numbers)})" if numbers else str(piece["kind"])


def brief_text(piece: Piece, among: Sequence[Piece]) -> str:
    """A piece in short, told apart from all others ``among`` which it stands: 'hard 100', 'prioritized', 'dueling 64'.

    Its kind, with its number where it has just one; of several, with those in which pieces of its kind differ.
    """
    alike = [other for other in among if other["kind"] == piece["kind"]]
    numbers = {name: number for name, number in piece.items() if name != "kind"}
    if len(numbers) > 1:
        numbers = {name: number for name, number in numbers.items() if any(o[name] != number for o in alike)}
    if len(numbers) == 1:
        texts = [value_text(number) for number in numbers.values() if number != []]
    else:
        texts = [", ".join(f"{name} {value_text(number)}" for name, number in numbers.items())]
    return " ".join([str(piece["kind"]), *filter(None, texts)])


def setting_text(value: Any) -> str:
    """A setting or a number of a piece as a table has it: lists in brackets, yes and no."""
    if isinstance(value, list):
        return "[" + ", ".join(setting_text(item) for item in value) + "]"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _plain(value) if isinstance(value, float) else str(value)
