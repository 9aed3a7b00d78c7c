"""One private Postgres for the tests of this level: about two seconds to up, gone with the last test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.database.scene import Database, Person, database_in
from tests.local.ministack.emulator import Emulator


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """The access model applied to a real Postgres. Tests add rows of their own and change nothing else for good."""
    with database_in(tmp_path_factory.mktemp("database") / "state") as made:
        yield made


@pytest.fixture
def alice(database: Database) -> Person:
    return database.new_person(credits=3)


@pytest.fixture
def bob(database: Database) -> Person:
    return database.new_person(credits=7)


@pytest.fixture
def tmp_database(tmp_path: Path) -> Iterator[Database]:
    """A database of the test's own, to change for good."""
    with database_in(tmp_path / "state") as made:
        yield made


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """The local AWS, its IAM enforced."""
    running = Emulator(tmp_path_factory.mktemp("emulator"))
    running.start()
    yield running
    running.end()
