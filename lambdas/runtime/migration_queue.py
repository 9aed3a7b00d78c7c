"""The video-migration queue: which finished video shall go into own storage next.

A message only says "now": the row decides what is done. So a message that comes twice, late or never does no harm:
the sweep finds rows that are pending with nothing in flight.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.runtime.claims import canonical_uuid
from lambdas.runtime.observability import count, log

MAXIMUM_DELAY_SECONDS = 900  # SQS holds no message back for longer


@dataclass(frozen=True)
class MigrationMessage:
    """A job to look at, and the request that caused it: its id joins the logs of both."""

    job_id: UUID
    request_id: str

    def __str__(self) -> str:
        return json.dumps({"job_id": str(self.job_id), "request_id": self.request_id})

    @classmethod
    def parse(cls, body: Any) -> MigrationMessage:
        """Read a message's body, as text or already decoded.

        Raises:
            ValueError: it is none of ours.
        """
        content = json.loads(body) if isinstance(body, str) else body
        if not isinstance(content, dict) or not isinstance(content.get("job_id"), str):
            raise ValueError("no message that names a job")
        return cls(canonical_uuid(content["job_id"]), str(content.get("request_id", "")))


class MigrationQueue:
    """The queue; `client` is boto3's SQS (lambdas.runtime.clients.sqs)."""

    def __init__(self, client: Any, url: str) -> None:
        self._client, self._url = client, url

    def send(self, job_id: UUID, request_id: str, *, delay_seconds: int = 0) -> bool:
        """Ask for the migration of a pending job, once its row is committed.

        False when the queue cannot be reached. That is nobody's error: the sweep will find the row.
        """
        message, delay = MigrationMessage(job_id, request_id), max(0, min(delay_seconds, MAXIMUM_DELAY_SECONDS))
        try:
            self._client.send_message(QueueUrl=self._url, MessageBody=str(message), DelaySeconds=delay)
        except (BotoCoreError, ClientError) as error:
            log().warning("video migration not queued", job_id=str(job_id), error=type(error).__name__)
            count("VideoMigrationsNotQueued")
            return False
        return True

    def send_all(self, job_ids: Sequence[UUID], *, request_id: str) -> int:
        """As `send`, for many; gives how many went out. The first that fails is the last: the queue is out of reach."""
        for sent, job_id in enumerate(job_ids):
            if not self.send(job_id, request_id):
                return sent
        return len(job_ids)
