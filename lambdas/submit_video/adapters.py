"""Postgres, the user's storage and the generator, as this function uses them."""

from __future__ import annotations

from dataclasses import dataclass

from lambdas.runtime.database import Database, DatabaseSettings
from lambdas.runtime.environment import read_settings
from lambdas.runtime.generator import Fal, FalStorage
from lambdas.runtime.secrets import Secret
from lambdas.runtime.switches import Switch, standing
from lambdas.runtime.user_storage import UserStorage
from lambdas.submit_video.jobs import PostgresJobs
from lambdas.submit_video.logic import Submissions

_SECONDS_A_DAY = 86_400


@dataclass(frozen=True)
class Settings:
    fal_queue_url: str
    fal_storage_url: str
    fal_secret: str
    fal_result_days: int
    webhook_url: str
    images_bucket: str
    image_max_bytes: int
    user_storage_role_arn: str


def build() -> Submissions:
    """The logic with its adapters, from the environment."""
    settings = read_settings(Settings)
    key = Secret(settings.fal_secret)
    return Submissions(
        jobs=PostgresJobs(Database(read_settings(DatabaseSettings)), stopped=Switch.STOP_SUBMITS in standing()),
        images=UserStorage(role_arn=settings.user_storage_role_arn, bucket=settings.images_bucket),
        uploads=FalStorage(storage_url=settings.fal_storage_url, key=key),
        generator=Fal(queue_url=settings.fal_queue_url, key=key),
        webhook_url=settings.webhook_url,
        result_seconds=settings.fal_result_days * _SECONDS_A_DAY,
        image_max_bytes=settings.image_max_bytes,
    )
