"""Any TOML gives a study or bad input, never another exception."""

from __future__ import annotations

import datetime
import string
from contextlib import suppress

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ablations.dqn.settings import NAMES
from ablations.dqn.variants import NAMED, PIECES, SLOTS
from ablations.errors import BadInput
from ablations.studies import load
from ablations.studies.schema import ENV_KEYS, KEYS
from tests.ablations.documents import document

NUMBERS = sorted({"period", "tau", "alpha", "hidden", "kind", "base", "label"})
KINDS = [kind for slot in SLOTS for kind in PIECES[slot]]
WORDS = [
    *KEYS,
    *ENV_KEYS,
    *NAMES,
    *NAMED,
    *SLOTS,
    *KINDS,
    *NUMBERS,
    "all",
    "CartPole-v1",
    "os:Arm-v0",
    "target.period",
    "trunk.hidden",
]

words = st.sampled_from(WORDS) | st.text(max_size=5)
leaves = (
    words
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.dates()
    | st.just(datetime.time(1, 2))
    | st.sampled_from([0, 1, 10**20, 10**400, 0.001])
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)
tables = st.dictionaries(words, values, max_size=3)
changes = st.dictionaries(
    st.sampled_from(KEYS),
    values
    | tables
    | st.dictionaries(
        st.sampled_from([*SLOTS, *NAMES, "CartPole-v1", "mine"]), st.lists(leaves, max_size=3) | tables
    ),
    max_size=4,
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(changes)
def test_a_good_document_with_anything_in_it_is_a_study_or_bad_input(changed):
    with suppress(BadInput):
        load.from_document(document(**changed)).plain()


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(words, values, max_size=4))
def test_any_document_is_a_study_or_bad_input(anything):
    with suppress(BadInput):
        load.from_document(anything).plain()


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=60)
    | st.text(alphabet=string.printable, max_size=60).map(str.encode)
    | st.lists(
        st.sampled_from(["[", "]", "=", '"', "\n", "name", ".", "1e9", "inf", "#", "{", "}", ","])
    ).map(lambda tokens: "".join(tokens).encode())
)
def test_any_bytes_in_a_file_are_a_study_or_bad_input(tmp_path, content):
    path = tmp_path / "any.toml"
    path.write_bytes(content)
    with suppress(BadInput):
        load.load(str(path))
