"""Old videos are asked for a few at a time, and how far that is stands in their rows."""

from __future__ import annotations

import dataclasses
import io
import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from rich.console import Console

from local.backfill import Backfill
from tests.lambdas.video_world import VideoWorld, Worker


@pytest.fixture(scope="module")
def backfill(video_world_of_session: VideoWorld) -> Iterator[Worker]:
    with video_world_of_session.worker("backfill_videos") as worker:
        yield worker


@pytest.fixture
def old(world: VideoWorld) -> list[uuid.UUID]:
    """Five videos from before video migration, the oldest first; there are no others."""
    with world.scene.superuser() as connection:
        connection.execute(
            "update public.video_jobs set migration_status = 'migrated', object_key = null"
            " where migration_status in ('none', 'failed')"
        )
    jobs = [world.scene.new_job(world.owner, "old") for _ in range(5)]
    for number, job in enumerate(jobs):
        world.change(job, f"created_at = now() - interval '{10 - number} days'")
    return jobs


def statuses(world: VideoWorld, jobs: list[uuid.UUID]) -> list[str]:
    return [world.row(job)["migration_status"] for job in jobs]


def asked_for(world: VideoWorld) -> set[str]:
    found: set[str] = set()
    while events := world.receive():
        found |= {json.loads(event["Records"][0]["body"])["job_id"] for event in events}
    return found


def run(backfill: Worker, **event: Any) -> dict[str, Any]:
    done = backfill.handle(event)
    assert not done.error, done.error
    return dict(done.answer)


@pytest.mark.plan("M9")
def test_the_oldest_are_queued_and_the_rest_remains(world: VideoWorld, backfill: Worker, old: list[uuid.UUID]) -> None:
    answer = run(backfill, limit=2)
    assert (answer["queued"], answer["remaining"]) == (2, 3)
    assert statuses(world, old) == ["pending"] * 2 + ["none"] * 3
    assert asked_for(world) == {str(job) for job in old[:2]}
    assert answer["oldest"] == world.row(old[2])["created_at"].isoformat()


@pytest.mark.plan("M9")
def test_it_goes_on_where_it_was_until_nothing_remains(
    world: VideoWorld, backfill: Worker, old: list[uuid.UUID]
) -> None:
    answers = [run(backfill, limit=2) for _ in range(4)]
    assert [answer["queued"] for answer in answers] == [2, 2, 1, 0]
    assert [answer["remaining"] for answer in answers] == [3, 1, 0, 0]
    assert answers[-1]["oldest"] is None
    assert asked_for(world) == {str(job) for job in old}, "each once"


@pytest.mark.plan("M9")
def test_a_dry_run_says_the_same_and_changes_nothing(world: VideoWorld, backfill: Worker, old: list[uuid.UUID]) -> None:
    dry = run(backfill, limit=2, dry_run=True)
    assert (dry["queued"], dry["remaining"], dry["dry_run"]) == (2, 3, True)
    assert statuses(world, old) == ["none"] * 5
    assert asked_for(world) == set()
    assert run(backfill, limit=2)["queued"] == 2, "the twin does"


@pytest.mark.plan("M9")
def test_failed_ones_are_asked_for_again_only_when_told_and_once_a_run(
    world: VideoWorld, backfill: Worker, old: list[uuid.UUID]
) -> None:
    world.change(old[0], "migration_status = 'failed', migration_attempts = 4, migration_error = 'busy'")
    assert run(backfill, limit=10)["queued"] == 4
    first = run(backfill, limit=10, failed=True)
    assert first["queued"] == 1
    row = world.row(old[0])
    assert (row["migration_status"], row["migration_attempts"], row["migration_error"]) == ("pending", 0, None)
    world.change(old[0], "migration_status = 'failed', updated_at = now()")
    again = run(backfill, limit=10, failed=True, failed_before=first["as_of"])
    assert (again["queued"], again["remaining"]) == (0, 0), "it failed in this run"


def test_deleted_videos_are_left_alone(world: VideoWorld, backfill: Worker, old: list[uuid.UUID]) -> None:
    world.change(old[0], "deleted_at = now(), deleted_because = 'user'")
    assert run(backfill, limit=10)["queued"] == 4
    assert statuses(world, old)[0] == "none"


@pytest.mark.parametrize(
    "event",
    [{"limit": 0}, {"limit": 1001}, {"limit": "5"}, {"limit": True}, {"dry_run": "no"}, {"rate": 5},
     {"failed": True, "failed_before": "yesterday"}, {"failed": True, "failed_before": "2026-01-01T00:00:00"}],
)  # fmt: skip
def test_an_event_that_cannot_be_understood_changes_nothing(
    world: VideoWorld, backfill: Worker, old: list[uuid.UUID], event: dict[str, Any]
) -> None:
    assert "InvalidRequest" in backfill.handle(event).error
    assert statuses(world, old) == ["none"] * 5


def command(backfill: Worker, text: io.StringIO, *, rate: int, **more: Any) -> tuple[Backfill, list[float]]:
    """The command of `make backfill`, with the function in its place and its waits noted."""
    waits: list[float] = []
    console = Console(file=text, width=200)
    return Backfill(lambda payload: run(backfill, **payload), console, rate, sleep=waits.append, **more), waits


@pytest.mark.plan("M9")
def test_the_command_asks_at_its_rate_until_nothing_remains(
    world: VideoWorld, backfill: Worker, old: list[uuid.UUID]
) -> None:
    text = io.StringIO()
    asking, waits = command(backfill, text, rate=24)
    assert asking.run() == 5
    assert waits == [5.0, 5.0], "two every five seconds are 24 a minute"
    assert asked_for(world) == {str(job) for job in old}
    assert "5 videos were asked for, 0 remain." in text.getvalue()


@pytest.mark.plan("M9")
def test_the_command_that_was_stopped_goes_on(world: VideoWorld, backfill: Worker, old: list[uuid.UUID]) -> None:
    asking, _ = command(backfill, io.StringIO(), rate=24)

    def stop(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        dataclasses.replace(asking, sleep=stop).run()
    assert asking.run() == 3
    assert asked_for(world) == {str(job) for job in old}, "each once"


@pytest.mark.plan("M9")
def test_the_commands_dry_run_tells_how_many_wait(world: VideoWorld, backfill: Worker, old: list[uuid.UUID]) -> None:
    text = io.StringIO()
    command(backfill, text, rate=1)[0].preview()
    assert text.getvalue().startswith("5 videos wait; the oldest is of ")
    assert statuses(world, old) == ["none"] * 5


@pytest.mark.plan("M9")
def test_the_command_asks_for_a_failing_video_once_a_run(
    world: VideoWorld, backfill: Worker, old: list[uuid.UUID]
) -> None:
    for job in old:
        world.change(job, "migration_status = 'failed', migration_error = 'gone'")
    asking, _ = command(backfill, io.StringIO(), rate=24, failed=True)

    def fail_again(_: float) -> None:
        with world.scene.superuser() as connection:
            connection.execute(
                "update public.video_jobs set migration_status = 'failed', updated_at = now()"
                " where migration_status = 'pending' and id = any(%s)",
                (old,),
            )

    assert dataclasses.replace(asking, sleep=fail_again).run() == 5
