"""Postgres, the generator, its keys and the queue, as this function uses them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from uuid import UUID

from psycopg.errors import UniqueViolation

from lambdas.fal_webhook.keys import PublishedKeys, read_keys
from lambdas.fal_webhook.logic import ReportedJob, Webhooks
from lambdas.fal_webhook.signatures import Signatures
from lambdas.runtime import clients
from lambdas.runtime.database import Database, DatabaseSettings, Row
from lambdas.runtime.environment import read_settings
from lambdas.runtime.generations import PostgresGenerations
from lambdas.runtime.generator import Fal
from lambdas.runtime.migration_queue import MigrationQueue
from lambdas.runtime.secrets import Secret

_OPEN = frozenset({"submitting", "queued", "processing"})
_COLUMNS = "id, model, status, coalesce(order_request_id, '') as order_request_id"
_FIND = f"select {_COLUMNS} from public.video_jobs where generator_request_id = %s"  # noqa: S608  # a constant
_ADOPT = f"""
update public.video_jobs set status = 'queued', generator_request_id = %s, updated_at = now()
where id = %s and status = 'submitting' and generator_request_id is null
returning {_COLUMNS}"""  # noqa: S608  # a constant


@dataclass(frozen=True)
class Settings:
    fal_queue_url: str
    fal_jwks_url: str
    fal_webhook_user_id: str
    fal_secret: str
    fal_result_days: int
    video_migration_queue_url: str


class PostgresJobs:
    """Jobs of every user: the generator names its request, and no user."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, request_id: str) -> ReportedJob | None:
        with self._database.transaction() as cursor:
            row = cursor.execute(_FIND, (request_id,)).fetchone()
        return _job(row) if row else None

    def adopt(self, job_id: UUID, request_id: str) -> ReportedJob | None:
        """Give a job that is still being submitted its request id; None when there is no such job."""
        try:
            with self._database.transaction() as cursor:
                row = cursor.execute(_ADOPT, (request_id, job_id)).fetchone()
        except UniqueViolation:  # another job has got this request since it was looked for
            return None
        if row is None:  # or this very job has: its submission was noted meanwhile
            return self.find(request_id)
        return _job(row)


def _job(row: Row) -> ReportedJob:
    return ReportedJob(row["id"], row["model"], row["status"] in _OPEN, row["order_request_id"])


def build() -> Webhooks:
    """The logic with its adapters, from the environment."""
    settings = read_settings(Settings)
    database = Database(read_settings(DatabaseSettings))
    return Webhooks(
        signatures=Signatures(settings.fal_webhook_user_id, PublishedKeys(partial(read_keys, settings.fal_jwks_url))),
        jobs=PostgresJobs(database),
        open_jobs=PostgresGenerations(database, result_days=settings.fal_result_days),
        generator=Fal(queue_url=settings.fal_queue_url, key=Secret(settings.fal_secret)),
        queue=MigrationQueue(clients.sqs(), settings.video_migration_queue_url),
    )
