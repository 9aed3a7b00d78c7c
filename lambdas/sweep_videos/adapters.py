"""The sweeper, with Postgres, S3, SQS and the generator behind it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from uuid import UUID

from lambdas.runtime import clients
from lambdas.runtime.database import Database, DatabaseSettings
from lambdas.runtime.environment import read_settings
from lambdas.runtime.generations import Change, PostgresGenerations, settle
from lambdas.runtime.generator import Fal, Generation
from lambdas.runtime.migration_lease import LEASE_EXTRA_SECONDS
from lambdas.runtime.migration_queue import MigrationQueue
from lambdas.runtime.secrets import Secret
from lambdas.runtime.switches import Switch, Watched
from lambdas.runtime.video_models import MODELS
from lambdas.sweep_videos.jobs import PostgresJobs
from lambdas.sweep_videos.logic import OpenJob, Sweeper
from lambdas.sweep_videos.objects import S3Objects


@dataclass(frozen=True)
class Settings:
    fal_queue_url: str
    fal_secret: str
    fal_result_days: int
    videos_bucket: str
    video_migration_queue_url: str
    video_migration_total_seconds: int


@dataclass(frozen=True)
class Adapters:
    """What one sweep is made of; its log lines and messages carry the sweep's own request id."""

    settings: Settings
    database: Database
    fal: Fal
    queue: MigrationQueue

    @classmethod
    def build(cls) -> Adapters:
        settings = read_settings(Settings)
        return cls(
            settings,
            Database(read_settings(DatabaseSettings)),
            Fal(queue_url=settings.fal_queue_url, key=Secret(settings.fal_secret)),
            MigrationQueue(clients.sqs(), settings.video_migration_queue_url),
        )

    def sweeper(self, request_id: str) -> Sweeper:
        generations = PostgresGenerations(self.database, result_days=self.settings.fal_result_days)

        def settled(job_id: UUID, generation: Generation) -> Change:
            return settle(job_id, generation, jobs=generations, queue=self.queue, request_id=request_id)

        return Sweeper(
            jobs=PostgresJobs(self.database),
            objects=S3Objects(clients.s3(), self.settings.videos_bucket),
            look=self._look,
            settle=settled,
            send=partial(self.queue.send_all, request_id=request_id),
            result_age=timedelta(days=self.settings.fal_result_days),
            lease=timedelta(seconds=self.settings.video_migration_total_seconds + LEASE_EXTRA_SECONDS),
            migration_paused=Watched.build(self.database, Switch.PAUSE_VIDEO_MIGRATION).thrown,
        )

    def _look(self, job: OpenJob) -> Generation:
        return self.fal.look(MODELS[job.model].application, job.generator_request_id)
