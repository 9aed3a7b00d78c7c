"""The image's row, and the user's storage."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from lambdas.runtime.claims import Claims
from lambdas.runtime.database import Database, DatabaseSettings
from lambdas.runtime.environment import read_settings
from lambdas.runtime.user_storage import UserStorage
from lambdas.runtime.users import current_user
from lambdas.view_image.logic import StoredImage


@dataclass(frozen=True)
class Settings:
    images_bucket: str
    user_storage_role_arn: str
    image_url_seconds: int


class PostgresImages:
    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, claims: Claims, image_id: UUID) -> StoredImage | None:
        """The user's own image of this id. The filter on the user stands beside the row policy: either would do."""
        with self._database.user_transaction(claims) as cursor:
            user = current_user(cursor)
            row = cursor.execute(
                "select status, reason, object_key from public.images where id = %s and user_id = %s",
                (image_id, user.id),
            ).fetchone()
        return StoredImage(row["status"], row["reason"], row["object_key"]) if row else None


@dataclass(frozen=True)
class Adapters:
    images: PostgresImages
    storage: UserStorage
    url_seconds: int

    @classmethod
    def build(cls) -> Adapters:
        settings = read_settings(Settings)
        return cls(
            images=PostgresImages(Database(read_settings(DatabaseSettings))),
            storage=UserStorage(role_arn=settings.user_storage_role_arn, bucket=settings.images_bucket),
            url_seconds=settings.image_url_seconds,
        )
