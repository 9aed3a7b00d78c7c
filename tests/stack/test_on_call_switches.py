"""Each switch, drilled on the deployed stack: thrown, seen by the API, taken back, and gone."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from rich.console import Console

from local import daemons, questions, restoring, switches
from local.accounts import Keys
from local.errors import Refused
from local.journey.client import Phone
from local.operations import on_laptop
from local.people import Person
from tests.stack.deployed import PREFIX, Deployed, eventually

OF_THE_STACK = ("stop-submits", "pause-video-migration", "pause-clean-ups")
BECAUSE = "a drill"
OLD = "update public.video_jobs set finished_at = now() - interval '200 days' where id = %s returning id"


@pytest.fixture
def operator(stack: Deployed) -> Iterator[Person]:
    """Somebody on call; whatever a test leaves thrown is taken back."""
    person = Person("local", "operator", on_laptop(stack.aws_url))
    yield person
    for name in OF_THE_STACK:
        back(person, name)


@pytest.fixture
def reader(stack: Deployed) -> Person:
    return Person("local", "on-call", on_laptop(stack.aws_url))


def throw(person: Person, name: str, *, user: str = "", dry_run: bool = False) -> dict[str, Any]:
    return switches.throw(person, name, because=BECAUSE, back=False, user=user, dry_run=dry_run)


def back(person: Person, name: str, *, user: str = "") -> dict[str, Any]:
    return switches.throw(person, name, because="", back=True, user=user, dry_run=False)


def order(phone: Phone, key: str | None = None) -> httpx.Response:
    """The cheapest video that needs no image."""
    offered = [model for model in phone.models() if model["image"] != "required"]
    model = min(offered, key=lambda each: int(each["credits"]))["model"]
    return phone.submit_video({"model": model, "prompt": "Waves."}, key=key or str(uuid.uuid4()))


def run(stack: Deployed, function: str) -> dict[str, Any]:
    """What the schedule does by the clock."""
    answer = stack.root("lambda").invoke(FunctionName=f"{PREFIX}-{function}", Payload=b"{}")
    return dict(json.loads(answer["Payload"].read()))


@pytest.mark.plan("M17")
def test_stopped_submits_are_refused_at_no_cost_and_taken_again_afterwards(stack: Deployed, operator: Person) -> None:
    phone, key = stack.phone(), str(uuid.uuid4())
    first = order(phone, key)
    assert first.status_code == 202
    before = phone.me()["credits_remaining"]

    assert not throw(operator, "stop-submits", dry_run=True)["thrown"]
    assert throw(operator, "stop-submits")["changed"]
    refused = order(phone)
    assert (refused.status_code, refused.json()["code"]) == (503, "submits_stopped")
    assert refused.headers["Retry-After"] == "300"
    assert phone.me()["credits_remaining"] == before
    (jobs,) = stack.query("select count(*) as n from public.video_jobs where user_id = %s", phone.session["user_id"])
    assert jobs["n"] == 1
    assert order(phone, key).json() == first.json(), "what was ordered before is answered as before"
    assert phone.video(first.json()["job_id"])["status"] in ("queued", "processing", "completed")

    assert back(operator, "stop-submits")["changed"]
    stack.give_credits(phone, 50)
    assert order(phone).status_code == 202


@pytest.mark.plan("M7")
def test_paused_video_migration_counts_no_attempt_and_loses_nothing(stack: Deployed, operator: Person) -> None:
    phone = stack.phone()
    throw(operator, "pause-video-migration")
    fal = daemons.url(stack.cloud.ports["fal"])
    httpx.post(f"{fal}/_control/outcomes", json={"after_ms": 100, "video_bytes": 100_000}, trust_env=False)
    job = order(phone).json()["job_id"]
    video = eventually(lambda: (seen := phone.video(job))["status"] == "completed" and seen, seconds=30)
    assert video["storage"] == "generator"
    assert httpx.get(video["video_url"], trust_env=False).status_code == 200, "its user plays it meanwhile"

    queue, letters = (
        stack.root("sqs").get_queue_url(QueueName=f"{PREFIX}-{name}")["QueueUrl"]
        for name in ("video-migration", "video-migration-dlq")
    )

    def waiting(url: str) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = stack.root("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return sum(map(int, found.values()))

    stack.query("update public.video_jobs set migration_due_at = now() - interval '5 minutes' where id = %s"
                " returning id", job)  # fmt: skip
    assert run(stack, "sweep-videos")["settled"]["overdue_migrations"] == 0
    assert eventually(lambda: waiting(queue) == 0)
    assert waiting(letters) == 0
    (row,) = stack.query("select migration_status, migration_attempts from public.video_jobs where id = %s", job)
    assert (row["migration_status"], row["migration_attempts"]) == ("pending", 0)

    back(operator, "pause-video-migration")
    assert run(stack, "sweep-videos")["settled"]["overdue_migrations"] >= 1
    assert eventually(lambda: phone.video(job)["storage"] == "own", seconds=30)


@pytest.mark.plan("M11")
def test_paused_clean_ups_remove_nothing(stack: Deployed, operator: Person) -> None:
    phone = stack.phone()
    job, _ = stack.new_video(phone)
    stack.query(
        "update public.video_jobs set finished_at = now() - interval '200 days' where id = %s returning id", job
    )
    throw(operator, "pause-clean-ups")
    assert run(stack, "clean-videos") == {"paused": True}
    assert {"paused": True} in run(stack, "clean-images").values()
    assert run(stack, "clean-identities") == {"unused": {"paused": True}}
    assert phone.video(job)["status"] == "completed"
    back(operator, "pause-clean-ups")
    assert run(stack, "clean-videos")["removed"] >= 1
    assert phone.call("GET", f"/v1/videos/{job}").json()["code"] == "video_expired"


@pytest.mark.plan("M10")
def test_a_blocked_user_is_refused_at_once_and_let_in_again(stack: Deployed, operator: Person) -> None:
    phone, other = stack.phone(), stack.phone()
    user = phone.session["user_id"]
    assert throw(operator, "block-user", user=phone.auth_user_id)["changed"]
    for answer in (phone.call("GET", "/v1/me"), order(phone), phone.call("GET", "/v1/videos")):
        assert (answer.status_code, answer.json()["code"]) == (403, "user_blocked")
    assert other.me()["user_id"]
    assert back(operator, "block-user", user=user)["changed"]
    assert phone.me()["user_id"] == user
    with pytest.raises(Refused, match="no such user"):
        throw(operator, "block-user", user=str(uuid.uuid4()))


@pytest.mark.plan("M7")
def test_dead_letters_go_back_to_their_queue_at_a_rate(stack: Deployed, operator: Person) -> None:
    sqs, console = stack.root("sqs"), Console(quiet=True)
    letters = sqs.get_queue_url(QueueName=f"{PREFIX}-video-migration-dlq")["QueueUrl"]
    phone = stack.phone()
    jobs = [stack.new_video(phone)[0] for _ in range(3)]
    for job in jobs:
        sqs.send_message(QueueUrl=letters, MessageBody=json.dumps({"job_id": job, "request_id": f"redriven-{job}"}))
    assert restoring.redrive(operator, console, rate=60, dry_run=True) == 0
    waits: list[float] = []
    assert restoring.redrive(operator, console, rate=12, dry_run=False, sleep=waits.append) == 3
    assert waits == [5.0, 5.0, 5.0], "one each five seconds"
    assert restoring.redrive(operator, console, rate=12, dry_run=False) == 0

    def heard() -> bool:
        lines = stack.logs_of("migrate_video")
        return all(f"redriven-{job}" in lines for job in jobs)

    assert eventually(heard, seconds=30)
    reader = Person("local", "on-call", on_laptop(stack.aws_url))
    with pytest.raises(Refused, match="may not call"):
        restoring.redrive(reader, console, rate=60, dry_run=True)


@pytest.mark.plan("M11")
def test_deleted_videos_come_back_within_their_days(stack: Deployed, operator: Person) -> None:
    phone, other = stack.phone(), stack.phone()
    (job, content), (kept_deleted, _) = stack.new_video(phone), stack.new_video(other)
    counted = "select coalesce(sum(bytes), 0) + (select bytes from rendio.storage_totals where bucket = 'videos') as n"
    counted += " from rendio.storage_deltas where bucket = 'videos'"
    before = stack.query(counted)[0]["n"]
    for owner, video in ((phone, job), (other, kept_deleted)):
        assert owner.call("DELETE", f"/v1/videos/{video}").status_code == 204
    named = "select 1 as found from public.video_jobs where id in (%s, %s) and object_key is not null"
    assert not stack.query(named, job, kept_deleted)
    assert phone.call("GET", f"/v1/videos/{job}").status_code == 410

    def restore(*, dry_run: bool = False, **whose: str) -> dict[str, Any]:
        found = {"video": "", "user": "", **whose}
        return restoring.restore(operator, video=found["video"], user=found["user"], days=1, dry_run=dry_run)

    assert restore(user=phone.auth_user_id, dry_run=True)["restored"] == [job]
    assert phone.call("GET", f"/v1/videos/{job}").status_code == 410
    assert restore(user=phone.auth_user_id)["restored"] == [job]
    assert phone.download(phone.video(job)["video_url"]).content == content
    assert restore(video=job)["restored"] == [], "it is back already"
    assert other.call("GET", f"/v1/videos/{kept_deleted}").status_code == 410
    assert stack.query(counted)[0]["n"] == before - len(content), "one of the two is counted"
    stack.query(
        "update public.video_jobs set finished_at = now() - interval '200 days' where id = %s returning id", job
    )
    run(stack, "clean-videos")
    assert phone.video(job)["status"] == "completed", "its retention has begun anew"

    stack.query("update public.users set deleted_at = now() where id = %s returning id", other.session["user_id"])
    assert restore(video=kept_deleted)["restored"] == []
    with pytest.raises(Refused, match="from 1 to 1"):
        restoring.restore(operator, video=job, user="", days=2, dry_run=True)
    with pytest.raises(Refused, match="a video or a user"):
        restoring.restore(operator, video="", user="", days=1, dry_run=True)


@pytest.mark.plan("X1")
def test_who_threw_it_when_and_why_is_kept_shown_and_logged(stack: Deployed, operator: Person, reader: Person) -> None:
    arn = f"arn:aws:sts::000000000000:assumed-role/{PREFIX}-operator/root"
    done = throw(operator, "pause-clean-ups")
    assert (done["called_by"], done["by"], done["because"]) == (arn, arn, BECAUSE)
    again = throw(operator, "pause-clean-ups")
    assert (again["changed"], again["since"]) == (False, done["since"])
    answer = json.loads(questions.as_json(questions.ask(reader, "switches", {})))
    shown = {row["name"]: row for row in answer["rows"]}
    assert (shown["pause_clean_ups"]["thrown_by"], shown["pause_clean_ups"]["because"]) == (arn, BECAUSE)
    assert shown["stop_submits"]["thrown_at"] is None
    assert back(operator, "pause-clean-ups")["by"] is None
    thrown = '"message":"switch"'
    logged = eventually(lambda: [line for line in stack.logs_of("throw_switch").splitlines() if thrown in line])
    assert arn in logged[-1]


@pytest.mark.plan("X1")
def test_whoever_may_look_may_not_throw_and_nobody_else_may(stack: Deployed, operator: Person, reader: Person) -> None:
    with pytest.raises(Refused, match="may not call"):
        throw(reader, "stop-submits")
    for function in ("database-admin", "ask-database", "me"):
        with pytest.raises(Refused, match="may not call"):
            operator.call(function, {})
    for keys in (stack.cloud.auditor_credentials, stack.cloud.deployer_credentials):

        def clients_of(service: str, *, of: Keys = keys, **_: str) -> Any:
            return of.client(service, stack.aws_url)

        with pytest.raises(Refused, match="may not act as"):
            throw(Person("local", "operator", clients_of), "stop-submits")
    with pytest.raises(Refused, match="Say why"):
        switches.throw(operator, "stop-submits", because=" ", back=False, user="", dry_run=False)
    assert order(stack.phone()).status_code == 202
