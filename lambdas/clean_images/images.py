"""Images' rows as the retention sees them. Plan and change share one condition, by the database's clock."""

# ruff: noqa: S608  # every part of a query is a constant of this module
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import LiteralString
from uuid import UUID

from lambdas.runtime.database import Database

_COUNTED_AT_MOST = 100_000


@dataclass(frozen=True)
class ExpiredImage:
    """An image whose time is over; a refused one has no `key`."""

    id: UUID
    created_at: datetime
    key: str | None


class _Images:
    """The rows of one kind, of at least this age."""

    condition: LiteralString
    change: LiteralString
    lock: LiteralString

    def __init__(self, database: Database, age: timedelta) -> None:
        self._database, self._age = database, age

    def batch(self, after: ExpiredImage | None, limit: int) -> list[ExpiredImage]:
        """The next ones behind `after`, the oldest first."""
        with self._database.transaction() as cursor:
            rows = cursor.execute(
                f"select id, created_at, object_key from public.images where {self.condition}"
                " and created_at < now() - %(age)s"
                " and (%(id)s::uuid is null or (created_at, id) > (%(at)s::timestamptz, %(id)s::uuid))"
                " order by created_at, id limit %(limit)s",
                {
                    "age": self._age,
                    "id": after.id if after else None,
                    "at": after.created_at if after else None,
                    "limit": limit,
                },
            ).fetchall()
        return [ExpiredImage(row["id"], row["created_at"], row["object_key"]) for row in rows]

    def left(self) -> int:
        """How many there are now; a great many are counted as so many."""
        with self._database.transaction() as cursor:
            row = cursor.execute(
                f"select count(*) as left from (select from public.images where {self.condition}"
                " and created_at < now() - %(age)s limit %(limit)s) found",
                {"age": self._age, "limit": _COUNTED_AT_MOST},
            ).fetchone()
        return int(row["left"]) if row else 0

    def settle(self, images: Sequence[ExpiredImage]) -> int:
        """Change the rows of these, as far as they are what they were."""
        with self._database.transaction() as cursor:
            done = cursor.execute(
                f"{self.change} where id in (select id from public.images where id = any(%(ids)s) and {self.condition}"
                f" and created_at < now() - %(age)s{self.lock})",
                {"age": self._age, "ids": [image.id for image in images]},
            )
            return done.rowcount


class AcceptedImages(_Images):
    """The row stays, to say that the image is no longer kept; its checksum, which could tell what it was, goes."""

    condition = "status = 'ready' and deleted_at is null"
    change = (
        "update public.images set deleted_at = now(), deleted_because = 'retention', object_key = null,"
        " object_version = null, sha256 = null"
    )
    lock = " for update skip locked"  # whoever holds a row is not waited for


class RefusedImages(_Images):
    """Nothing is left of what was refused but the row that says why."""

    condition = "status = 'refused'"
    change = "delete from public.images"
    lock = ""  # nobody holds a decided row, and this login may change none of them
