"""Whatever stalls, the copy ends when its time is up (the real limits, 200 times: tests/chaos/stalls.py)."""

from __future__ import annotations

import pytest

from lambdas.migrate_video.deadlines import Limits
from tests.chaos.stalls import LATE_AT_MOST, STALLS, stalled_runs


@pytest.mark.plan("M6", "M7")
@pytest.mark.parametrize("total", [2.3, 4.0], ids=["the whole ends first", "the phase ends first"])
def test_a_stalled_copy_ends_with_its_phase_and_not_half_a_second_later(total: float) -> None:
    runs = stalled_runs(Limits(download_seconds=2.0, upload_seconds=2.0, total_seconds=total), 2 * len(STALLS))
    assert len(runs) >= 20
    assert {run.stall.name: str(run.failed) for run in runs if not run.right} == {}
    assert max(run.late for run in runs) <= LATE_AT_MOST
