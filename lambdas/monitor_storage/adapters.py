"""The monitor, with S3 and Postgres behind it."""

from __future__ import annotations

from dataclasses import dataclass

from lambdas.monitor_storage.buckets import S3Bucket
from lambdas.monitor_storage.counts import PostgresCounts
from lambdas.monitor_storage.rows import PostgresRows
from lambdas.runtime import clients
from lambdas.runtime.database import Database, DatabaseSettings
from lambdas.runtime.environment import read_settings


@dataclass(frozen=True)
class Settings:
    images_bucket: str
    videos_bucket: str
    storage_budget_bytes: int


@dataclass(frozen=True)
class Adapters:
    counts: PostgresCounts
    pairs: tuple[tuple[S3Bucket, PostgresRows], ...]
    budget: int

    @classmethod
    def build(cls) -> Adapters:
        settings, database = read_settings(Settings), Database(read_settings(DatabaseSettings))
        buckets = {"images": settings.images_bucket, "videos": settings.videos_bucket}
        return cls(
            counts=PostgresCounts(database),
            pairs=tuple(
                (S3Bucket(clients.s3(), name, bucket), PostgresRows(database, name)) for name, bucket in buckets.items()
            ),
            budget=settings.storage_budget_bytes,
        )
