"""CleanRL's names: one long CSV, a row per finished episode.

CleanRL logs ``charts/episodic_return``, ``charts/episodic_length`` and ``charts/epsilon`` against ``global_step``, and
tells runs apart by ``exp_name``, ``env_id`` and ``seed``. ``exp_name`` is the row's label.
"""

from __future__ import annotations

import pyarrow as pa

from ablations import store
from analysis.export.exported import Exported, csv_bytes
from analysis.export.tidy import texts
from analysis.loading import Results

COLUMNS = {
    "exp_name": "variant",
    "env_id": "env_id",
    "seed": "seed",
    "global_step": "global_step",
    "charts/episodic_return": "episodic_return",
    "charts/episodic_length": "episodic_length",
    "charts/epsilon": "epsilon",
}
"""CleanRL's name of each column, and ours."""


def export(results: Results) -> Exported:
    """``cleanrl.csv``."""
    tables = [run.episodes for run in results.runs if run.episodes is not None]
    table = pa.concat_tables([store.EPISODES.empty_table(), *tables])
    data = csv_bytes(list(COLUMNS), [texts(table.column(ours)) for ours in COLUMNS.values()])
    return Exported({"cleanrl.csv": data})
