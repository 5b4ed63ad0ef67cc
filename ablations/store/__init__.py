"""The store: what is stored of a study, where, and when it is valid. Imports no torch.

A facade: what other rooms use of it, under one name. Files of the store itself import each other.
"""

from ablations.store.digests import series_sha256
from ablations.store.files import (
    Damaged,
    OtherVersion,
    Unwritten,
    json_or_empty,
    leftovers,
    npz_bytes,
    parquet_bytes,
    read_plain,
    replacing,
    sync_folder,
    write_atomic,
)
from ablations.store.keys import canonical, env_folder, key_of, row_folder, run_path
from ablations.store.limits import too_little_memory, usable_cores, usable_memory
from ablations.store.runs import (
    MANIFEST_DIGEST,
    RunStatus,
    commit,
    inspect,
    manifest_bytes,
    peek,
    read_file,
    read_table,
    stored_runs,
    write_run,
)
from ablations.store.schema import (
    ALGORITHM_VERSION,
    ATTEMPTS,
    DECISIONS,
    DECISIONS_VERSION,
    EPISODES,
    EVALUATIONS,
    EXACT,
    MANIFEST,
    PROBES,
    RELEASE,
    SCHEMA_VERSION,
    STUDY,
    STUDY_VERSION,
    TABLES,
    VALID,
    WEIGHTS,
    Array,
    tabulate,
)
from ablations.store.shapes import ENDS, JUDGED
from ablations.store.study_file import (
    DECISIONS_DIGEST,
    STUDY_DIGEST,
    read_decisions,
    read_study,
    write_decisions,
    write_study,
)
