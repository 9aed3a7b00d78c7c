"""The job's row, and the user's storage in a session that can remove videos and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from lambdas.delete_video.logic import Marked
from lambdas.runtime.claims import Claims
from lambdas.runtime.database import Database, DatabaseSettings
from lambdas.runtime.environment import read_settings
from lambdas.runtime.user_storage import UserStorage
from lambdas.runtime.users import current_user

_ENDED = frozenset({"completed", "failed"})


@dataclass(frozen=True)
class Settings:
    videos_bucket: str
    user_video_remover_role_arn: str


class PostgresJobs:
    def __init__(self, database: Database) -> None:
        self._database = database

    def mark(self, claims: Claims, job_id: UUID) -> Marked | None:
        """Note the user's own ended job as deleted by its user, unless it is deleted already."""
        with self._database.transaction(claims) as cursor:
            user = current_user(cursor)
            row = cursor.execute(
                "select status, object_key, thumbnail_key, deleted_at from public.video_jobs"
                " where id = %s and user_id = %s",
                (job_id, user.id),
            ).fetchone()
            if row is None:
                return None
            if row["status"] not in _ENDED:
                return Marked(in_progress=True)
            if row["deleted_at"] is None:
                marked = cursor.execute(
                    "update public.video_jobs set deleted_at = now(), deleted_because = 'user', video_url = null,"
                    " video_url_expires_at = null, updated_at = now()"
                    " where id = %s and user_id = %s and deleted_at is null returning object_key, thumbnail_key",
                    (job_id, user.id),
                ).fetchone()
                row = marked or row
        keys = (row["object_key"], row["thumbnail_key"])
        return Marked(in_progress=False, keys=tuple(key for key in keys if key))

    def forget_objects(self, claims: Claims, job_id: UUID, keys: tuple[str, ...]) -> None:
        """Note that these objects of the job are gone. What was stored meanwhile keeps its key, for the sweep."""
        with self._database.transaction(claims) as cursor:
            cursor.execute(
                "update public.video_jobs set updated_at = now(),"
                " object_key = case when object_key = any(%(gone)s) then null else object_key end,"
                " thumbnail_key = case when thumbnail_key = any(%(gone)s) then null else thumbnail_key end"
                " where id = %(job)s and deleted_because = 'user'",
                {"gone": list(keys), "job": job_id},
            )


@dataclass(frozen=True)
class Adapters:
    jobs: PostgresJobs
    storage: UserStorage

    @classmethod
    def build(cls) -> Adapters:
        settings = read_settings(Settings)
        return cls(
            jobs=PostgresJobs(Database(read_settings(DatabaseSettings))),
            storage=UserStorage(role_arn=settings.user_video_remover_role_arn, bucket=settings.videos_bucket),
        )
