"""The short version of the spenders; `make chaos` runs 200 of them with 10,000 orders against credits for 5,000."""

from __future__ import annotations

import pytest

from tests.chaos.spending import spend
from tests.database.scene import Database as Scene


@pytest.mark.plan("M17")
@pytest.mark.parametrize("users", [1, 5])
def test_exactly_as_many_orders_succeed_as_can_be_paid(scene: Scene, users: int) -> None:
    outcome = spend(scene, spenders=20, spends=500, affordable=250, users=users)
    assert outcome.right, outcome
