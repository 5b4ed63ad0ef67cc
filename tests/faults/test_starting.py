"""A driver that is killed while its fork server still imports leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.outside import write_study

from .grounds import ended_by, start
from .session import assert_none_left, seconds_until, server_of, strike


@pytest.mark.parametrize("imports", [False, True])
def test_a_fork_server_that_imports_does_not_outlive_its_driver(imports: bool, tmp_path: Path) -> None:
    write_study(tmp_path)
    # Importing takes the server longer than the two seconds that are promised.
    (tmp_path / "sitecustomize.py").write_text(
        "import pathlib, sys, time\n"
        "is_server = b'forkserver' in pathlib.Path('/proc/self/cmdline').read_bytes()\n"
        "class Slow:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'torch' and is_server:\n"
        "            open('importing', 'w').close()\n"
        "            time.sleep(10)\n"
        "sys.meta_path.insert(0, Slow())\n",
        encoding="utf-8",
    )
    process = start(tmp_path, tmp_path / "output")
    try:
        reached = (tmp_path / "importing").exists if imports else lambda: server_of(process.pid) is not None
        assert seconds_until(reached, 600) < 600, (tmp_path / "output").read_text()
        assert strike(process.pid, process.pid) is not None
        process.wait()
        assert_none_left(process.pid)
    finally:
        ended_by(process)
