"""The API's request that ordered a video is known to whatever works on the video: it stands in its row."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import UUID

import pytest

from lambdas.backfill_videos.adapters import PostgresJobs as OldJobs
from lambdas.backfill_videos.logic import Request
from lambdas.make_thumbnail.jobs import PostgresJobs as PicturedJobs
from lambdas.migrate_video.jobs import PostgresJobs as MigratedJobs
from lambdas.runtime.video_keys import VideoKey
from lambdas.sweep_videos.jobs import PostgresJobs as SweptJobs
from tests.database.scene import Person
from tests.lambdas.phones import function_database
from tests.lambdas.videos import Service

pytestmark = pytest.mark.plan("M14")
ORDER = "JKJaXmPLvHcESHA="  # as API Gateway makes them


@pytest.fixture
def alice(service: Service) -> Person:
    return service.scene.new_person(credits=100)


def test_the_call_back_names_it_and_hands_it_to_the_queue(
    listened: Service, alice: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also after a request that came again, which has an id of its own; a job of before has none."""
    job = listened.order(alice, key="k", request_id=ORDER).job_id
    assert listened.order(alice, key="k", request_id="repetition").request_id == ORDER
    capsys.readouterr()
    assert listened.finish(job) == [204]
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    [completed] = [line for line in lines if line.get("message") == "generation completed"]
    assert (completed["job_id"], completed["order_request_id"]) == (str(job), ORDER)
    assert listened.queue.ordered_by == [ORDER]
    older = listened.order(alice).job_id
    listened.change(older, "order_request_id = null")
    listened.finish(older)
    assert listened.queue.ordered_by == [ORDER, ""]


def generated(service: Service, person: Person, request_id: str) -> UUID:
    """A job that waits for its video migration."""
    job = service.order(person, request_id=request_id).job_id
    service.finish(job)
    return job


def test_worker_and_thumbnail_find_it_in_the_row(listened: Service, alice: Person) -> None:
    job = generated(listened, alice, ORDER)
    attempt = MigratedJobs(function_database(listened.scene, "migrate_video"), "b").begin(job, lease_seconds=60)
    assert attempt is not None
    assert attempt.order_request_id == ORDER
    pictured, key = PicturedJobs(function_database(listened.scene, "make_thumbnail")), VideoKey(alice.auth_user_id, job)
    early = pictured.begin(key)
    assert early is not None
    assert (early.begun, early.awaited, early.order_request_id) == (False, True, ORDER)
    listened.change(job, f"migration_status = 'migrated', object_key = '{key}', bytes = 1, sha256 = '\\x00'")
    settled = pictured.begin(key)
    assert settled is not None
    assert (settled.begun, settled.order_request_id) == (True, ORDER)


def test_the_sweep_and_the_back_fill_hand_it_on(listened: Service, alice: Person) -> None:
    overdue, older = generated(listened, alice, ORDER), generated(listened, alice, "")
    for job in (overdue, older):
        listened.change(job, "migration_due_at = now() - interval '2 minutes'")
    swept = SweptJobs(function_database(listened.scene, "sweep_videos")).overdue(timedelta(minutes=1))
    assert {job: swept[job] for job in (overdue, older)} == {overdue: ORDER, older: ""}
    for job in (overdue, older):
        listened.change(job, "migration_status = 'none', created_at = now() - interval '30 years'")
    chosen, _ = OldJobs(function_database(listened.scene, "backfill_videos")).choose(Request(limit=2))
    assert chosen == {overdue: ORDER, older: ""}
