"""Asking for a video migration: what is said, to whom, and that nobody fails because it could not be said."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from lambdas.runtime.migration_queue import MigrationMessage, MigrationQueue
from lambdas.runtime.video_keys import VideoKey

JOB = uuid.uuid4()


class Sqs:
    def __init__(self, failure: Exception | None = None) -> None:
        self.sent: list[dict[str, Any]] = []
        self._failure = failure

    def send_message(self, **asked: Any) -> None:
        if self._failure is not None:
            raise self._failure
        self.sent.append(asked)


@pytest.mark.parametrize(("asked", "delay"), [(0, 0), (60, 60), (2000, 900), (-1, 0)])
def test_a_message_names_the_job_and_the_request_that_caused_it(asked: int, delay: int) -> None:
    sqs = Sqs()
    assert MigrationQueue(sqs, "https://queue.test/q").send(
        JOB, "request-1", order_request_id="order-1", delay_seconds=asked
    )
    assert [{**sent, "MessageBody": json.loads(sent["MessageBody"])} for sent in sqs.sent] == [
        {
            "QueueUrl": "https://queue.test/q",
            "MessageBody": {"job_id": str(JOB), "request_id": "request-1", "order_request_id": "order-1"},
            "DelaySeconds": delay,
        }
    ]


@pytest.mark.parametrize(
    "failure",
    [
        ConnectTimeoutError(endpoint_url="https://queue.test"),
        ClientError({"Error": {"Code": "QueueDoesNotExist"}}, "SendMessage"),
    ],
)
def test_a_queue_out_of_reach_is_counted_and_fails_nobody(
    failure: Exception, written: Callable[[], list[dict[str, Any]]]
) -> None:
    assert not MigrationQueue(Sqs(failure), "https://queue.test/q").send(JOB, "request-1", order_request_id="order-1")
    lines = written()
    assert any((line.get("job_id"), line.get("order_request_id")) == (str(JOB), "order-1") for line in lines)
    assert any(line.get("VideoMigrationsNotQueued") == [1.0] for line in lines)


def test_a_message_is_read_as_it_was_written() -> None:
    for message in (MigrationMessage(JOB, "request-1", "order-1"), MigrationMessage(JOB, "request-1")):
        assert MigrationMessage.parse(str(message)) == message
    assert MigrationMessage.parse({"job_id": str(JOB)}) == MigrationMessage(JOB, "")


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"job_id": 7}', '{"job_id": "x"}', json.dumps({"job_id": JOB.hex})])
def test_what_is_no_message_is_refused(body: str) -> None:
    with pytest.raises(ValueError):
        MigrationMessage.parse(body)


@pytest.mark.plan("M8")
def test_a_videos_key_is_built_of_its_owner_and_its_job_and_read_back() -> None:
    key = VideoKey(uuid.uuid4(), JOB)
    assert str(key) == f"videos/{key.auth_user_id}/{JOB}.mp4"
    assert key.thumbnail == f"thumbnails/{key.auth_user_id}/{JOB}.jpg"
    assert VideoKey.of(str(key)) == key


@pytest.mark.parametrize(
    "text",
    ["", "videos/", "videos/a/b.mp4", f"videos/{JOB}/{JOB}", f"videos/{JOB}/{JOB}.mp4/x", f"images/{JOB}/{JOB}.mp4",
     f"videos/{JOB}/../{JOB}.mp4", f"videos/{str(JOB).upper()}/{JOB}.mp4", f"videos/{JOB}/{JOB}.mp4\n"],
)  # fmt: skip
def test_another_key_is_none_of_ours(text: str) -> None:
    assert VideoKey.of(text) is None
