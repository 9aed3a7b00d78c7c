"""Each phase of a copy has its own seconds, and the whole has its own."""

from __future__ import annotations

import pytest

from lambdas.migrate_video.deadlines import Allowance, Deadlines, Limits
from lambdas.migrate_video.errors import Cause, CopyFailedForNow, Phase

LIMITS = Limits(download_seconds=15, upload_seconds=10, total_seconds=20)


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time

    def during(self, allowance: Allowance, seconds: float) -> None:
        with allowance.running():
            self.time += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.mark.plan("M6")
def test_the_plans_limits_are_the_defaults() -> None:
    limits = Limits()
    assert (limits.download_seconds, limits.upload_seconds, limits.total_seconds) == (15, 15, 30)
    assert limits.maximum_bytes == 500 * 1024 * 1024


def test_a_phase_pays_for_its_own_waits_only(clock: Clock) -> None:
    deadlines = Deadlines(LIMITS, clock)
    clock.during(deadlines.download, 4)
    clock.during(deadlines.upload, 5)
    clock.during(deadlines.download, 2)
    assert (deadlines.download.spent, deadlines.upload.spent) == (6, 5)
    assert (deadlines.download.left(), deadlines.upload.left()) == (9, 5)


def test_time_runs_on_inside_a_wait(clock: Clock) -> None:
    download = Deadlines(LIMITS, clock).download
    with download.running():
        clock.time += 14.5
        assert download.left() == 0.5
        clock.time += 0.5
        with pytest.raises(CopyFailedForNow) as late:
            download.left()
    assert (late.value.phase, late.value.cause, late.value.transient) == (Phase.DOWNLOAD, Cause.OUT_OF_TIME, True)
    assert str(late.value) == "download: not done after 15.0 s"


def test_the_copys_end_holds_for_every_phase(clock: Clock) -> None:
    deadlines = Deadlines(LIMITS, clock)
    clock.during(deadlines.download, 12)
    clock.time += 5  # nobody's wait
    assert deadlines.upload.left() == 3
    clock.time += 3
    for allowance in (deadlines.download, deadlines.upload):
        with pytest.raises(CopyFailedForNow):
            allowance.left()
