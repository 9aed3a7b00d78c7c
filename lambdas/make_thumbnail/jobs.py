"""Jobs' rows as thumbnails change them."""

from __future__ import annotations

from datetime import timedelta

from lambdas.make_thumbnail.logic import MAXIMUM_ATTEMPTS
from lambdas.runtime.database import Database
from lambdas.runtime.video_keys import VideoKey


class PostgresJobs:
    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, key: VideoKey) -> bool:
        """Count an attempt; False when the job needs none, or has had its attempts."""
        with self._database.transaction() as cursor:
            done = cursor.execute(
                "update public.video_jobs set thumbnail_attempts = thumbnail_attempts + 1, updated_at = now()"
                " where id = %s and object_key = %s and thumbnail_key is null and deleted_at is null"
                " and thumbnail_attempts < %s",
                (key.job_id, str(key), MAXIMUM_ATTEMPTS),
            )
            return done.rowcount == 1

    def awaits_video(self, key: VideoKey) -> bool:
        """True while the job's row does not say that its video is in own storage."""
        with self._database.transaction() as cursor:
            found = cursor.execute(
                "select from public.video_jobs where id = %s and object_key is null and deleted_at is null",
                (key.job_id,),
            )
            return found.rowcount == 1

    def made(self, key: VideoKey, size: int) -> bool:
        """Record the thumbnail of `size` bytes; False when the video was deleted meanwhile. Another
        run's is as good."""
        with self._database.transaction() as cursor:
            cursor.execute(
                "update public.video_jobs set thumbnail_key = %s, thumbnail_bytes = %s, updated_at = now()"
                " where id = %s and object_key = %s and thumbnail_key is null and deleted_at is null",
                (key.thumbnail, size, key.job_id, str(key)),
            )
            found = cursor.execute(
                "select from public.video_jobs where id = %s and thumbnail_key = %s and deleted_at is null",
                (key.job_id, key.thumbnail),
            )
            return found.rowcount == 1

    def without_thumbnail(self, migrated_before: timedelta, *, limit: int) -> list[VideoKey]:
        """Videos that have been in own storage for that long, and lack one; the oldest first."""
        with self._database.transaction() as cursor:
            rows = cursor.execute(
                "select object_key from public.video_jobs where object_key is not null and thumbnail_key is null"
                " and deleted_at is null and thumbnail_attempts < %s and migrated_at < now() - %s"
                " order by migrated_at limit %s",
                (MAXIMUM_ATTEMPTS, migrated_before, limit),
            ).fetchall()
        return [key for row in rows if (key := VideoKey.of(row["object_key"])) is not None]
