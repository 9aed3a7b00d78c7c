"""The clean-up of videos, with S3 and Postgres behind it."""

from __future__ import annotations

from dataclasses import dataclass

from lambdas.clean_videos.logic import video_clean_up
from lambdas.clean_videos.videos import ExpiredVideo, PostgresVideos
from lambdas.runtime import clients
from lambdas.runtime.clean_up import CleanUp, CleanUpSettings
from lambdas.runtime.database import Database, DatabaseSettings
from lambdas.runtime.environment import read_settings
from lambdas.runtime.object_removal import ObjectRemoval
from lambdas.runtime.switches import Switch, Watched


@dataclass(frozen=True)
class Settings:
    videos_bucket: str
    video_days: int


@dataclass(frozen=True)
class Adapters:
    clean_up: CleanUp[ExpiredVideo]
    settings: CleanUpSettings
    pause: Watched

    @classmethod
    def build(cls) -> Adapters:
        settings, how = read_settings(Settings), read_settings(CleanUpSettings)
        database = Database(read_settings(DatabaseSettings))
        videos = PostgresVideos(database, how.age(settings.video_days))
        return cls(
            video_clean_up(videos, ObjectRemoval(clients.s3(), settings.videos_bucket)),
            how,
            Watched.build(database, Switch.PAUSE_CLEAN_UPS),
        )
