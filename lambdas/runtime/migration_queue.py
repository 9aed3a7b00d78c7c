"""The video-migration queue: which finished video shall go into own storage next.

A message only says "now": the row decides what is done. So a message that comes twice, late or never does no harm:
the sweep finds rows that are pending with nothing in flight.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.runtime.claims import canonical_uuid
from lambdas.runtime.observability import count, job_fields, log

MAXIMUM_DELAY_SECONDS = 900  # SQS holds no message back for longer


@dataclass(frozen=True)
class MigrationMessage:
    """A job to look at, the request that caused it, whose id joins the logs of both, and the one that ordered it."""

    job_id: UUID
    request_id: str
    order_request_id: str = ""

    def __str__(self) -> str:
        return json.dumps({**job_fields(self.job_id, self.order_request_id), "request_id": self.request_id})

    @classmethod
    def parse(cls, body: Any) -> MigrationMessage:
        """Read a message's body, as text or already decoded.

        Raises:
            ValueError: it is none of ours.
        """
        content = json.loads(body) if isinstance(body, str) else body
        if not isinstance(content, dict) or not isinstance(content.get("job_id"), str):
            raise ValueError("no message that names a job")
        return cls(
            canonical_uuid(content["job_id"]),
            str(content.get("request_id", "")),
            str(content.get("order_request_id", "")),
        )


class MigrationQueue:
    """The queue; `client` is boto3's SQS (lambdas.runtime.clients.sqs)."""

    def __init__(self, client: Any, url: str) -> None:
        self._client, self._url = client, url

    def send(self, job_id: UUID, request_id: str, *, order_request_id: str, delay_seconds: int = 0) -> bool:
        """Ask for the migration of a pending job, once its row is committed.

        False when the queue cannot be reached. That is nobody's error: the sweep will find the row.
        """
        message = MigrationMessage(job_id, request_id, order_request_id)
        delay = max(0, min(delay_seconds, MAXIMUM_DELAY_SECONDS))
        try:
            self._client.send_message(QueueUrl=self._url, MessageBody=str(message), DelaySeconds=delay)
        except (BotoCoreError, ClientError) as error:
            named = job_fields(job_id, order_request_id)
            log().warning("video migration not queued", **named, error=type(error).__name__)
            count("VideoMigrationsNotQueued")
            return False
        return True

    def send_all(self, jobs: Mapping[UUID, str], *, request_id: str) -> int:
        """As `send`, for many jobs with the requests that ordered them; gives how many went out.

        The first that fails is the last: the queue is out of reach.
        """
        for sent, (job_id, order_request_id) in enumerate(jobs.items()):
            if not self.send(job_id, request_id, order_request_id=order_request_id):
                return sent
        return len(jobs)
