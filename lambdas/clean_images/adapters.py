"""The clean-ups of images, with S3 and Postgres behind them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from lambdas.clean_images.images import AcceptedImages, ExpiredImage, RefusedImages
from lambdas.clean_images.logic import image_clean_up
from lambdas.runtime import clients
from lambdas.runtime.clean_up import CleanUp, CleanUpSettings
from lambdas.runtime.database import Database, DatabaseSettings
from lambdas.runtime.environment import read_settings
from lambdas.runtime.image_keys import ANONYMOUS
from lambdas.runtime.object_removal import ObjectRemoval
from lambdas.runtime.switches import Switch, Watched


@dataclass(frozen=True)
class Settings:
    images_bucket: str
    image_days: int
    refused_image_days: int
    anonymous_hours: int


@dataclass(frozen=True)
class Adapters:
    accepted: CleanUp[ExpiredImage]
    refused: CleanUp[ExpiredImage]
    objects: ObjectRemoval
    settings: CleanUpSettings
    pause: Watched
    anonymous_hours: int

    @classmethod
    def build(cls) -> Adapters:
        settings, how = read_settings(Settings), read_settings(CleanUpSettings)
        database = Database(read_settings(DatabaseSettings))
        objects = ObjectRemoval(clients.s3(), settings.images_bucket)
        return cls(
            accepted=image_clean_up(AcceptedImages(database, how.age(settings.image_days)), objects),
            refused=image_clean_up(RefusedImages(database, how.age(settings.refused_image_days)), objects),
            objects=objects,
            settings=how,
            pause=Watched.build(database, Switch.PAUSE_CLEAN_UPS),
            anonymous_hours=settings.anonymous_hours,
        )

    def end_anonymous(self) -> int:
        """Remove the images of callers with no session whose hours are over, for good; they have no rows."""
        return self.objects.purge(ANONYMOUS, older_than=datetime.now(UTC) - timedelta(hours=self.anonymous_hours))
