"""The laptop's secrets get their values once; with the pager's come alarms that people read, and those of before go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local import secrets
from local.state import State
from tests.local.ministack.emulator import Emulator

PAGER = "http://127.0.0.1:1/alarms"
QUEUE = "rendio-local-page-dlq"


@pytest.fixture
def pager_secret(emulator: Emulator) -> Iterator[str]:
    """The secret as a new stack makes it: empty."""
    client, name = emulator.root_client("secretsmanager"), "rendio/local/pager"
    client.create_secret(Name=name)
    yield name
    client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


@pytest.fixture
def undelivered(emulator: Emulator) -> Iterator[str]:
    """The queue of calls that reached nobody."""
    client = emulator.root_client("sqs")
    url = client.create_queue(QueueName=QUEUE)["QueueUrl"]
    yield url
    client.delete_queue(QueueUrl=url)


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path)


def waiting(emulator: Emulator, url: str) -> int:
    asked: Any = emulator.root_client("sqs").get_queue_attributes(
        QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"]
    )
    return int(asked["Attributes"]["ApproximateNumberOfMessages"])


def test_only_calls_of_before_the_pagers_address_are_forgotten(
    emulator: Emulator, pager_secret: str, undelivered: str, state: State
) -> None:
    queues = emulator.root_client("sqs")
    queues.send_message(QueueUrl=undelivered, MessageBody="raised while the stack was made")

    assert secrets.put(state, emulator.url, pager_url=PAGER) == ["pager"]
    held = emulator.root_client("secretsmanager").get_secret_value(SecretId=pager_secret)["SecretString"]
    assert PAGER in held
    assert waiting(emulator, undelivered) == 0

    queues.send_message(QueueUrl=undelivered, MessageBody="a call that failed later")
    assert secrets.put(state, emulator.url, pager_url=PAGER) == []
    assert waiting(emulator, undelivered) == 1


@pytest.mark.usefixtures("pager_secret")
def test_a_stack_without_that_queue_gets_its_secrets_too(emulator: Emulator, state: State) -> None:
    assert secrets.put(state, emulator.url, pager_url=PAGER) == ["pager"]
