"""The stack, deployed once for all tests of this level in a folder of its own, and taken down at the end.

RENDIO_KEEP_TEST_STACK=1 leaves it up, so that the next run needs no deployment.
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
    cloud = Cloud(State(FOLDER))
    cloud.up()
    yield Deployed(cloud)
    if not os.environ.get("RENDIO_KEEP_TEST_STACK"):
        cloud.down(force=True)


@pytest.fixture(autouse=True)
def no_faults_left(stack: Deployed) -> Iterator[None]:
    """A test starts with outside services that work."""
    stack.apple_faults()
    yield
    stack.apple_faults()
