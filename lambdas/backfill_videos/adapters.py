"""The only place of the back-fill that knows Postgres and SQS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from lambdas.backfill_videos.logic import Answer, Request
from lambdas.runtime import clients
from lambdas.runtime.database import Database, DatabaseSettings
from lambdas.runtime.environment import read_settings
from lambdas.runtime.migration_queue import MigrationQueue

# A dry run and a run choose by the same words.
_WAITING = """
where deleted_at is null and (migration_status = 'none'
  or (%(failed)s and migration_status = 'failed' and updated_at < coalesce(%(failed_before)s, now())))
"""
_JOBS = "id, coalesce(order_request_id, '') as order_request_id"
_IDS = f"select {_JOBS} from public.video_jobs"  # noqa: S608  # a constant
_OLDEST = " order by created_at, id limit %(limit)s"
_CHOSEN = _IDS + _WAITING + _OLDEST
# Materialized, or the planner may choose anew for every row, and the limit would be none.
_QUEUED = f"""
update public.video_jobs set migration_status = 'pending', migration_attempts = 0, migration_due_at = now(),
  migration_error = null, updated_at = now()
where id in (select id from chosen) returning {_JOBS}
"""  # noqa: S608  # a constant
_CHOSEN_AND_QUEUED = "with chosen as materialized (" + _CHOSEN + " for update skip locked)" + _QUEUED
_SUMMARY = "select count(*) as number, min(created_at) as oldest, now() as as_of from public.video_jobs"
_REMAINING = _SUMMARY + _WAITING


@dataclass(frozen=True)
class Settings:
    video_migration_queue_url: str


@dataclass(frozen=True)
class PostgresJobs:
    database: Database

    def choose(self, request: Request) -> tuple[Mapping[UUID, str], Answer]:
        """The oldest that wait, with the requests that ordered them; made pending unless it is a dry run."""
        given = {"failed": request.failed, "failed_before": request.failed_before, "limit": request.limit}
        with self.database.transaction() as cursor:
            chosen = cursor.execute(_CHOSEN if request.dry_run else _CHOSEN_AND_QUEUED, given).fetchall()
            rest = cursor.execute(_REMAINING, given).fetchone()
        assert rest is not None
        remaining = rest["number"] - (len(chosen) if request.dry_run else 0)
        jobs = {row["id"]: row["order_request_id"] for row in chosen}
        return jobs, Answer(len(chosen), remaining, rest["oldest"], rest["as_of"])


@dataclass(frozen=True)
class Adapters:
    jobs: PostgresJobs
    queue: MigrationQueue

    @classmethod
    def build(cls) -> Adapters:
        settings = read_settings(Settings)
        return cls(
            jobs=PostgresJobs(Database(read_settings(DatabaseSettings))),
            queue=MigrationQueue(clients.sqs(), settings.video_migration_queue_url),
        )
