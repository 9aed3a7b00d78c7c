"""The migrator, with the generator's CDN, S3, SQS and Postgres behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lambdas.migrate_video.deadlines import Limits
from lambdas.migrate_video.errors import Cause, CopyFailedForNow, Phase
from lambdas.migrate_video.jobs import PostgresJobs
from lambdas.migrate_video.logic import Migrator
from lambdas.migrate_video.origins import Origins
from lambdas.migrate_video.upload import ObjectKey
from lambdas.migrate_video.video_copy import AlreadyThere, Stored, copy_video, existing
from lambdas.runtime import clients
from lambdas.runtime.database import Database, DatabaseSettings
from lambdas.runtime.environment import read_settings
from lambdas.runtime.migration_queue import MigrationQueue
from lambdas.runtime.switches import Switch, Watched
from lambdas.runtime.video_keys import VideoKey


@dataclass(frozen=True)
class Settings:
    videos_bucket: str
    video_max_bytes: int
    video_origins: list[str]
    video_migration_queue_url: str
    video_migration_download_seconds: int
    video_migration_upload_seconds: int
    video_migration_total_seconds: int
    video_migration_retry_seconds: int


@dataclass(frozen=True)
class CdnToS3:
    """Copies from an allowed origin into the videos bucket; `client` is boto3's S3 for streams."""

    client: Any
    bucket: str
    origins: Origins
    limits: Limits

    def copy(self, video_url: str, key: VideoKey) -> Stored:
        """Copy the video to its key. An object that is there is its copy already: an earlier attempt died after it.

        Raises:
            CopyFailed: it could not be copied.
        """
        to = ObjectKey(self.bucket, str(key))
        copied = copy_video(video_url, to=to, origins=self.origins, client=self.client, limits=self.limits)
        if not isinstance(copied, AlreadyThere):
            return copied
        found = existing(to, client=self.client, limits=self.limits)
        if found is None:
            raise CopyFailedForNow(Phase.UPLOAD, Cause.STORAGE, "the object that was in the way has gone")
        return found


def build_migrator() -> Migrator:
    """The function's migrator, from its environment."""
    settings = read_settings(Settings)
    limits = Limits(
        download_seconds=settings.video_migration_download_seconds,
        upload_seconds=settings.video_migration_upload_seconds,
        total_seconds=settings.video_migration_total_seconds,
        maximum_bytes=settings.video_max_bytes,
    )
    database = Database(read_settings(DatabaseSettings))
    return Migrator(
        jobs=PostgresJobs(database, settings.videos_bucket),
        storage=CdnToS3(clients.s3_streams(), settings.videos_bucket, Origins.of(settings.video_origins), limits),
        queue=MigrationQueue(clients.sqs(), settings.video_migration_queue_url),
        total_seconds=settings.video_migration_total_seconds,
        retry_seconds=settings.video_migration_retry_seconds,
        paused=Watched.build(database, Switch.PAUSE_VIDEO_MIGRATION).thrown,
    )
