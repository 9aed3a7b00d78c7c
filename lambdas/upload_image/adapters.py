"""The image's row, and the user's storage."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from lambdas.runtime.claims import Claims
from lambdas.runtime.database import Database, DatabaseSettings
from lambdas.runtime.environment import read_settings
from lambdas.runtime.user_storage import UserStorage
from lambdas.runtime.users import current_user
from lambdas.upload_image.logic import UploadRequest


@dataclass(frozen=True)
class Settings:
    images_bucket: str
    user_storage_role_arn: str
    image_max_bytes: int
    image_upload_seconds: int


class PostgresImages:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add_pending(self, claims: Claims, image_id: uuid.UUID, request: UploadRequest) -> None:
        """Note an image of this user as pending, as the user."""
        with self._database.user_transaction(claims) as cursor:
            user = current_user(cursor)
            cursor.execute(
                "insert into public.images (id, user_id, content_type, declared_bytes) values (%s, %s, %s, %s)",
                (image_id, user.id, request.content_type, request.content_length),
            )


@dataclass(frozen=True)
class Adapters:
    images: PostgresImages
    storage: UserStorage
    maximum_bytes: int
    upload_seconds: int

    @classmethod
    def build(cls) -> Adapters:
        settings = read_settings(Settings)
        return cls(
            images=PostgresImages(Database(read_settings(DatabaseSettings))),
            storage=UserStorage(role_arn=settings.user_storage_role_arn, bucket=settings.images_bucket),
            maximum_bytes=settings.image_max_bytes,
            upload_seconds=settings.image_upload_seconds,
        )
