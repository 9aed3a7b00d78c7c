"""The fixed emulator, and the unpatched one beside it for the tests that watch for a defect's end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.local.ministack.emulator import Emulator


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """The local AWS with its fixes."""
    running = Emulator(tmp_path_factory.mktemp("fixed"))
    running.start()
    yield running
    running.end()


@pytest.fixture(scope="session")
def unpatched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """MiniStack as it is."""
    running = Emulator(tmp_path_factory.mktemp("unpatched"), module="ministack")
    running.start()
    yield running
    running.end()
