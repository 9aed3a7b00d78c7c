"""A job ends once, whoever finds out first; the generator is asked no more than need be; a user sees own jobs alone."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from lambdas.delete_video.logic import VideoInProgress
from lambdas.delete_video.logic import VideoNotFound as NothingToDelete
from lambdas.runtime.generator import ERROR_CODES
from lambdas.view_video.inline import InvokedMigration
from lambdas.view_video.logic import VideoDeleted, VideoExpired, VideoNotFound
from lambdas.view_video.pages import Cursor, Page
from tests.database.scene import Database as Scene
from tests.database.scene import Person
from tests.lambdas.phones import claims_of
from tests.lambdas.videos import PRICE, RESULT_DAYS, Account, Service, at_once

CREDITS = 20


@pytest.fixture
def alice(scene: Scene) -> Person:
    return scene.new_person(credits=CREDITS)


def ask_again(service: Service, job_id: uuid.UUID) -> None:
    """As if the time until the next question had passed."""
    service.change(job_id, "polled_at = now() - interval '3 seconds'")


class TestStatus:
    @pytest.mark.plan("M6", "M17")
    def test_a_job_goes_from_queued_to_completed_and_plays_from_the_generator(
        self, service: Service, alice: Person
    ) -> None:
        job = service.order(alice).job_id
        seen = [service.view(alice, job)]
        deadline = time.monotonic() + 20
        while seen[-1]["status"] != "completed" and time.monotonic() < deadline:
            ask_again(service, job)  # each look moves it on; making the video may take longer than a look
            seen.append(service.view(alice, job))
        assert list(dict.fromkeys(view["status"] for view in seen)) == ["queued", "processing", "completed"]
        completed = seen[-1]
        row = service.row(job)
        assert completed["storage"] == "generator"
        assert completed["video_url"] == row["video_url"] == service.fal.video(service.link(job))["url"]
        assert row["video_url_expires_at"] == row["created_at"] + timedelta(days=RESULT_DAYS)
        assert (row["migration_status"], row["migration_due_at"] is not None) == ("pending", True)
        assert service.queue.sent == [job]
        assert service.account(alice) == Account(CREDITS - PRICE, -PRICE, 1, 0, 1)

    @pytest.mark.plan("M17")
    @pytest.mark.parametrize(
        ("error_type", "code"),
        [
            ("internal_error", "generation_failed"),
            ("request_timeout", "generation_timed_out"),
            ("content_policy_violation", "content_refused"),
            ("bad_request", "input_refused"),
        ],
    )
    def test_a_failed_job_says_why_and_its_credits_come_back_once(
        self, service: Service, alice: Person, error_type: str, code: str
    ) -> None:
        job = service.order(alice).job_id
        service.finish(job, error="the prompt was: a canary", error_type=error_type)
        for _ in range(3):
            view = service.view(alice, job)
        assert (view["status"], view["error"]) == ("failed", {"code": code, "detail": ERROR_CODES[code]})
        assert service.account(alice) == Account(CREDITS, 0, 1, 1, 1)
        assert service.queue.sent == []

    @pytest.mark.plan("M6")
    def test_the_generator_is_asked_at_most_once_in_three_seconds(self, service: Service, alice: Person) -> None:
        job = service.order(alice).job_id
        for _ in range(10):
            service.view(alice, job)
        assert service.view(alice, job)["status"] == "queued", "one look would move it on"
        ask_again(service, job)
        at_once([lambda: service.view(alice, job)] * 10)
        assert service.row(job)["status"] == "processing"

    @pytest.mark.plan("M6")
    @pytest.mark.parametrize(
        "fault", [{"status": 500}, {"kind": "reset"}, {"status": 200, "text": '{"status": "NEW"}'}]
    )
    def test_a_generator_in_trouble_changes_nothing(
        self, service: Service, alice: Person, fault: dict[str, Any]
    ) -> None:
        job = service.order(alice).job_id
        service.fal.control("faults", {"path": "/fal-ai", **fault})
        assert service.view(alice, job)["status"] == "queued"
        assert service.row(job)["status"] == "queued"
        assert service.account(alice).refunds == 0

    @pytest.mark.plan("M6", "M10")
    def test_a_migrated_video_plays_from_own_storage_in_its_users_session(
        self, service: Service, scene: Scene, alice: Person
    ) -> None:
        job = scene.new_job(alice, "thumbnailed")
        view = service.view(alice, job)
        assert view["storage"] == "own"
        assert view["video_url"] == (
            f"https://own.test/videos/{alice.auth_user_id}/{job}.mp4?as={alice.auth_user_id}&for=900"
        )
        assert "/thumbnails/" in view["thumbnail_url"]
        ends = datetime.fromisoformat(view["video_url_expires_at"])
        assert abs(ends - datetime.now(UTC) - timedelta(seconds=900)) < timedelta(seconds=30)

    def test_an_address_that_has_died_is_not_handed_out(self, service: Service, scene: Scene, alice: Person) -> None:
        job = scene.new_job(alice, "pending")
        service.change(job, "video_url_expires_at = now() + interval '1 hour'")
        assert service.view(alice, job)["storage"] == "generator"
        service.later = 3601
        assert (service.view(alice, job)["storage"], service.view(alice, job)["video_url"]) == (None, None)

    @pytest.mark.plan("M10")
    @pytest.mark.parametrize("stage", ["submitting", "queued", "failed", "pending", "migrated", "deleted"])
    def test_another_users_job_does_not_exist(
        self, service: Service, scene: Scene, alice: Person, bob: Person, stage: str
    ) -> None:
        job = scene.new_job(bob, stage)
        before = service.row(job)
        with pytest.raises(VideoNotFound):
            service.view(alice, job)
        with pytest.raises(NothingToDelete):
            service.delete(alice, job)
        with pytest.raises(VideoNotFound):
            service.view(alice, uuid.uuid4())
        assert service.row(job) == before
        if stage != "deleted":
            assert service.view(bob, job)["job_id"] == str(job)

    @pytest.mark.plan("M10")
    def test_the_filter_beside_the_policy_is_right_by_itself(
        self, service: Service, scene: Scene, alice: Person, bob: Person
    ) -> None:
        theirs, own = scene.new_job(bob, "migrated"), scene.new_job(alice, "migrated")
        with scene.superuser() as connection:
            connection.execute("alter table public.video_jobs disable row level security")
            try:
                with pytest.raises(VideoNotFound):
                    service.view(alice, theirs)
                with pytest.raises(NothingToDelete):
                    service.delete(alice, theirs)
                assert service.view(alice, own)["storage"] == "own"
                page = service.videos().page(claims_of(alice), Page(10, None))
                assert [video["job_id"] for video in page["videos"]] == [str(own)]
            finally:
                connection.execute("alter table public.video_jobs enable row level security")


class TestAtOnce:
    @pytest.mark.plan("M6", "M17")
    @pytest.mark.parametrize("error", ["", "it failed"], ids=["completed", "failed"])
    def test_ten_questions_and_ten_call_backs_change_the_job_once(
        self, listened: Service, alice: Person, error: str
    ) -> None:
        service = listened
        job = service.ended(alice, error=error)
        assert service.row(job)["status"] == "queued"
        made = service.made(job)["request_id"]
        answers = at_once(
            [lambda: service.view(alice, job)] * 10
            + [lambda: service.fal.control(f"requests/{made}/webhook", {"copies": 10})]
        )
        assert not [answer for answer in answers if isinstance(answer, Exception)]
        assert service.row(job)["status"] == ("failed" if error else "completed")
        assert service.queue.sent == ([] if error else [job])
        account = service.account(alice)
        assert account == (Account(CREDITS, 0, 1, 1, 1) if error else Account(CREDITS - PRICE, -PRICE, 1, 0, 1))


class TestInline:
    @pytest.mark.plan("M6")
    def test_who_records_the_completion_asks_for_the_copy_once(
        self, service: Service, scene: Scene, alice: Person
    ) -> None:
        asked: list[uuid.UUID] = []

        class Migration:
            def migrate_now(self, job_id: uuid.UUID, _request_id: str, *, order_request_id: str) -> None:
                asked.append(job_id)
                service.change(
                    job_id,
                    "migration_status = 'migrated', bytes = 1, sha256 = '\\x00', migrated_at = now(),"
                    f" object_key = 'videos/{alice.auth_user_id}/{job_id}.mp4'",
                )

        job = service.order(alice).job_id
        service.fal.control(f"requests/{service.made(job)['request_id']}/complete")
        videos = service.videos(inline=Migration())
        for _ in range(2):
            view = videos.view(claims_of(alice), str(job), request_id="r1")
        assert (view["storage"], asked, service.queue.sent) == ("own", [job], [job])

    @pytest.mark.plan("M6")
    def test_a_worker_that_takes_its_time_is_not_waited_for(self, httpserver: HTTPServer) -> None:
        def stalled(_: Request) -> Response:
            time.sleep(1.5)  # the trouble itself
            return Response("null")

        httpserver.expect_request("/2015-03-31/functions/worker/invocations").respond_with_handler(stalled)
        client = boto3.client(
            "lambda",
            endpoint_url=httpserver.url_for(""),
            aws_access_key_id="a",
            aws_secret_access_key="s",  # nobody's
        )
        began = time.monotonic()
        InvokedMigration(client, "worker", seconds=0.3).migrate_now(uuid.uuid4(), "r1", order_request_id="")
        assert 0.3 <= time.monotonic() - began < 0.8


class TestDeletion:
    @pytest.mark.plan("M10")
    def test_a_deleted_video_is_gone_at_once_and_deleting_again_is_as_good(
        self, service: Service, scene: Scene, alice: Person
    ) -> None:
        job = scene.new_job(alice, "thumbnailed")
        keys = [service.row(job)["object_key"], service.row(job)["thumbnail_key"]]
        for _ in range(2):
            service.delete(alice, job)
        assert service.storage.removed == keys
        row = service.row(job)
        assert (row["object_key"], row["thumbnail_key"], row["video_url"]) == (None, None, None)
        assert (row["deleted_because"], row["status"]) == ("user", "completed")
        with pytest.raises(VideoDeleted) as gone:
            service.view(alice, job)
        assert gone.value.status == 410

    @pytest.mark.parametrize("stage", ["submitting", "queued"])
    def test_a_job_under_way_cannot_be_deleted(self, service: Service, scene: Scene, alice: Person, stage: str) -> None:
        job = scene.new_job(alice, stage)
        with pytest.raises(VideoInProgress):
            service.delete(alice, job)
        assert service.row(job)["deleted_at"] is None

    @pytest.mark.parametrize("stage", ["failed", "old", "pending", "migrated"])
    def test_one_that_has_ended_can(self, service: Service, scene: Scene, alice: Person, stage: str) -> None:
        job = scene.new_job(alice, stage)
        service.delete(alice, job)
        assert service.row(job)["deleted_at"] is not None

    def test_what_storage_does_not_remove_is_left_to_the_sweep(
        self, service: Service, scene: Scene, alice: Person
    ) -> None:
        job = scene.new_job(alice, "migrated")
        service.storage.unavailable = True
        service.delete(alice, job)
        row = service.row(job)
        assert (row["deleted_because"], row["object_key"] is not None) == ("user", True)
        service.storage.unavailable = False
        service.delete(alice, job)
        assert service.row(job)["object_key"] is None

    def test_what_the_retention_deleted_stays_its_own(self, service: Service, scene: Scene, alice: Person) -> None:
        job = scene.new_job(alice, "migrated")
        service.change(job, "deleted_at = now(), deleted_because = 'retention'")
        service.delete(alice, job)
        assert service.row(job)["deleted_because"] == "retention"
        with pytest.raises(VideoExpired):
            service.view(alice, job)


class TestPages:
    @pytest.mark.plan("M10")
    @pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
    def test_pages_hold_every_own_video_once_also_at_equal_times(
        self, service: Service, scene: Scene, bob: Person, limit: int
    ) -> None:
        person = scene.new_person()
        jobs = [scene.new_job(person, "migrated") for _ in range(7)]
        for number, job in enumerate(jobs):
            service.change(
                job, f"created_at = timestamptz '2026-11-25 12:00:00.123456Z' + {number // 3} * interval '1 s'"
            )
        scene.new_job(bob, "migrated")
        deleted = scene.new_job(person, "deleted")
        seen, cursor, pages = [], None, 0
        while True:
            page = service.videos().page(claims_of(person), Page(limit, cursor))
            seen += [uuid.UUID(video["job_id"]) for video in page["videos"]]
            pages += 1
            if page["next_cursor"] is None:
                break
            cursor = Cursor.parse(page["next_cursor"])
            scene.new_job(person, "queued")  # newer than all: it shifts nothing
        assert seen[-7:] == sorted(jobs, key=lambda job: (jobs.index(job) // 3, job), reverse=True)
        assert len(seen) == len(set(seen)) == 7
        assert deleted not in seen
        assert pages == -(-7 // limit)
