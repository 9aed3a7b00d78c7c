"""From what the generator says to the job's row, exactly once (docs/adr/0061-submit-settle-refund.md).

Completion and failure each change a job that is still open, in one transaction with their credits: of many callers at
once (the webhook, the user's own question, the sweep) one finds it open. What follows from it, the message to video
migration and the metrics, is that one caller's alone, after the commit.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from lambdas.runtime.claims import Claims
from lambdas.runtime.database import Cursor, Database
from lambdas.runtime.generator import Generation, Stage
from lambdas.runtime.observability import count, count_by, count_for_stack, job_fields, log, seconds

# What no user caused or can mend: the order did not arrive, the generator broke down over it, or its result was lost.
# The others are its word on the order: `content_refused`, `input_refused`, `generation_refused`.
OUR_FAILURES = frozenset(
    {"generation_failed", "generation_lost", "generation_timed_out"}
    | {"generator_unavailable", "no_video", "submission_lost"}
)

# 'submitting' is open too: the generator may report on a job before we have noted that it took it.
_OPEN = "status in ('submitting', 'queued', 'processing')"

_ENDED = (
    "user_id, credits, extract(epoch from now() - created_at)::float8 as took,"
    " coalesce(order_request_id, '') as order_request_id"
)

_COMPLETE = f"""
update public.video_jobs set status = 'completed', finished_at = now(), video_url = %(url)s,
  video_url_expires_at = created_at + make_interval(days => %(days)s),
  migration_status = 'pending', migration_due_at = now(), updated_at = now()
where id = %(job)s and {_OPEN}
returning {_ENDED}"""  # noqa: S608  # a constant

_FAIL = f"""
update public.video_jobs set status = 'failed', finished_at = now(), error_code = %(code)s, updated_at = now()
where id = %(job)s and {_OPEN}
returning {_ENDED}"""  # noqa: S608  # a constant


class Change(StrEnum):
    """What a report changed."""

    NOTHING = "nothing"
    PROGRESS = "progress"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True)
class Recorded:
    """What was recorded; `credits` were given back if it failed, `took` is in seconds from submission to its end.

    `order_request_id` is the request that ordered the job, of one that ended.
    """

    change: Change
    credits: int = 0
    took: float = 0.0
    order_request_id: str = ""


class Jobs(Protocol):
    def record(self, job_id: UUID, generation: Generation, claims: Claims | None) -> Recorded: ...


class MigrationQueue(Protocol):
    def send(self, job_id: UUID, request_id: str, *, order_request_id: str) -> bool: ...


def settle(
    job_id: UUID,
    generation: Generation,
    *,
    jobs: Jobs,
    queue: MigrationQueue,
    request_id: str,
    claims: Claims | None = None,
) -> Change:
    """Record how a job's generation is, and see to what follows from it, if this call is the one that changed it.

    Raises:
        DatabaseUnavailable: nothing was recorded.
    """
    recorded = jobs.record(job_id, generation, claims)
    named = job_fields(job_id, recorded.order_request_id)
    match recorded.change:
        case Change.COMPLETED:
            log().info("generation completed", **named)
            count("GenerationsCompleted")
            seconds("GenerationSeconds", recorded.took)
            queue.send(job_id, request_id, order_request_id=recorded.order_request_id)
        case Change.FAILED:
            log().info("generation failed", **named, code=generation.error_code)
            count_failed(str(generation.error_code))
            count("CreditsRefunded", recorded.credits)
    return recorded.change


def count_failed(code: str) -> None:
    """Count a failed generation; one that is our fault, or that no user can mend, a second time."""
    count_by("GenerationsFailed", code=code)
    if code in OUR_FAILURES:
        count_for_stack("GenerationsFailedByUs")


class PostgresGenerations:
    """The jobs' rows: under a user's claims where a login serves one user, else under the login's own rights.

    `result_days` is the lifetime asked of the generator; it counts from the submission here, since a result is never
    older than that.
    """

    def __init__(self, database: Database, *, result_days: int) -> None:
        self._database, self._result_days = database, result_days

    def record(self, job_id: UUID, generation: Generation, claims: Claims | None) -> Recorded:
        with self._database.transaction(claims) as cursor:
            match generation.stage:
                case Stage.COMPLETED:
                    return self._complete(cursor, job_id, str(generation.video_url))
                case Stage.FAILED:
                    return fail(cursor, job_id, str(generation.error_code))
                case Stage.PROCESSING:
                    cursor.execute(
                        "update public.video_jobs set status = 'processing', updated_at = now()"
                        " where id = %s and status in ('submitting', 'queued')",
                        (job_id,),
                    )
                    return Recorded(Change.PROGRESS if cursor.rowcount else Change.NOTHING)
                case _:
                    return Recorded(Change.NOTHING)

    def _complete(self, cursor: Cursor, job_id: UUID, url: str) -> Recorded:
        row = cursor.execute(_COMPLETE, {"job": job_id, "url": url, "days": self._result_days}).fetchone()
        if row is None:
            return Recorded(Change.NOTHING)
        return Recorded(Change.COMPLETED, took=row["took"], order_request_id=row["order_request_id"])


def fail(cursor: Cursor, job_id: UUID, error_code: str) -> Recorded:
    """End an open job as failed and give its credits back, in the caller's transaction."""
    row = cursor.execute(_FAIL, {"job": job_id, "code": error_code}).fetchone()
    if row is None:
        return Recorded(Change.NOTHING)
    refund(cursor, row["user_id"], job_id, row["credits"])
    return Recorded(Change.FAILED, row["credits"], row["took"], row["order_request_id"])


def refund(cursor: Cursor, user_id: UUID, job_id: UUID, credits_spent: int) -> None:
    """Give a job's credits back. The ledger's unique index lets that happen once for a job."""
    cursor.execute(
        "update public.users set credits_remaining = credits_remaining + %s, updated_at = now() where id = %s",
        (credits_spent, user_id),
    )
    cursor.execute(
        "insert into public.credit_ledger (user_id, amount, reason, job_id) values (%s, %s, 'refund', %s)",
        (user_id, credits_spent, job_id),
    )
