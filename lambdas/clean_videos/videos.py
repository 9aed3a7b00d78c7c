"""Videos' rows as the retention sees them. The plan and the change share one condition, by the database's clock."""

# ruff: noqa: S608  # every part of a query is a constant of this module
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from lambdas.runtime.database import Database
from lambdas.runtime.video_keys import VideoKey

# A video that is still on its way to own storage is left to its migration. One that was restored starts anew.
_EXPIRED = (
    "status = 'completed' and deleted_at is null and migration_status <> 'pending' and finished_at < now() - %(age)s"
    " and (restored_at is null or restored_at < now() - %(age)s)"
)
_COUNTED_AT_MOST = 100_000


@dataclass(frozen=True)
class ExpiredVideo:
    """A video that has outlived its retention. It has no `key` when it never came to own storage."""

    id: UUID
    finished_at: datetime
    key: str | None
    thumbnail: str | None

    def objects(self) -> list[str]:
        """What is to go: the video, and its thumbnail even where no row tells of it."""
        if self.key is None:
            return []
        video = VideoKey.of(self.key)
        thumbnail = self.thumbnail or (video.thumbnail if video else None)
        return [self.key, *([thumbnail] if thumbnail else [])]


class PostgresVideos:
    def __init__(self, database: Database, age: timedelta) -> None:
        self._database, self._age = database, age

    def batch(self, after: ExpiredVideo | None, limit: int) -> list[ExpiredVideo]:
        """The next expired videos behind `after`, the oldest first."""
        with self._database.transaction() as cursor:
            rows = cursor.execute(
                f"select id, finished_at, object_key, thumbnail_key from public.video_jobs where {_EXPIRED}"
                " and (%(id)s::uuid is null or (finished_at, id) > (%(at)s::timestamptz, %(id)s::uuid))"
                " order by finished_at, id limit %(limit)s",
                {
                    "age": self._age,
                    "id": after.id if after else None,
                    "at": after.finished_at if after else None,
                    "limit": limit,
                },
            ).fetchall()
        return [ExpiredVideo(row["id"], row["finished_at"], row["object_key"], row["thumbnail_key"]) for row in rows]

    def left(self) -> int:
        """How many are expired now; a great many are counted as so many."""
        with self._database.transaction() as cursor:
            row = cursor.execute(
                f"select count(*) as left from (select from public.video_jobs where {_EXPIRED} limit %(limit)s) found",
                {"age": self._age, "limit": _COUNTED_AT_MOST},
            ).fetchone()
        return int(row["left"]) if row else 0

    def expire(self, videos: Sequence[ExpiredVideo]) -> int:
        """Note that these are gone; the number of rows that say so now. Whoever holds a row is not waited for."""
        with self._database.transaction() as cursor:
            done = cursor.execute(
                "update public.video_jobs set deleted_at = now(), deleted_because = 'retention', video_url = null,"
                " video_url_expires_at = null, object_key = null, thumbnail_key = null, updated_at = now()"
                f" where id in (select id from public.video_jobs where id = any(%(ids)s) and {_EXPIRED}"
                " for update skip locked)",
                {"age": self._age, "ids": [video.id for video in videos]},
            )
            return done.rowcount
