"""Postgres, the generator, the queue and the user's storage, as this function uses them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from lambdas.runtime import clients
from lambdas.runtime.database import Database, DatabaseSettings
from lambdas.runtime.environment import read_settings
from lambdas.runtime.generations import PostgresGenerations
from lambdas.runtime.generator import Fal
from lambdas.runtime.migration_queue import MigrationQueue
from lambdas.runtime.secrets import Secret
from lambdas.runtime.user_storage import UserStorage
from lambdas.view_video.inline import InvokedMigration
from lambdas.view_video.jobs import PostgresVideos
from lambdas.view_video.logic import Videos


@dataclass(frozen=True)
class Settings:
    fal_queue_url: str
    fal_secret: str
    fal_result_days: int
    videos_bucket: str
    user_storage_role_arn: str
    video_url_seconds: int
    video_migration_queue_url: str
    video_migration_mode: str
    video_migration_inline_seconds: int
    video_migration_function: str


def build() -> Videos:
    """The logic with its adapters, from the environment."""
    settings = read_settings(Settings)
    database = Database(read_settings(DatabaseSettings))
    seconds = settings.video_migration_inline_seconds
    worker = InvokedMigration(
        clients.waiting_lambda(seconds), settings.video_migration_function, seconds=float(seconds)
    )
    return Videos(
        jobs=PostgresVideos(database),
        open_jobs=PostgresGenerations(database, result_days=settings.fal_result_days),
        generator=Fal(queue_url=settings.fal_queue_url, key=Secret(settings.fal_secret)),
        queue=MigrationQueue(clients.sqs(), settings.video_migration_queue_url),
        storage=UserStorage(role_arn=settings.user_storage_role_arn, bucket=settings.videos_bucket),
        url_seconds=settings.video_url_seconds,
        inline=worker if settings.video_migration_mode == "inline" else None,
        now=lambda: datetime.now(UTC),
    )
