"""Sentences rest on what is stored, not on whether a mean is finite; one question has one answer everywhere."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from matplotlib.figure import Figure

from analysis.export.score_matrices import export
from analysis.figures import diagnostics, heatmap, parts
from analysis.figures.page import drawing
from analysis.figures.verdicts import draw
from analysis.findings.bands import environment_bands
from analysis.findings.recorded import INSIDE, recorded
from analysis.loading import read
from analysis.tables.missing import missing_facts
from analysis.tables.stability import metric_groups
from tests.analysis.made_up import Episodes, bands, evidence, make_study, row, see


def unknown_values(one: Mapping[str, Any], seed: int, steps: int) -> dict[str, Any]:
    """Probes and evaluations of a run whose values all turned NaN."""
    seen = see(one, seed, steps)
    numbers = [name for name in seen["probes"] if name not in ("global_step", "updates")]
    probes = {**seen["probes"], **{name: [np.nan] * 10 for name in numbers}}
    return {"probes": probes, "evaluations": seen["evaluations"]}


def texts_of(page: Any) -> str:
    return " ".join(text.get_text() for axes in page.figure.axes for text in axes.texts)


def test_probes_that_hold_no_finite_number_are_stored_all_the_same(tmp_path: Path):
    found = evidence(make_study(tmp_path / "s", [row("dqn")], seeds=2, look=unknown_values))
    said = " ".join(missing_facts(found.scores))
    assert "no probes stored" not in said
    assert "probes are stored and hold no finite number" in said
    assert "evaluations" not in said
    assert metric_groups(found.scores[0])[1][0] == "reliability of greedy evaluations"


def test_through_whose_statistics_numbers_were_seen_is_said_where_they_stand(tmp_path: Path):
    folder = make_study(tmp_path / "s", [row("dqn"), row("double")], seeds=2, look=see)
    kept = ["NormalizeObservation.obs_rms", "NormalizeReward.return_rms"]
    plain = evidence(folder)
    assert "running statistics" not in " ".join(missing_facts(plain.scores))
    found = evidence(folder)
    for run in found.scores[0].summaries[0].row.runs:
        cast(dict[str, Any], run.manifest)["environment"] = {"running_statistics": kept}
    said = missing_facts(found.scores)
    (eyes,) = [text for text in said if "evaluations see through those of the training" in text]
    assert "NormalizeObservation.obs_rms, NormalizeReward.return_rms" in eyes
    assert any("rewards as a wrapper scaled them" in text for text in said)
    with drawing():
        for one, expected in ((plain, False), (found, True)):
            here = environment_bands(one.results, one.scores[0])
            inside = diagnostics.draw(here, recorded(one.scores[0].summaries, INSIDE))
            for page in (inside, draw(here, one.comparisons)):
                assert page is not None
                texts = " ".join(text.get_text() for text in page.figure.texts)
                assert ("keep running statistics" in " ".join(texts.split())) == expected


def test_a_panel_without_a_curve_says_why(tmp_path: Path):
    states = {("double", seed): "failed" for seed in range(2)}

    def never(one: Mapping[str, Any], seed: int, steps: int) -> Episodes:
        return []

    folder = make_study(tmp_path / "s", [row("dqn"), row("double")], seeds=2, states=states, play=never)
    with drawing():
        found = bands(folder)
        for drawn, text in zip(found.drawn, ("no episode finished", "no run stands"), strict=True):
            axes = Figure().add_subplot()
            parts.write_no_data(axes, [drawn])
            assert [one.get_text() for one in axes.texts] == [text]
    assert [heatmap._text(drawn, heatmap._final, str) for drawn in found.drawn] == ["n/a", "none"]


@pytest.mark.parametrize(
    ("states", "text"),
    [
        ({("double", 0): "failed", ("double", 1): "failed"}, "no run stands"),
        ({("dqn", 0): "missing", ("dqn", 1): "failed"}, "no run of the baseline stands"),
        ({("dqn", 0): "failed", ("double", 1): "failed"}, "no common seed has a score"),
    ],
)
def test_a_comparison_without_a_difference_says_what_it_lacks(
    states: dict[tuple[str, int], str], text: str, tmp_path: Path
):
    found = evidence(
        make_study(tmp_path / "s", [row("dqn"), row("double"), row("per")], seeds=2, states=states)
    )
    with drawing():
        page = draw(found.bands[0], found.comparisons)
    assert text in texts_of(page)


@pytest.mark.parametrize("threshold", [-40.0, -7.5, -7.0])
def test_a_threshold_that_the_random_policy_reaches_is_no_scale_in_export_or_tables(
    threshold: float, tmp_path: Path
):
    facts = {"random_policy": {"mean_return": -7.5, "std_return": 1.0, "episodes": 100}}
    folder = make_study(tmp_path / "s", [row("dqn")], seeds=2, threshold=threshold, facts=facts)
    exported, found = export(read(folder)), evidence(folder)
    with np.load(io.BytesIO(exported.files["final_return.npz"])) as arrays:
        has_scale = "normalised/dqn" in arrays
        np.testing.assert_allclose(arrays["raw/dqn"][:, 0], found.scores[0].of("final_return")[0])
        if has_scale:
            normal = found.scores[0].normalized(found.scores[0].of("final_return"))[0]
            np.testing.assert_allclose(arrays["normalised/dqn"][:, 0], normal)
    assert has_scale == found.scores[0].is_normalized == bool(found.aggregates) == (threshold > -7.5)
    why = f"its threshold, {threshold:g}, is not above what the random policy earns"
    assert any(why in note for note in exported.notes) != has_scale
    assert any(why in note for note in missing_facts(found.scores)) != has_scale
