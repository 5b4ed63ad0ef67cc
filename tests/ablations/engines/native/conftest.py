"""What tests of several instruction sets share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ablations.engines.native import library
from ablations.engines.native.network import function_of


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], str]]:
    """A function that makes a built library the one in use."""

    def use(path: Path) -> str:
        bound = library.bind(path)
        monkeypatch.setattr(library, "load", lambda: bound)
        function_of.cache_clear()  # or it would go on giving the functions of the one before
        return library.instruction_set()

    yield use
    function_of.cache_clear()
