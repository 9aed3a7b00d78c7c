"""The inspector, with S3 and Postgres behind it."""

from __future__ import annotations

from dataclasses import dataclass

from lambdas.inspect_image.images import PostgresImages
from lambdas.inspect_image.logic import Inspector
from lambdas.inspect_image.uploads import S3Uploads
from lambdas.runtime import clients
from lambdas.runtime.database import Database, DatabaseSettings
from lambdas.runtime.environment import read_settings


@dataclass(frozen=True)
class Settings:
    images_bucket: str
    image_max_bytes: int
    image_upload_seconds: int


@dataclass(frozen=True)
class Adapters:
    inspector: Inspector
    upload_seconds: int

    @classmethod
    def build(cls) -> Adapters:
        settings = read_settings(Settings)
        return cls(
            inspector=Inspector(
                images=PostgresImages(Database(read_settings(DatabaseSettings))),
                uploads=S3Uploads(clients.s3(), settings.images_bucket),
                maximum_bytes=settings.image_max_bytes,
            ),
            upload_seconds=settings.image_upload_seconds,
        )
