"""The thumbnailer, with S3, Postgres and the decoder behind it."""

from __future__ import annotations

from dataclasses import dataclass

from lambdas.make_thumbnail.decoder import picture
from lambdas.make_thumbnail.jobs import PostgresJobs
from lambdas.make_thumbnail.logic import Thumbnailer
from lambdas.make_thumbnail.videos import S3Videos
from lambdas.runtime import clients
from lambdas.runtime.database import Database, DatabaseSettings
from lambdas.runtime.environment import read_settings


@dataclass(frozen=True)
class Settings:
    videos_bucket: str


def build_thumbnailer() -> Thumbnailer:
    """The function's thumbnailer, from its environment."""
    return Thumbnailer(
        jobs=PostgresJobs(Database(read_settings(DatabaseSettings))),
        videos=S3Videos(clients.s3(), read_settings(Settings).videos_bucket),
        picture=picture,
    )
