"""The two queues, on SQS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lambdas.redrive_dead_letters.logic import Letter
from lambdas.runtime import clients
from lambdas.runtime.environment import read_settings

HIDDEN_SECONDS = 60
# A look that does not wait asks some of SQS's servers, and may find nothing although letters lie there (SQS Developer
# Guide, "Amazon SQS short and long polling").
WAIT_SECONDS = 2
# What a step took that failed before it moved it is hidden for a while, and no less left.
_COUNTS = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]


@dataclass(frozen=True)
class Settings:
    dead_letters_url: str
    video_migration_queue_url: str


@dataclass(frozen=True)
class SqsLetters:
    client: Any
    settings: Settings

    @classmethod
    def build(cls) -> SqsLetters:
        return cls(clients.waiting_sqs(WAIT_SECONDS), read_settings(Settings))

    def waiting(self) -> int:
        """About how many lie there."""
        found = self.client.get_queue_attributes(QueueUrl=self.settings.dead_letters_url, AttributeNames=_COUNTS)
        return sum(int(found["Attributes"][name]) for name in _COUNTS)

    def take(self, limit: int) -> Sequence[Letter]:
        answer = self.client.receive_message(
            QueueUrl=self.settings.dead_letters_url,
            MaxNumberOfMessages=limit,
            VisibilityTimeout=HIDDEN_SECONDS,
            WaitTimeSeconds=WAIT_SECONDS,
        )
        return [Letter(message["Body"], message["ReceiptHandle"]) for message in answer.get("Messages", ())]

    def send_back(self, letter: Letter) -> None:
        self.client.send_message(QueueUrl=self.settings.video_migration_queue_url, MessageBody=letter.body)

    def delete(self, letter: Letter) -> None:
        self.client.delete_message(QueueUrl=self.settings.dead_letters_url, ReceiptHandle=letter.handle)
