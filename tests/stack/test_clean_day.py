"""Some of the users' evening pages nobody until orders fail on our side. `./rendio chaos clean-day` plays the day."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local.cloud import Cloud
from local.pace import Pace
from tests.chaos.clean_day import Day
from tests.chaos.day import visits
from tests.chaos.day_figures import figures
from tests.chaos.record import unmet
from tests.stack.deployed import Deployed

SEED = 1
# A twentieth of the users at a fifteenth of the time: a laptop that runs other tests too keeps up with it.
PACE = Pace(minute_seconds=2.0)
USERS, ORDERS = 150, 450


@pytest.fixture
def day(stack: Deployed) -> Iterator[Day]:
    """A day on the stack at its pace; the emulator is in real time again afterwards."""
    paced = Cloud(stack.cloud.state, pace=PACE)
    paced.start()
    try:
        yield Day(Deployed(paced), PACE, visits(USERS, ORDERS, SEED), SEED, lambda *_: None)
    finally:
        Cloud(stack.cloud.state).start()


@pytest.mark.plan("M15")
def test_an_evening_pages_nobody_until_orders_fail_on_our_side(day: Day) -> None:
    clean = day.part("clean", (20, 20.25), 0.0)
    assert clean["stored"] > 0
    assert unmet(figures("clean", clean)) == []
    refused = day.part("refused", (20.25, 21.5), 0.1)  # more than the day's 2 %, in place of the day's hours
    assert unmet(figures("refused", refused)) == []
