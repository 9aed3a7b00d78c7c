"""Messages of the video-migration queue, and one message's body alone from a status call that waits (inline mode).

A message that failed is named in the answer, so that SQS gives it again, and at last to the dead letters. A video that
could not be copied is no failed message: its row says when the next attempt is due.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from lambdas.migrate_video.adapters import build_migrator
from lambdas.migrate_video.logic import Attempt, Migration, Outcome
from lambdas.runtime.migration_queue import MigrationMessage
from lambdas.runtime.observability import (
    about_job,
    begin_invocation,
    count,
    count_by,
    end_invocation,
    log,
    seconds,
    size,
)

_migrator = cache(build_migrator)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    lambda_request_id = str(getattr(context, "aws_request_id", ""))
    try:
        if "Records" not in event:
            return {"outcome": _migrate(MigrationMessage.parse(event), lambda_request_id)}
        failed = [record["messageId"] for record in event["Records"] if not _done(record, lambda_request_id)]
        return {"batchItemFailures": [{"itemIdentifier": message} for message in failed]}
    finally:
        end_invocation()


def _done(record: dict[str, Any], lambda_request_id: str) -> bool:
    """Whether the message can be forgotten."""
    try:
        _migrate(MigrationMessage.parse(record["body"]), lambda_request_id)
    except Exception:  # the database's, or a message that is none of ours; the others of the batch go on
        log().exception("message not handled", message_id=record["messageId"])
        count("VideoMigrationMessagesFailed")
        return False
    return True


def _migrate(message: MigrationMessage, lambda_request_id: str) -> Outcome:
    begin_invocation(request_id=message.request_id or lambda_request_id, lambda_request_id=lambda_request_id)
    about_job(message.job_id, message.order_request_id)
    migration = _migrator().migrate(message.job_id, message.request_id, began=_began)
    log().info("video migration", outcome=migration.outcome, cause=migration.cause or "")
    _measure(migration)
    return migration.outcome


def _began(attempt: Attempt) -> None:
    about_job(attempt.key.job_id, attempt.order_request_id)
    log().append_keys(auth_user_id=str(attempt.key.auth_user_id), attempt=attempt.number)


def _measure(migration: Migration) -> None:
    match migration.outcome:
        case Outcome.MIGRATED:
            count("VideoMigrations")
        case Outcome.RETRY:
            count_by("VideoMigrationRetries", cause=migration.cause or "unknown")
        case Outcome.FAILED:
            count_by("VideoMigrationsFailed", cause=migration.cause or "unknown")
    if migration.copied is not None:
        seconds("VideoDownloadSeconds", migration.copied.seconds_download)
        seconds("VideoUploadSeconds", migration.copied.seconds_upload)
        size("VideoBytes", migration.copied.bytes)
