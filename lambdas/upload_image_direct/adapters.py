"""The user's row, the image's row, and the session that can do nothing but write the user's checked images."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from lambdas.runtime.claims import Claims
from lambdas.runtime.database import Database, DatabaseSettings
from lambdas.runtime.environment import read_settings
from lambdas.runtime.image_content import CheckedImage
from lambdas.runtime.user_storage import UserStorage
from lambdas.runtime.users import User, current_user


@dataclass(frozen=True)
class Settings:
    images_bucket: str
    user_image_writer_role_arn: str


class PostgresImages:
    def __init__(self, database: Database) -> None:
        self._database = database

    def user_of(self, claims: Claims) -> User:
        with self._database.user_transaction(claims) as cursor:
            return current_user(cursor)

    def add_ready(
        self, claims: Claims, image_id: uuid.UUID, user: User, image: CheckedImage, *, key: str, version: str
    ) -> None:
        """Note a checked image, as this function: users themselves may only note pending ones."""
        with self._database.transaction(claims) as cursor:
            cursor.execute(
                "insert into public.images (id, user_id, status, content_type, declared_bytes, object_key,"
                " object_version, bytes, sha256, width, height, inspected_at)"
                " values (%s, %s, 'ready', %s, %s, %s, %s, %s, %s, %s, %s, now())",
                (
                    image_id, user.id, str(image.content_type), image.size, key,
                    version, image.size, image.sha256, image.width, image.height,
                ),
            )  # fmt: skip


@dataclass(frozen=True)
class Adapters:
    images: PostgresImages
    storage: UserStorage

    @classmethod
    def build(cls) -> Adapters:
        settings = read_settings(Settings)
        return cls(
            images=PostgresImages(Database(read_settings(DatabaseSettings))),
            storage=UserStorage(role_arn=settings.user_image_writer_role_arn, bucket=settings.images_bucket),
        )
