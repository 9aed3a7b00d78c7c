"""The stack, deployed once for all tests of this level in a folder of its own, and taken down at the end.

RENDIO_TEST_STACK=keep leaves it up; =reuse takes the one that is up as it is, and leaves it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from local.cloud import Cloud
from local.state import REPOSITORY, State
from tests.stack.deployed import Deployed

FOLDER = REPOSITORY / ".rendio" / "test-stack"


@pytest.fixture(scope="session")
def stack() -> Iterator[Deployed]:
    """The deployed stack. Tests that change it put it back."""
    wish = os.environ.get("RENDIO_TEST_STACK", "")
    cloud = Cloud(State(FOLDER))
    if wish != "reuse":
        cloud.up()
    yield Deployed(cloud)
    if wish not in ("keep", "reuse"):
        cloud.down(force=True)


@pytest.fixture(autouse=True)
def no_faults_left(stack: Deployed) -> Iterator[None]:
    """A test starts with outside services that work."""
    stack.apple_faults()
    yield
    stack.apple_faults()
