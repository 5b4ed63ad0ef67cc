"""Digests of series."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa

from ablations import store
from tests.ablations.store.one_run import episodes


def test_the_series_digest_covers_every_number_and_no_label() -> None:
    table = episodes()
    relabeled = table.set_column(1, store.EPISODES.field("variant"), pa.array(["other"] * 3))
    assert store.series_sha256(table) == store.series_sha256(relabeled)
    for i, field in enumerate(store.EPISODES):
        if pa.types.is_string(field.type):
            continue
        values = table.column(i).to_numpy().copy()
        values[1] = not values[1] if field.type == pa.bool_() else values[1] + 1
        changed = table.set_column(i, field, pa.array(values, type=field.type))
        assert store.series_sha256(table) != store.series_sha256(changed), field.name


def test_the_series_digest_can_be_computed_by_hand() -> None:
    digest = hashlib.sha256()
    table = episodes()
    for name in store.EPISODES.names[2:]:
        values = table.column(name).to_numpy()
        digest.update(name.encode() + values.dtype.name.encode() + np.ascontiguousarray(values).tobytes())
    assert digest.hexdigest() == store.series_sha256(table)
