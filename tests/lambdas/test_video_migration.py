"""The worker on the real database, the local AWS with its own rights, and the generator's CDN over HTTP."""

from __future__ import annotations

import json
import random
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from lambdas.migrate_video.jobs import PostgresJobs
from lambdas.migrate_video.video_copy import Stored
from local.standins.fal.downloads import DownloadFault
from tests.lambdas.phones import function_database
from tests.lambdas.video_world import Job, VideoWorld, Worker


@pytest.fixture(scope="module")
def migrate(video_world_of_session: VideoWorld) -> Iterator[Worker]:
    with video_world_of_session.worker("migrate_video") as worker:
        yield worker


def handled(migrate: Worker, world: VideoWorld, job: Job) -> None:
    done = migrate.handle(world.message(job.id))
    assert (done.answer, done.error) == ({"batchItemFailures": []}, "")


@pytest.mark.plan("M6", "M8")
def test_a_finished_video_goes_into_own_storage(world: VideoWorld, migrate: Worker) -> None:
    job = world.finished_job()
    handled(migrate, world, job)
    row = world.row(job.id)
    assert world.wrong_with(job) == ""
    assert (row["migration_status"], row["bytes"], row["migration_attempts"]) == ("migrated", job.file.size, 1)
    assert row["migrated_at"]
    assert row["video_url_expires_at"] is None
    assert world.s3.head_object(Bucket=world.bucket, Key=job.key)["ContentType"] == "video/mp4"


@pytest.mark.plan("M6")
def test_a_direct_call_does_the_same_and_says_so(world: VideoWorld, migrate: Worker) -> None:
    job = world.finished_job()
    assert migrate.handle({"job_id": str(job.id), "request_id": "r1"}).answer == {"outcome": "migrated"}
    assert migrate.handle({"job_id": str(job.id), "request_id": "r1"}).answer == {"outcome": "nothing_to_do"}
    assert world.wrong_with(job) == ""


@pytest.mark.plan("M7")
def test_a_failed_copy_leaves_the_address_and_comes_again_by_a_late_message(world: VideoWorld, migrate: Worker) -> None:
    job = world.finished_job(faults=[DownloadFault(kind="server_error")])
    handled(migrate, world, job)
    row = world.row(job.id)
    assert (row["migration_status"], row["migration_error"], row["video_url"]) == ("pending", "busy", job.url)
    world.change(job.id, "migration_due_at = now() + interval '1 hour'")
    handled(migrate, world, job)
    assert world.row(job.id)["migration_attempts"] == 1, "not due yet"
    world.time_passes("2 hours")
    [event] = world.emulator.wait_until(world.receive, "the message comes back")
    assert json.loads(event["Records"][0]["body"]) == {"job_id": str(job.id), "request_id": f"request-of-{job.id}"}
    assert migrate.handle(event).answer == {"batchItemFailures": []}
    assert world.wrong_with(job) == ""
    assert world.row(job.id)["migration_attempts"] == 2


@pytest.mark.plan("M7", "M8")
@pytest.mark.parametrize("kind", ["html", "redirect", "not_mp4"])
def test_what_will_never_be_a_video_fails_at_once_with_its_address(
    world: VideoWorld, migrate: Worker, kind: str
) -> None:
    job = world.finished_job(faults=[DownloadFault.model_validate({"kind": kind, "times": None})])
    handled(migrate, world, job)
    row = world.row(job.id)
    assert (row["migration_status"], row["migration_attempts"]) == ("failed", 1)
    assert world.wrong_with(job) == ""
    assert world.receive() == []


@pytest.mark.plan("M8")
@pytest.mark.parametrize("url", ["https://evil.example/v.mp4", "http://169.254.169.254/latest", "file:///etc/passwd"])
def test_an_address_of_another_origin_is_not_fetched(world: VideoWorld, migrate: Worker, url: str) -> None:
    job = world.finished_job()
    world.change(job.id, f"video_url = '{url}'")
    handled(migrate, world, job)
    row = world.row(job.id)
    assert (row["migration_status"], row["migration_error"], row["video_url"]) == ("failed", "forbidden_url", url)
    assert job.file.downloads == []


@pytest.mark.plan("M6")
def test_an_object_that_a_dead_attempt_left_is_taken_and_not_written_again(world: VideoWorld, migrate: Worker) -> None:
    job = world.finished_job()
    assert migrate.handle(world.message(job.id), kill_at="stored").killed
    [before] = world.versions(job.key)
    world.time_passes()
    handled(migrate, world, job)
    assert world.wrong_with(job) == ""
    assert world.versions(job.key) == [before]


@pytest.fixture
def jobs(world: VideoWorld) -> Iterator[PostgresJobs]:
    database = function_database(world.scene, "migrate_video")
    yield PostgresJobs(database, world.bucket, sleep=lambda _: None)
    database.close()


STORED = Stored(9, "ab" * 32)


@pytest.mark.plan("M6")
def test_a_video_deleted_during_the_copy_is_settled_so_that_the_sweep_finds_its_object(
    world: VideoWorld, jobs: PostgresJobs
) -> None:
    job = world.finished_job()
    attempt = jobs.begin(job.id, lease_seconds=60)
    assert attempt is not None
    world.change(job.id, "deleted_at = now(), deleted_because = 'user', video_url = null")
    assert jobs.migrated(attempt, STORED)
    row = world.row(job.id)
    assert (row["migration_status"], row["object_key"], row["video_url"]) == ("migrated", job.key, None)


@pytest.mark.plan("M6")
def test_no_attempt_begins_for_a_deleted_video(world: VideoWorld, jobs: PostgresJobs) -> None:
    job = world.finished_job()
    world.change(job.id, "deleted_at = now(), deleted_because = 'user', video_url = null")
    assert jobs.begin(job.id, lease_seconds=60) is None


@pytest.mark.plan("M6")
def test_an_attempt_that_another_has_followed_settles_nothing(world: VideoWorld, jobs: PostgresJobs) -> None:
    job = world.finished_job()
    late = jobs.begin(job.id, lease_seconds=60)
    world.time_passes()
    now = jobs.begin(job.id, lease_seconds=60)
    assert late is not None
    assert now is not None
    assert not jobs.migrated(late, STORED)
    assert not jobs.put_off(late, seconds=1, cause="busy")
    assert not jobs.failed(late, cause="gone")
    assert world.row(job.id)["migration_status"] == "pending"
    assert jobs.migrated(now, STORED)
    assert not jobs.migrated(now, STORED), "a change whose answer was lost may be made again"


@pytest.mark.plan("M7")
def test_no_fifth_attempt_begins(world: VideoWorld, jobs: PostgresJobs) -> None:
    job = world.finished_job()
    numbers = []
    for _ in range(5):
        attempt = jobs.begin(job.id, lease_seconds=60)
        numbers.append(attempt and attempt.number)
        world.time_passes()
    assert numbers == [1, 2, 3, 4, None]


@pytest.mark.plan("M6")
def test_every_message_ten_times_in_any_order_makes_one_object_and_one_change(world: VideoWorld) -> None:
    jobs = [world.finished_job() for _ in range(6)]
    events = [world.message(job.id) for job in jobs for _ in range(10)]
    random.Random(5).shuffle(events)
    with world.worker("migrate_video") as first, world.worker("migrate_video") as second:
        threads = [
            threading.Thread(target=lambda worker, mine: [worker.handle(event) for event in mine], args=(worker, mine))
            for worker, mine in ((first, events[::2]), (second, events[1::2]))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [world.wrong_with(job) for job in jobs] == [""] * len(jobs)
    assert {world.row(job.id)["migration_attempts"] for job in jobs} == {1}
    assert [len(job.file.downloads) for job in jobs] == [1] * len(jobs)


@pytest.mark.parametrize("body", ["", "{}", '{"job_id": "7"}'])
def test_what_is_no_message_goes_back_to_the_queue_and_at_last_to_the_dead_letters(migrate: Worker, body: str) -> None:
    event = {"Records": [{"messageId": "m1", "body": body}]}
    assert migrate.handle(event).answer == {"batchItemFailures": [{"itemIdentifier": "m1"}]}


def test_a_message_of_a_job_that_is_not_there_is_done(world: VideoWorld, migrate: Worker) -> None:
    assert migrate.handle(world.message(uuid.uuid4())).answer == {"batchItemFailures": []}


@pytest.mark.plan("M14")
def test_no_address_is_logged_and_every_line_of_a_job_names_it(world: VideoWorld, migrate: Worker) -> None:
    job = world.finished_job(faults=[DownloadFault(kind="reset")])
    handled(migrate, world, job)
    world.time_passes()
    handled(migrate, world, job)
    text = (world.folder / "migrate_video.log").read_text()
    assert job.file.token not in text
    lines = [json.loads(line) for line in text.splitlines() if str(job.id) in line]
    assert len(lines) >= 3
    assert {line["request_id"] for line in lines} == {f"request-of-{job.id}"}
    assert {line["auth_user_id"] for line in lines} == {str(job.owner.auth_user_id)}
    assert Path(job.url).name not in text.replace(str(job.id), "")
