"""Jobs' rows as thumbnails change them."""

from __future__ import annotations

from datetime import timedelta

from lambdas.make_thumbnail.logic import MAXIMUM_ATTEMPTS, Found
from lambdas.runtime.database import Database
from lambdas.runtime.video_keys import VideoKey


class PostgresJobs:
    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, key: VideoKey) -> Found | None:
        """Count an attempt, unless the job needs none or has had its attempts; None when there is no such job."""
        with self._database.transaction() as cursor:
            begun = cursor.execute(
                "update public.video_jobs set thumbnail_attempts = thumbnail_attempts + 1, updated_at = now()"
                " where id = %s and object_key = %s and thumbnail_key is null and deleted_at is null"
                " and thumbnail_attempts < %s returning coalesce(order_request_id, '') as order_request_id",
                (key.job_id, str(key), MAXIMUM_ATTEMPTS),
            ).fetchone()
            if begun is not None:
                return Found(begun["order_request_id"], begun=True)
            left = cursor.execute(
                "select coalesce(order_request_id, '') as order_request_id,"
                " deleted_at is null and thumbnail_key is null and thumbnail_attempts < %s as awaited"
                " from public.video_jobs where id = %s",
                (MAXIMUM_ATTEMPTS, key.job_id),
            ).fetchone()
        return Found(left["order_request_id"], begun=False, awaited=left["awaited"]) if left else None

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
