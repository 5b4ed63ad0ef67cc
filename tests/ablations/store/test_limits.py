"""Cores and memory that a process may use, by made-up files of control groups."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ablations.store.limits import usable_cores, usable_memory


def files(root: Path, group: str, **texts: str) -> Path:
    """A root whose /proc/self/cgroup says ``group``; names of files below /sys/fs/cgroup have __ for a slash."""
    (root / "proc" / "self").mkdir(parents=True)
    (root / "proc" / "self" / "cgroup").write_text(group)
    for name, text in texts.items():
        path = (
            root / "sys" / "fs" / "cgroup" / name.replace("__", "/").replace("DOT", ".").replace("COMMA", ",")
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.fixture(autouse=True)
def many_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(96)), raising=False)


@pytest.mark.parametrize(
    ("group", "texts", "cores"),
    [
        ("0::/\n", {"cpuDOTmax": "300000 100000\n"}, 3),  # a container that sees its own group as the root
        ("0::/\n", {"cpuDOTmax": "max 100000\n"}, 96),
        ("0::/\n", {"cpuDOTmax": "150000 100000\n"}, 2),  # a part of a core counts as one
        ("0::/\n", {"cpuDOTmax": "20000 100000\n"}, 1),
        ("0::/jobs/seven\n", {"jobs__seven__cpuDOTmax": "500000 100000\n"}, 5),
        ("0::/jobs/seven\n", {"jobs__seven__cpuDOTmax": "max 100000\n", "jobs__cpuDOTmax": "400000 50000\n"}, 8),
        ("0::/jobs/seven\n", {"jobs__seven__cpuDOTmax": "900000 100000", "jobs__cpuDOTmax": "7000 1000"}, 7),
        ("0::/jobs\n", {"jobs__cpuDOTmax": "99900000 100000\n"}, 96),
        ("4:cpu,cpuacct:/box\n1:name=systemd:/box\n", {
            "cpuCOMMAcpuacct__box__cpuDOTcfs_quota_us": "600000\n",
            "cpuCOMMAcpuacct__box__cpuDOTcfs_period_us": "100000\n"}, 6),
        ("4:cpu,cpuacct:/docker/0123\n", {  # the host's name of a group that the container has as its root
            "cpu__cpuDOTcfs_quota_us": "400000\n", "cpu__cpuDOTcfs_period_us": "100000\n"}, 4),
        ("4:cpu:/box\n", {"cpu__box__cpuDOTcfs_quota_us": "-1\n", "cpu__box__cpuDOTcfs_period_us": "100000\n"}, 96),
        ("7:cpuset:/box\n", {"cpuset__box__cpuDOTcfs_quota_us": "1\n"}, 96),
        ("0::/\n", {"cpuDOTmax": "no numbers"}, 96),
    ],
)  # fmt: skip
def test_a_containers_quota_counts(group: str, texts: dict[str, str], cores: int, tmp_path: Path) -> None:
    assert usable_cores(files(tmp_path, group, **texts)) == cores


def test_without_control_groups_the_cores_count_that_one_may_run_on(tmp_path: Path) -> None:
    assert usable_cores(tmp_path) == 96


def test_a_containers_memory_counts(tmp_path: Path) -> None:
    root = files(tmp_path, "0::/\n", memoryDOTmax="700000000\n")
    assert usable_memory(root) == 700_000_000
    (root / "sys/fs/cgroup/memory.max").write_text("max\n")
    assert usable_memory(root) > 700_000_000


@pytest.mark.parametrize(
    ("group", "texts"),
    [
        ("0::/jobs/seven\n", {"jobs__seven__memoryDOTmax": "max\n", "jobs__memoryDOTmax": "600000000\n"}),
        ("9:memory:/box\n", {"memory__box__memoryDOTlimit_in_bytes": "600000000\n"}),
    ],
)
def test_a_groups_memory_counts_wherever_it_is_granted(
    group: str, texts: dict[str, str], tmp_path: Path
) -> None:
    assert usable_memory(files(tmp_path, group, **texts)) == 600_000_000
