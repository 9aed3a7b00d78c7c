"""Video migration within the request that saw the video finished (plan M6, the hybrid; mode `inline`)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.runtime.fal_calls import within
from lambdas.runtime.migration_queue import MigrationMessage
from lambdas.runtime.observability import count, log


class InvokedMigration:
    """Asks the worker and waits for it, at most `seconds`; `client` is boto3's Lambda (clients.waiting_lambda).

    The message on the queue was sent too: whoever comes second finds the attempt begun, and does nothing.
    """

    def __init__(self, client: Any, function: str, *, seconds: float) -> None:
        self._client, self._function, self._seconds = client, function, seconds

    def migrate_now(self, job_id: UUID, request_id: str, *, order_request_id: str) -> None:
        """However it ends, the row says how: a worker that takes longer goes on by itself."""
        payload = str(MigrationMessage(job_id, request_id, order_request_id))

        def invoke() -> None:
            self._client.invoke(FunctionName=self._function, InvocationType="RequestResponse", Payload=payload)

        try:
            within(self._seconds, invoke)
        except (BotoCoreError, ClientError, TimeoutError) as error:
            log().info("inline migration not waited for", error=type(error).__name__)
            count("InlineMigrationsNotAwaited")
