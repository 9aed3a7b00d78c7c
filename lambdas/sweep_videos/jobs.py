"""What of the jobs' rows is left undone. Lists are bounded, the oldest first; the next sweep has the rest."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from lambdas.runtime.database import Database
from lambdas.runtime.migration_lease import MAXIMUM_ATTEMPTS
from lambdas.runtime.video_keys import VideoKey
from lambdas.sweep_videos.logic import Backlog, GivenUp, OpenJob

_BATCH = 200
_MESSAGES = 500

_ORDER = "coalesce(order_request_id, '') as order_request_id"
_IDS = f"select id, {_ORDER} from public.video_jobs where "  # noqa: S608  # a constant
_KEYS = """
select (select u.auth_user_id from public.users u where u.id = user_id) as auth_user_id, id
from public.video_jobs where """

_UNASKED = """
status in ('queued', 'processing') and generator_request_id is not null
and coalesce(polled_at, created_at) < now() - %(age)s
"""
_TO_ASK = f"select id, model, generator_request_id, {_ORDER} from public.video_jobs where "  # noqa: S608  # a constant
_ASK = "update public.video_jobs set polled_at = now() where id = %(job)s and "

_HOPELESS = """
migration_status = 'pending' and migration_due_at < now() - %(grace)s
and (migration_attempts >= %(attempts)s or deleted_at is not null)
"""
_GIVE_UP = """
update public.video_jobs set migration_status = 'failed', updated_at = now(),
  migration_error = case when deleted_at is null then 'killed' else 'deleted' end
where id = %(job)s and """


class PostgresJobs:
    def __init__(self, database: Database) -> None:
        self._database = database

    def lost_submissions(self, age: timedelta) -> list[UUID]:
        """Jobs that old of which we never heard that the generator took them."""
        return list(self._jobs("status = 'submitting' and created_at < now() - %(age)s order by created_at", age=age))

    def lost_generations(self, age: timedelta) -> list[UUID]:
        """Open jobs that old: what the generator made, it has deleted by now."""
        open_for_long = "status in ('queued', 'processing') and created_at < now() - %(age)s order by created_at"
        return list(self._jobs(open_for_long, age=age))

    def unasked(self, age: timedelta) -> list[OpenJob]:
        """Open jobs that nobody has asked about for that long."""
        with self._database.transaction() as cursor:
            rows = cursor.execute(
                _TO_ASK + _UNASKED + " order by coalesce(polled_at, created_at) limit %(limit)s",
                {"age": age, "limit": _BATCH},
            ).fetchall()
        return [OpenJob(row["id"], row["model"], row["generator_request_id"], row["order_request_id"]) for row in rows]

    def asking(self, job_id: UUID, age: timedelta) -> bool:
        """Note that the generator is asked now; False when somebody else was faster."""
        with self._database.transaction() as cursor:
            return cursor.execute(_ASK + _UNASKED, {"job": job_id, "age": age}).rowcount == 1

    def overdue(self, grace: timedelta) -> dict[UUID, str]:
        """Pending migrations with nothing in flight, and the requests that ordered them: their message was lost, or
        taken by a worker that died."""
        return self._jobs(
            "migration_status = 'pending' and migration_due_at < now() - %(grace)s"
            " and migration_attempts < %(attempts)s and deleted_at is null order by migration_due_at",
            limit=_MESSAGES,
            grace=grace,
            attempts=MAXIMUM_ATTEMPTS,
        )

    def hopeless(self, grace: timedelta) -> list[VideoKey]:
        """Pending migrations that no attempt will follow: all were spent, or the video was deleted."""
        with self._database.transaction() as cursor:
            rows = cursor.execute(
                _KEYS + _HOPELESS + " order by migration_due_at limit %(limit)s",
                {"grace": grace, "attempts": MAXIMUM_ATTEMPTS, "limit": _BATCH},
            ).fetchall()
        return [VideoKey(row["auth_user_id"], row["id"]) for row in rows]

    def give_up(self, key: VideoKey, grace: timedelta) -> GivenUp | None:
        """Settle a hopeless migration and give the cause; None when it is no longer one. The address stays."""
        with self._database.transaction() as cursor:
            row = cursor.execute(
                _GIVE_UP
                + _HOPELESS
                + " returning case when deleted_at is null then 'killed' else 'deleted' end as cause, "
                + _ORDER,
                {"job": key.job_id, "grace": grace, "attempts": MAXIMUM_ATTEMPTS},
            ).fetchone()
        return GivenUp(row["cause"], row["order_request_id"]) if row else None

    def deleted(self) -> list[VideoKey]:
        """Deleted videos whose objects are still named."""
        with self._database.transaction() as cursor:
            rows = cursor.execute(
                _KEYS + "deleted_at is not null and (object_key is not null or thumbnail_key is not null)"
                " order by deleted_at limit %s",
                (_BATCH,),
            ).fetchall()
        return [VideoKey(row["auth_user_id"], row["id"]) for row in rows]

    def forget_objects(self, key: VideoKey) -> None:
        with self._database.transaction() as cursor:
            cursor.execute(
                "update public.video_jobs set object_key = null, thumbnail_key = null, updated_at = now()"
                " where id = %s and deleted_at is not null",
                (key.job_id,),
            )

    def backlog(self) -> Backlog:
        with self._database.transaction() as cursor:
            row = cursor.execute(
                "select coalesce(extract(epoch from now() - min(migration_due_at)), 0)::float8 as seconds"
                " from public.video_jobs where migration_status = 'pending' and deleted_at is null"
                " and migration_due_at <= now()"
            ).fetchone()
            ending = cursor.execute(
                "select count(*) as number from public.video_jobs where deleted_at is null"
                " and migration_status <> 'migrated'"
                " and video_url_expires_at between now() and now() + interval '24 hours'"
            ).fetchone()
        assert row is not None
        assert ending is not None
        return Backlog(row["seconds"], ending["number"])

    def _jobs(self, condition: str, *, limit: int = _BATCH, **given: object) -> dict[UUID, str]:
        """Jobs with the requests that ordered them, in their order."""
        with self._database.transaction() as cursor:
            rows = cursor.execute(
                (_IDS + condition + " limit %(limit)s").encode(), {**given, "limit": limit}
            ).fetchall()
        return {row["id"]: row["order_request_id"] for row in rows}
