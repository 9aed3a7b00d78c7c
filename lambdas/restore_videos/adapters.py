"""Rows of deleted videos, and their old versions on S3."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lambdas.restore_videos.logic import DeletedVideo, Request
from lambdas.runtime import clients
from lambdas.runtime.database import Database, DatabaseSettings
from lambdas.runtime.environment import read_settings
from lambdas.runtime.video_keys import VideoKey

_DELETED = """
select u.auth_user_id, j.id, j.bytes from public.video_jobs j join public.users u on u.id = j.user_id
where (j.id = %(video)s or u.id = %(user)s or u.auth_user_id = %(user)s) and u.deleted_at is null
  and j.migration_status = 'migrated' and j.object_key is null and j.deleted_because in ('user', 'retention')
  and j.deleted_at > now() - make_interval(days => %(days)s)
order by j.deleted_at desc limit %(limit)s
"""
_RESTORED = """
update public.video_jobs set deleted_at = null, deleted_because = null, restored_at = now(), object_key = %(key)s,
  video_url = %(url)s, video_url_expires_at = null, thumbnail_key = null, thumbnail_attempts = 0, updated_at = now()
where id = %(job)s and deleted_because in ('user', 'retention') and object_key is null
"""


@dataclass(frozen=True)
class Settings:
    videos_bucket: str
    noncurrent_days: int


@dataclass(frozen=True)
class PostgresVideos:
    database: Database
    bucket: str

    def deleted(self, request: Request, *, limit: int) -> Sequence[DeletedVideo]:
        """Those asked for whose objects are removed, the latest deleted first."""
        given = {"video": request.video_id, "user": request.user_id, "days": request.days, "limit": limit}
        with self.database.transaction() as cursor:
            rows = cursor.execute(_DELETED, given).fetchall()
        return [DeletedVideo(VideoKey(row["auth_user_id"], row["id"]), row["bytes"]) for row in rows]

    def restored(self, video: DeletedVideo) -> bool:
        """Note that it is back; False when it is not to be, or is already."""
        key = str(video.key)
        with self.database.transaction() as cursor:
            given = {"key": key, "url": f"s3://{self.bucket}/{key}", "job": video.key.job_id}
            return cursor.execute(_RESTORED, given).rowcount == 1


@dataclass(frozen=True)
class S3Objects:
    client: Any
    bucket: str

    def old_version(self, video: DeletedVideo) -> str | None:
        """The latest version that has the row's size."""
        listed = self.client.list_object_versions(Bucket=self.bucket, Prefix=str(video.key))
        for version in listed.get("Versions", ()):
            if version["Key"] == str(video.key) and version["Size"] == video.bytes:
                return str(version["VersionId"])
        return None

    def bring_back(self, video: DeletedVideo, version: str) -> None:
        source = {"Bucket": self.bucket, "Key": str(video.key), "VersionId": version}
        self.client.copy_object(Bucket=self.bucket, Key=str(video.key), CopySource=source)

    def remove(self, video: DeletedVideo) -> None:
        self.client.delete_object(Bucket=self.bucket, Key=str(video.key))


@dataclass(frozen=True)
class Adapters:
    videos: PostgresVideos
    objects: S3Objects
    maximum_days: int

    @classmethod
    def build(cls) -> Adapters:
        settings = read_settings(Settings)
        return cls(
            PostgresVideos(Database(read_settings(DatabaseSettings)), settings.videos_bucket),
            S3Objects(clients.s3(), settings.videos_bucket),
            settings.noncurrent_days,
        )
