"""study.json, and what keeps it from being trusted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ablations import store


def test_an_equal_study_file_is_left_untouched(tmp_path: Path) -> None:
    study = {"schema_version": store.STUDY_VERSION, "rows": [], "runs": []}
    store.write_study(tmp_path, study)
    before = (tmp_path / "study.json").stat().st_mtime_ns
    store.write_study(tmp_path, study)
    assert (tmp_path / "study.json").stat().st_mtime_ns == before
    assert store.read_study(tmp_path) == study


@pytest.mark.parametrize("bit", range(8))
def test_any_one_flipped_bit_of_a_study_file_is_damage(tmp_path: Path, bit: int) -> None:
    score = {"episodes": 100, "mean_return": 22.16, "std_return": 11.5}
    environments = [{"env_id": "E-v0", "args": {}, "random_policy": score}]
    study = {"schema_version": store.STUDY_VERSION, "rows": [], "runs": [], "environments": environments}
    store.write_study(tmp_path, study)
    assert store.read_study(tmp_path) == study
    data = (tmp_path / "study.json").read_bytes()
    for place in range(len(data)):
        flipped = bytearray(data)
        flipped[place] ^= 1 << bit
        (tmp_path / "study.json").write_bytes(flipped)
        with pytest.raises(store.Damaged):
            store.read_study(tmp_path)


@pytest.mark.parametrize(
    ("version", "sentence"),
    [
        (1, "schema version 1 is read by dqn-ablations 0.1; this is 0.2, which reads version 3"),
        (2, "schema version 2 is read by dqn-ablations 0.1; this is 0.2, which reads version 3"),
        (
            4,
            "schema version 4 is read by a newer version of dqn-ablations; this is 0.2, which reads version 3",
        ),
    ],
)
def test_a_study_file_of_another_version_is_refused_and_the_sentence_names_its_reader(
    tmp_path: Path, version: int, sentence: str
) -> None:
    store.write_study(tmp_path, {"schema_version": version, "rows": [], "runs": []})
    with pytest.raises(store.OtherVersion) as refused:
        store.read_study(tmp_path)
    assert str(refused.value) == sentence


def test_a_study_file_without_its_digest_is_refused(tmp_path: Path) -> None:
    (tmp_path / "study.json").write_text('{"schema_version": 3, "runs": [], "rows": []}')
    with pytest.raises(store.Damaged, match="its own digest"):
        store.read_study(tmp_path)


BROKEN: list[dict[str, Any]] = [
    {},
    {"runs": [3], "rows": []},
    {"runs": [{"label": "dqn"}], "rows": []},
    {"runs": [], "rows": [{"label": 3}]},
    {"runs": [], "rows": [], "environments": [{}]},
    {"runs": [], "rows": [], "environments": [{"env_id": "E", "random_policy": {"meam_return": 1}}]},
]


@pytest.mark.parametrize("broken", BROKEN)
def test_a_study_file_that_lacks_what_readers_need_raises_damaged(
    tmp_path: Path, broken: dict[str, Any]
) -> None:
    store.write_study(tmp_path, {"schema_version": store.STUDY_VERSION, **broken})
    with pytest.raises(store.Damaged, match=r"lists no|lacks one of|random policy"):
        store.read_study(tmp_path)


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"schema_version": true, "runs": [], "rows": []}', '{"schema_version": 1}']
)
def test_a_text_that_is_no_study_file_raises_damaged(tmp_path: Path, text: str) -> None:
    (tmp_path / "study.json").write_text(text)
    with pytest.raises(store.Damaged):
        store.read_study(tmp_path)
