"""The short version of the spenders; `make chaos` runs the long one."""

from __future__ import annotations

import pytest

from tests.chaos.record import unmet
from tests.chaos.spending import SHORT, figures, spend
from tests.database.scene import Database as Scene


@pytest.mark.plan("M17")
@pytest.mark.parametrize("users", [1, 5])
def test_exactly_as_many_orders_succeed_as_can_be_paid(scene: Scene, users: int) -> None:
    assert unmet(figures(spend(scene, **{**SHORT, "users": users}))) == []
