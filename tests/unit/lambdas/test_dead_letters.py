"""Dead letters are looked for on all of SQS's servers, and those that a failed step hides are counted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.stub import Stubber

from lambdas.redrive_dead_letters.adapters import HIDDEN_SECONDS, SqsLetters
from lambdas.redrive_dead_letters.logic import Letter

LETTERS, QUEUE = "https://queue.test/dead", "https://queue.test/back"


@pytest.fixture
def letters(monkeypatch: pytest.MonkeyPatch) -> SqsLetters:
    monkeypatch.setenv("DEAD_LETTERS_URL", LETTERS)
    monkeypatch.setenv("VIDEO_MIGRATION_QUEUE_URL", QUEUE)
    return SqsLetters.build()


@pytest.fixture
def sqs(letters: SqsLetters) -> Iterator[Any]:
    with Stubber(letters.client) as stub:
        yield stub
        stub.assert_no_pending_responses()


def test_a_look_waits_for_every_server_and_its_client_for_the_look(letters: SqsLetters, sqs: Any) -> None:
    """With no wait SQS asks some of its servers and may find nothing (Developer Guide, "short and long polling")."""
    asked = {"QueueUrl": LETTERS, "MaxNumberOfMessages": 7, "VisibilityTimeout": HIDDEN_SECONDS, "WaitTimeSeconds": 2}
    sqs.add_response("receive_message", {"Messages": [{"Body": "{}", "ReceiptHandle": "h"}]}, asked)
    assert letters.take(7) == [Letter("{}", "h")]
    assert letters.client.meta.config.read_timeout >= 4


def test_letters_that_a_failed_step_hides_are_left_too(letters: SqsLetters, sqs: Any) -> None:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    sqs.add_response(
        "get_queue_attributes",
        {"Attributes": dict(zip(names, ("2", "3"), strict=True))},
        {"QueueUrl": LETTERS, "AttributeNames": names},
    )
    assert letters.waiting() == 5
