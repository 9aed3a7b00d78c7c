"""The drill in short, at its pace on the deployed stack: alarms of each kind, and one cause of two pages at most."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from local.cloud import Cloud
from tests.drill.listening import Ears
from tests.drill.one_cause import MOST_PAGES, one_cause
from tests.drill.run import Drill
from tests.drill.scene import PACE
from tests.drill.table import faults
from tests.stack.deployed import Deployed

# A page by a wrong key, notifications by a broken download and by a disabled event source, a hand in the database,
# drift, and one that is told.
STAGES = (
    (("CHECK-IN-FAILING",), ("SCHEDULES-DROPPED",)),  # the others' phones check in, which this one's fault stops
    (("VIDEO-MIGRATIONS-FAILED", "QUEUE-AGE"), ("LEDGER-IMBALANCE", "ACCESS-DRIFT")),
)
OUTAGE_MINUTES = 18.0  # MIGRATION-STALLED would page after 15
LONGEST_SECONDS = 240.0


@pytest.fixture(scope="module")
def ears(stack: Deployed) -> Iterator[Ears]:
    """The stack at the drill's pace, and whoever hears what it tells."""
    Cloud(stack.cloud.state, pace=PACE).start()
    listener = Ears(stack)
    try:
        with listener.listening():
            yield listener
    finally:
        Cloud(stack.cloud.state).start()


@pytest.mark.plan("M15")
def test_alarms_of_each_kind_are_told_with_their_runbook_and_clear(stack: Deployed, ears: Ears) -> None:
    found, began = faults(), time.monotonic()
    drill = Drill(stack, ears, say=print)
    results = [
        result for stage in STAGES for result in drill.stage([[(name, found[name]) for name in lane] for lane in stage])
    ]
    assert {result.alarm: result.problems for result in results if result.problems} == {}
    assert len(results) == sum(len(lane) for stage in STAGES for lane in stage)
    assert time.monotonic() - began < LONGEST_SECONDS


@pytest.mark.plan("M15")
def test_a_database_that_is_down_is_one_page_or_two(stack: Deployed, ears: Ears) -> None:
    began = time.monotonic()
    found = one_cause(stack, ears, print, minutes=OUTAGE_MINUTES)
    assert found.problems == []
    assert 1 <= len(found.pages) <= MOST_PAGES
    # The proof is empty unless there was something to hide.
    assert "MIGRATION-STALLED" in found.measured
    assert time.monotonic() - began < LONGEST_SECONDS
