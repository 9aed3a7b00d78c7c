"""Images' rows, across users; each method is one transaction, and settles a row only while it is pending."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime

from lambdas.inspect_image.logic import Image
from lambdas.runtime.database import Database, Row
from lambdas.runtime.image_content import CheckedImage, Refusal
from lambdas.runtime.image_keys import IncomingKey

_IMAGE = """
select i.id, u.auth_user_id, i.status, i.content_type
from public.images i join public.users u on u.id = i.user_id
"""


class PostgresImages:
    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, key: IncomingKey) -> Image | None:
        """The row that `key` belongs to: of this image and of this user."""
        with self._database.transaction() as cursor:
            row = cursor.execute(
                _IMAGE + " where i.id = %s and u.auth_user_id = %s", (key.image_id, key.auth_user_id)
            ).fetchone()
        return _image(row) if row else None

    def hold(self, key: IncomingKey) -> AbstractContextManager[bool]:
        """Keep other runs from this image meanwhile; False when another run has it."""
        return self._database.exclusive(f"inspect {key.image_id}")

    def accept(self, image: Image, checked: CheckedImage, *, key: str, version: str) -> bool:
        """Make the image usable; False when its row was settled meanwhile."""
        with self._database.transaction() as cursor:
            done = cursor.execute(
                "update public.images set status = 'ready', reason = null, object_key = %s, object_version = %s,"
                " bytes = %s, sha256 = %s, width = %s, height = %s, inspected_at = now()"
                " where id = %s and status = 'pending'",
                (key, version, checked.size, checked.sha256, checked.width, checked.height, image.key.image_id),
            )
            return done.rowcount == 1

    def refuse(self, image: Image, reason: Refusal) -> bool:
        """Say why there will be no image; False when its row was settled meanwhile."""
        with self._database.transaction() as cursor:
            done = cursor.execute(
                "update public.images set status = 'refused', reason = %s, inspected_at = now()"
                " where id = %s and status = 'pending'",
                (str(reason), image.key.image_id),
            )
            return done.rowcount == 1

    def overdue(self, created_before: datetime, *, limit: int) -> list[Image]:
        """Pending rows that old, the oldest first."""
        with self._database.transaction() as cursor:
            rows = cursor.execute(
                _IMAGE + " where i.status = 'pending' and i.created_at < %s order by i.created_at limit %s",
                (created_before, limit),
            ).fetchall()
        return [_image(row) for row in rows]


def _image(row: Row) -> Image:
    return Image(
        key=IncomingKey(row["auth_user_id"], row["id"]),
        pending=row["status"] == "pending",
        content_type=row["content_type"],
    )
