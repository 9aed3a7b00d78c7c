"""The short versions of the experiments with video migration (tests/chaos); `./rendio chaos` runs the long ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos import faults, kills, restarts
from tests.chaos.record import Record, unmet
from tests.lambdas.video_world import VideoWorld


@pytest.fixture
def record(tmp_path: Path) -> Record:
    made = Record(tmp_path)
    made.begin({})
    return made


@pytest.mark.plan("M6", "M7")
def test_a_worker_killed_at_any_point_loses_nothing(record: Record, world: VideoWorld) -> None:
    assert unmet(kills.run(record, world=world, **kills.SHORT)) == []


@pytest.mark.plan("M7", "M8")
def test_with_a_third_of_all_downloads_failing_every_job_comes_to_its_end(record: Record, world: VideoWorld) -> None:
    assert unmet(faults.run(record, world=world, **faults.SHORT)) == []


@pytest.mark.plan("M7", "M17")
def test_restarts_of_postgres_lose_no_video_and_no_credit(record: Record, world: VideoWorld) -> None:
    assert unmet(restarts.run(record, world=world, **restarts.SHORT)) == []
