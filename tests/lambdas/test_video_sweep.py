"""What is left undone is settled within minutes, whatever was lost: nothing stays open, and no credit is lost."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from lambdas.sweep_videos.logic import Jobs, Sweeper
from lambdas.sweep_videos.objects import S3Objects
from tests.database.scene import Person
from tests.lambdas.video_world import NAMES, VideoWorld, Worker
from tests.local.standins.conftest import FalClient

MODEL, PATH = "hailuo-02-standard", "/fal-ai/minimax/hailuo-02/standard/text-to-video"


@pytest.fixture(scope="module")
def sweep(video_world_of_session: VideoWorld, served_fal: FalClient) -> Iterator[Worker]:
    """The function, with the generator within its reach."""
    world = video_world_of_session
    secrets = world.emulator.root_client("secretsmanager")
    secrets.create_secret(Name=NAMES.secret("fal"), SecretString=json.dumps({"key": served_fal.key}))
    world.generator_url = str(served_fal.http.base_url)
    with world.worker("sweep_videos") as worker:
        yield worker


@pytest.fixture(autouse=True)
def nothing_undone(world: VideoWorld) -> None:
    """What other tests left is none of these tests' business."""
    with world.scene.superuser() as connection:
        connection.execute(
            "update public.video_jobs set deleted_at = null, deleted_because = null, object_key = null,"
            " video_url = coalesce(video_url, 'x'),"
            " migration_status = case when status = 'completed' then 'migrated' end,"
            " status = case when status = 'completed' then status else 'failed' end,"
            " error_code = case when status = 'completed' then null else 'x' end,"
            " finished_at = now(), video_url_expires_at = null, thumbnail_key = null"
        )


def swept(sweep: Worker) -> dict[str, int]:
    done = sweep.handle({})
    assert not done.error, done.error
    return {name: number for name, number in done.answer["settled"].items() if number}


def balance(world: VideoWorld, person: Person) -> tuple[int, int]:
    """Credits, and the number of refunds in the ledger."""
    with world.scene.superuser() as connection:
        row = connection.execute(
            "select u.credits_remaining as credits, (select count(*) from public.credit_ledger l"
            " where l.user_id = u.id and l.reason = 'refund') as refunds from public.users u where u.id = %s",
            (person.user_id,),
        ).fetchone()
    assert row is not None
    return row["credits"], row["refunds"]


def asked_for(world: VideoWorld) -> list[str]:
    return [json.loads(event["Records"][0]["body"])["job_id"] for event in world.receive()]


@pytest.mark.plan("M17")
def test_a_submission_that_was_lost_fails_and_gives_its_credits_back_once(world: VideoWorld, sweep: Worker) -> None:
    person = world.scene.new_person(credits=3)
    lost, recent = (world.scene.new_job(person, "submitting") for _ in range(2))
    world.change(lost, "created_at = now() - interval '16 minutes'")
    world.change(recent, "created_at = now() - interval '14 minutes'")
    assert swept(sweep) == {"lost_submissions": 1}
    assert swept(sweep) == {}
    assert (world.row(lost)["status"], world.row(lost)["error_code"]) == ("failed", "submission_lost")
    assert world.row(recent)["status"] == "submitting"
    assert balance(world, person) == (8, 1)


@pytest.mark.plan("M17")
def test_a_generation_older_than_its_result_lasts_fails_and_gives_its_credits_back(
    world: VideoWorld, sweep: Worker
) -> None:
    person = world.scene.new_person(credits=0)
    lost, recent = (world.scene.new_job(person, "queued") for _ in range(2))
    world.change(lost, "created_at = now() - interval '7 days 1 minute', polled_at = now()")
    world.change(recent, "created_at = now() - interval '6 days', polled_at = now()")
    assert swept(sweep) == {"lost_generations": 1}
    assert world.row(lost)["error_code"] == "generation_lost"
    assert world.row(recent)["status"] == "queued"
    assert balance(world, person) == (5, 1)


def generating(world: VideoWorld, fal: FalClient, person: Person) -> tuple[uuid.UUID, dict[str, Any]]:
    """A job that the generator has, and that nobody has asked about for two minutes."""
    job, made = world.scene.new_job(person, "queued"), fal.submit(PATH)
    world.change(
        job,
        f"model = '{MODEL}', generator_request_id = '{made['request_id']}',"
        " created_at = now() - interval '10 minutes', polled_at = now() - interval '2 minutes'",
    )
    return job, made


@pytest.mark.plan("M6", "N3")
def test_a_generation_whose_webhook_was_lost_is_asked_about_and_its_migration_too(
    world: VideoWorld, sweep: Worker, fal: FalClient
) -> None:
    person = world.scene.new_person(credits=0)
    (done, made), (asked, _) = generating(world, fal, person), generating(world, fal, person)
    fal.complete(made)
    world.change(asked, "polled_at = now() - interval '50 seconds'")
    assert swept(sweep) == {"unasked_generations": 1}
    row = world.row(done)
    assert (row["status"], row["migration_status"]) == ("completed", "pending")
    assert asked_for(world) == [str(done)]
    assert world.row(asked)["polled_at"] < datetime.now(UTC) - timedelta(seconds=45), "somebody had just asked about it"
    assert balance(world, person) == (0, 0)


@pytest.mark.plan("M17")
def test_a_generation_that_failed_unheard_gives_its_credits_back(
    world: VideoWorld, sweep: Worker, fal: FalClient
) -> None:
    person = world.scene.new_person(credits=0)
    job, made = generating(world, fal, person)
    fal.complete(made, error="out of memory", error_type="runner_server_error")
    assert swept(sweep) == {"unasked_generations": 1}
    assert world.row(job)["status"] == "failed"
    assert balance(world, person) == (5, 1)


def test_a_generator_out_of_reach_keeps_no_other_part_from_its_work(
    world: VideoWorld, sweep: Worker, fal: FalClient
) -> None:
    person = world.scene.new_person(credits=0)
    jobs = [generating(world, fal, person)[0] for _ in range(7)]
    lost = world.scene.new_job(person, "submitting")
    world.change(lost, "created_at = now() - interval '16 minutes'")
    fal.control("faults", {"path": "/fal-ai/", "status": 503, "times": None})
    assert swept(sweep) == {"lost_submissions": 1}
    polled = [world.row(job)["polled_at"] > datetime.now(UTC) - timedelta(seconds=60) for job in jobs]
    assert sum(polled) == 5, "after five refusals in a row the others wait for the next sweep"
    assert {world.row(job)["status"] for job in jobs} == {"queued"}


@pytest.mark.plan("M7")
def test_a_migration_with_nothing_in_flight_is_asked_for_again_once_its_time_has_come(
    world: VideoWorld, sweep: Worker
) -> None:
    overdue, leased, fresh = (world.finished_job() for _ in range(3))
    world.change(overdue.id, "migration_due_at = now() - interval '61 seconds', migration_attempts = 2")
    world.change(leased.id, "migration_due_at = now() + interval '10 seconds', migration_attempts = 1")
    world.change(fresh.id, "migration_due_at = now() - interval '50 seconds'")
    assert swept(sweep) == {"overdue_migrations": 1}
    assert asked_for(world) == [str(overdue.id)]


@pytest.mark.plan("M7")
def test_a_last_attempt_that_was_killed_ends_as_failed_and_leaves_no_object(world: VideoWorld, sweep: Worker) -> None:
    job, running = world.finished_job(), world.finished_job()
    for each in (job, running):
        world.change(each.id, "migration_attempts = 4")
        world.s3.put_object(Bucket=world.bucket, Key=each.key, Body=b"left behind")
    world.change(job.id, "migration_due_at = now() - interval '61 seconds'")
    assert swept(sweep) == {"hopeless_migrations": 1}
    row = world.row(job.id)
    assert (row["migration_status"], row["migration_error"], row["video_url"]) == ("failed", "killed", job.url)
    assert world.content(job.key) is None
    assert world.content(running.key) == b"left behind", "its lease still runs"


@pytest.mark.plan("M7")
def test_a_video_deleted_before_its_migration_is_settled_with_whatever_was_stored_of_it(
    world: VideoWorld, sweep: Worker
) -> None:
    job = world.finished_job()
    world.s3.put_object(Bucket=world.bucket, Key=job.key, Body=b"of a killed attempt")
    world.change(
        job.id,
        "deleted_at = now(), deleted_because = 'user', video_url = null,"
        " migration_due_at = now() - interval '2 minutes'",
    )
    assert swept(sweep) == {"hopeless_migrations": 1}
    assert (world.row(job.id)["migration_status"], world.row(job.id)["migration_error"]) == ("failed", "deleted")
    assert world.content(job.key) is None
    assert asked_for(world) == []


def test_objects_of_deleted_videos_go_and_others_stay(world: VideoWorld, sweep: Worker) -> None:
    deleted, kept = world.scene.new_job(world.owner, "deleted"), world.scene.new_job(world.owner, "migrated")
    keys = {job: f"{world.owner.auth_user_id}/{job}" for job in (deleted, kept)}
    for key in keys.values():
        world.s3.put_object(Bucket=world.bucket, Key=f"videos/{key}.mp4", Body=b"video")
        world.s3.put_object(Bucket=world.bucket, Key=f"thumbnails/{key}.jpg", Body=b"picture")
    assert swept(sweep) == {"deleted_videos": 1}
    assert swept(sweep) == {}
    assert world.row(deleted)["object_key"] is None
    assert world.row(kept)["object_key"] == f"videos/{keys[kept]}.mp4"
    there = {job: world.content(f"videos/{key}.mp4") is not None for job, key in keys.items()}
    pictured = {job: world.content(f"thumbnails/{key}.jpg") is not None for job, key in keys.items()}
    assert there == pictured == {deleted: False, kept: True}


def _unused(*_: Any) -> Any:
    raise AssertionError("this part needs storage alone")


def test_uploads_that_nobody_will_end_are_ended_and_those_under_way_are_not(world: VideoWorld, sweep: Worker) -> None:
    key = f"videos/{uuid.uuid4()}/{uuid.uuid4()}.mp4"
    world.s3.create_multipart_upload(Bucket=world.bucket, Key=key)
    other = world.s3.create_multipart_upload(Bucket=world.bucket, Key="elsewhere/x")["UploadId"]
    assert swept(sweep) == {}
    assert key in world.open_uploads()
    objects = S3Objects(world.emulator.client("s3", world.session("sweep_videos")), world.bucket)
    lease = timedelta(seconds=60)
    sweeper = Sweeper(
        jobs=cast("Jobs", None), objects=objects, look=_unused, settle=_unused, send=_unused,
        result_age=lease, lease=lease,
    )  # fmt: skip
    later = datetime.now(UTC) + lease + timedelta(minutes=5, seconds=5)
    assert sweeper.parts(now=later, may_go_on=lambda: True)["open_uploads"]() == 1
    assert world.open_uploads() == ["elsewhere/x"]
    world.s3.abort_multipart_upload(Bucket=world.bucket, Key="elsewhere/x", UploadId=other)


def test_a_part_that_fails_is_named_and_the_others_do_their_work(world: VideoWorld, sweep: Worker) -> None:
    person = world.scene.new_person(credits=0)
    lost, overdue = world.scene.new_job(person, "submitting"), world.finished_job()
    world.scene.new_job(person, "deleted")
    world.change(lost, "created_at = now() - interval '16 minutes'")
    world.change(overdue.id, "migration_due_at = now() - interval '61 seconds'")
    bucket, world.bucket = world.bucket, "no-such-bucket"
    try:
        with world.worker("sweep_videos") as broken:
            done = broken.handle({})
    finally:
        world.bucket = bucket
    assert done.error.startswith("SweepFailed: failed: deleted_videos, open_uploads;")
    assert world.row(lost)["status"] == "failed"
    assert asked_for(world) == [str(overdue.id)]


def test_nothing_new_is_begun_in_the_last_seconds(world: VideoWorld, sweep: Worker) -> None:
    lost = world.scene.new_job(world.owner, "submitting")
    world.change(lost, "created_at = now() - interval '16 minutes'")
    assert sweep.handle({}, seconds=15).answer["settled"]["lost_submissions"] == 0
    assert sweep.handle({}, seconds=60).answer["settled"]["lost_submissions"] == 1


@pytest.mark.plan("M14")
def test_the_backlog_is_measured(world: VideoWorld, sweep: Worker) -> None:
    due, ending, late = (world.finished_job() for _ in range(3))
    world.change(due.id, "migration_due_at = now() - interval '50 seconds'")
    world.change(ending.id, "video_url_expires_at = now() + interval '23 hours', migration_status = 'failed'")
    world.change(late.id, "video_url_expires_at = now() + interval '25 hours'")
    swept(sweep)
    lines = [
        json.loads(line) for line in (world.folder / "sweep_videos.log").read_text().splitlines() if "_aws" in line
    ]
    [oldest], [near] = lines[-1]["OldestPendingVideoMigrationSeconds"], lines[-1]["VideoAddressesNearExpiry"]
    assert 50 <= oldest < 60
    assert near == 1
