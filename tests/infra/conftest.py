"""Trees of the three stacks, built once a session: running the program takes about a second each."""

from __future__ import annotations

import functools
from collections.abc import Callable

import pytest

from tests.infra.resource_tree import STACKS, Tree, build

TreeOf = Callable[[str], Tree]


@pytest.fixture(scope="session")
def up() -> TreeOf:
    """The tree of a stack as `pulumi up` would leave it."""
    return functools.cache(lambda stack: build(stack))


@pytest.fixture(scope="session")
def first_preview() -> TreeOf:
    """The tree of a stack before anything exists: whatever AWS generates is unknown."""
    return functools.cache(lambda stack: build(stack, preview=True))


@pytest.fixture(params=STACKS)
def stack(request: pytest.FixtureRequest) -> str:
    return str(request.param)
