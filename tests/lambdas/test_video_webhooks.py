"""A call-back moves a job only when it is the generator's own, to us, fresh, and about this request (N3)."""

from __future__ import annotations

import time
import uuid
from typing import Any

import httpx
import pytest

from local.standins.keys import FAL_USER_ID
from tests.database.scene import Database as Scene
from tests.database.scene import Person
from tests.lambdas.videos import PRICE, Account, Service, listening

CREDITS = 20


@pytest.fixture
def alice(scene: Scene) -> Person:
    return scene.new_person(credits=CREDITS)


@pytest.fixture
def job(listened: Service, alice: Person) -> uuid.UUID:
    """A job whose generation has ended and whose call-back is yet to come."""
    return listened.ended(alice)


def call_back(service: Service, job: uuid.UUID, **how: Any) -> list[int | None]:
    made = service.made(job)["request_id"]
    statuses: list[int | None] = service.fal.control(f"requests/{made}/webhook", how)["statuses"]
    return statuses


def completed_once(service: Service, person: Person, job: uuid.UUID) -> bool:
    return (
        service.row(job)["status"] == "completed"
        and service.queue.sent == [job]
        and service.account(person) == Account(CREDITS - PRICE, -PRICE, 1, 0, 1)
    )


@pytest.mark.plan("N3")
@pytest.mark.parametrize(
    "spoiled",
    ["signature", "body", "timestamp_header", "key", "user", "header_id", "body_id", "unsigned"],
)
def test_a_spoiled_call_back_is_refused_and_its_genuine_twin_heard(
    listened: Service, alice: Person, job: uuid.UUID, spoiled: str
) -> None:
    assert call_back(listened, job, spoiled=spoiled) == [401]
    assert listened.row(job)["status"] == "queued"
    assert call_back(listened, job) == [204]
    assert completed_once(listened, alice, job)


@pytest.mark.plan("N3")
@pytest.mark.parametrize("sign", [-1, 1], ids=["old", "from-the-future"])
def test_it_is_fresh_for_300_seconds_and_no_longer(listened: Service, alice: Person, job: uuid.UUID, sign: int) -> None:
    # The clocks here are the same to the second, and a second may pass on the way: 302 and 299 stand clear of that.
    assert call_back(listened, job, clock_offset_seconds=sign * 302) == [401]
    assert listened.row(job)["status"] == "queued"
    assert call_back(listened, job, clock_offset_seconds=sign * 298) == [204]
    assert completed_once(listened, alice, job)


@pytest.mark.plan("N3")
def test_a_genuine_one_that_is_no_json_says_nothing(listened: Service, job: uuid.UUID) -> None:
    assert call_back(listened, job, spoiled="not_json") == [400]
    assert listened.row(job)["status"] == "queued"


@pytest.mark.plan("N3")
def test_the_address_in_its_payload_is_never_used(listened: Service, alice: Person, job: uuid.UUID) -> None:
    assert call_back(listened, job, spoiled="url") == [204]
    assert completed_once(listened, alice, job)
    assert listened.row(job)["video_url"] == listened.fal.video(listened.link(job))["url"]


@pytest.mark.plan("N3")
@pytest.mark.parametrize(
    "keys", [{"padded": True}, {"padded": False}, {"before": 3}, {"before": 2, "after": 2, "padded": True}]
)
def test_keys_may_be_padded_and_several(listened: Service, alice: Person, job: uuid.UUID, keys: dict[str, Any]) -> None:
    listened.fal.control("keys", keys, method="PUT")
    assert call_back(listened, job, spoiled="key") == [401]
    assert call_back(listened, job) == [204]
    assert completed_once(listened, alice, job)


@pytest.mark.plan("N3")
def test_a_process_with_old_keys_reads_the_new_ones_but_not_at_every_forgery(listened: Service, alice: Person) -> None:
    first, second = listened.order(alice).job_id, listened.order(alice).job_id
    assert listened.finish(first) == [204]
    listened.fal.control("keys", {"rotate": True}, method="PUT")
    assert listened.finish(second) == [401], "they were read a moment ago"
    listened.keys_clock = 61
    assert call_back(listened, second) == [204]


@pytest.mark.plan("N3")
@pytest.mark.parametrize("trouble", [{"status": 500}, {"kind": "reset"}, {"status": 200, "text": '{"keys": []}'}])
def test_with_its_keys_out_of_reach_it_shall_come_again(
    listened: Service, alice: Person, job: uuid.UUID, trouble: dict[str, Any]
) -> None:
    listened.own_keys = True
    listened.fal.control("faults", {"path": "/.well-known", **trouble})
    assert call_back(listened, job) == [503]
    assert listened.row(job)["status"] == "queued"
    assert call_back(listened, job) == [204]
    assert completed_once(listened, alice, job)


@pytest.mark.plan("N3")
def test_a_refusal_for_now_says_when_to_come_again(service: Service) -> None:
    service.keys_url = "http://127.0.0.1:1/keys"
    headers = {
        "X-Fal-Webhook-Request-Id": "r",
        "X-Fal-Webhook-User-Id": FAL_USER_ID,
        "X-Fal-Webhook-Timestamp": str(int(time.time())),
        "X-Fal-Webhook-Signature": "00" * 64,
    }
    with listening(service.webhooks) as url:
        answer = httpx.post(url, content=b"{}", headers=headers, trust_env=False)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        for changed in ({"User-Id": "another"}, {"Timestamp": "0"}, {"Timestamp": "soon"}, {"Signature": "zz"}):
            spoiled = headers | {f"X-Fal-Webhook-{name}": value for name, value in changed.items()}
            assert httpx.post(url, content=b"{}", headers=spoiled, trust_env=False).status_code == 401


@pytest.mark.plan("N3")
def test_a_hundred_replays_change_nothing_more(listened: Service, alice: Person, job: uuid.UUID) -> None:
    assert call_back(listened, job) == [204]
    before = listened.row(job)
    assert set(call_back(listened, job, copies=100)) == {204}
    assert listened.row(job) == before
    assert completed_once(listened, alice, job)


@pytest.mark.plan("N3", "M17")
def test_a_failure_is_refunded_once_however_often_it_is_reported(listened: Service, alice: Person) -> None:
    job = listened.order(alice).job_id
    assert listened.finish(job, error="no", error_type="internal_error") == [204]
    assert set(call_back(listened, job, copies=20)) == {204}
    assert listened.row(job)["error_code"] == "generation_failed"
    assert listened.account(alice) == Account(CREDITS, 0, 1, 1, 1)


@pytest.mark.plan("N3")
def test_a_generator_that_does_not_say_is_asked_at_the_next_call_back(
    listened: Service, alice: Person, job: uuid.UUID
) -> None:
    listened.fal.control("faults", [{"path": "/fal-ai", "status": 500}] * 2)
    assert call_back(listened, job) == [503]
    assert call_back(listened, job) == [204]
    assert completed_once(listened, alice, job)


@pytest.mark.plan("N3")
@pytest.mark.parametrize("trouble", ["", "stalled-generator", "slow-refusal"])
def test_it_is_answered_within_a_second(service: Service, alice: Person, trouble: str) -> None:
    process = service.webhooks()
    with listening(lambda: process) as url:
        service.webhook_url = url
        assert service.finish(service.order(alice).job_id) == [204]  # a warm process
        job = service.ended(alice)
        if trouble == "stalled-generator":
            service.fal.control("faults", {"path": "/fal-ai", "kind": "pass", "delay_seconds": 5})
        elif trouble == "slow-refusal":
            service.fal.control("faults", [{"path": "/fal-ai", "delay_seconds": 0.6, "times": 2}])
        began = time.monotonic()
        answered = call_back(service, job)
        took = time.monotonic() - began
    assert answered == [503 if trouble else 204]
    assert took < 1, took


@pytest.mark.plan("N3", "M10")
def test_a_job_with_a_request_of_its_own_is_not_taken_over_by_another(
    listened: Service, alice: Person, scene: Scene, bob: Person, job: uuid.UUID
) -> None:
    """The job in the address is a hint for a submission whose answer was lost, and only for that."""
    for stage in ("queued", "failed", "migrated"):
        theirs = scene.new_job(bob, stage)
        before = listened.row(theirs)
        process = listened.webhooks()
        assert process.jobs.adopt(theirs, "another request") is None
        assert listened.row(theirs) == before
    lost = scene.new_job(bob, "submitting")
    listened.change(lost, "generator_request_id = null")
    assert listened.webhooks().jobs.adopt(lost, "its request") is not None
    assert listened.row(lost)["status"] == "queued"
    assert listened.webhooks().jobs.adopt(lost, str(listened.row(job)["generator_request_id"])) is not None
    assert listened.row(lost)["generator_request_id"] == "its request"


@pytest.mark.plan("N3")
def test_a_request_of_nobodys_is_heard_and_forgotten(listened: Service, alice: Person, job: uuid.UUID) -> None:
    with listened.scene.superuser() as connection:
        connection.execute("update public.video_jobs set generator_request_id = 'moved' where id = %s", (job,))
        connection.execute("update public.video_jobs set status = 'processing' where id = %s", (job,))
    made = next(it for it in listened.fal.control("requests", method="GET") if it["status"] == "COMPLETED")
    assert listened.fal.control(f"requests/{made['id']}/webhook")["statuses"] == [204]
    assert listened.row(job)["status"] == "processing"
    assert listened.queue.sent == []
