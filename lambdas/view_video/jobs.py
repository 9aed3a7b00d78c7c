"""The user's jobs in Postgres: read as the user, and asked about under the function's own login."""

from __future__ import annotations

from uuid import UUID

from lambdas.runtime.claims import Claims
from lambdas.runtime.database import Database, Row
from lambdas.runtime.users import current_user
from lambdas.view_video.logic import Question
from lambdas.view_video.pages import Page
from lambdas.view_video.views import StoredVideo

# A generation takes a minute or more; a phone may ask every second.
ASK_AGAIN_SECONDS = 3

_COLUMNS = (
    "id, model, status, credits, error_code, video_url, video_url_expires_at, object_key, thumbnail_key,"
    " deleted_because, created_at"
)


class PostgresVideos:
    """The filter on the user stands beside the row policy everywhere: either would do."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, claims: Claims, job_id: UUID) -> StoredVideo | None:
        with self._database.user_transaction(claims) as cursor:
            user = current_user(cursor)
            row = cursor.execute(
                f"select {_COLUMNS} from public.video_jobs where id = %s and user_id = %s",  # noqa: S608  # a constant
                (job_id, user.id),
            ).fetchone()
        return _video(row) if row else None

    def page(self, claims: Claims, page: Page) -> list[StoredVideo]:
        """The page, and one video more if there is one."""
        after = page.after
        with self._database.user_transaction(claims) as cursor:
            user = current_user(cursor)
            rows = cursor.execute(
                f"select {_COLUMNS} from public.video_jobs"  # noqa: S608  # a constant
                " where user_id = %(user)s and deleted_at is null"
                " and (%(id)s::uuid is null or (created_at, id) < (%(at)s::timestamptz, %(id)s::uuid))"
                " order by created_at desc, id desc limit %(limit)s",
                {
                    "user": user.id,
                    "at": after.created_at if after else None,
                    "id": after.job_id if after else None,
                    "limit": page.limit + 1,
                },
            ).fetchall()
        return [_video(row) for row in rows]

    def may_ask(self, claims: Claims, job_id: UUID) -> Question | None:
        """Take the turn to ask the generator about this open job, by compare-and-set of the time it was last asked."""
        with self._database.transaction(claims) as cursor:
            row = cursor.execute(
                "update public.video_jobs set polled_at = now()"
                " where id = %s and status in ('queued', 'processing') and generator_request_id is not null"
                " and (polled_at is null or polled_at <= now() - make_interval(secs => %s))"
                " returning model, generator_request_id, coalesce(order_request_id, '') as order_request_id",
                (job_id, ASK_AGAIN_SECONDS),
            ).fetchone()
        return Question(row["model"], row["generator_request_id"], row["order_request_id"]) if row else None


def _video(row: Row) -> StoredVideo:
    return StoredVideo(
        job_id=row["id"],
        model=row["model"],
        status=row["status"],
        credits=row["credits"],
        error_code=row["error_code"],
        video_url=row["video_url"],
        video_url_expires_at=row["video_url_expires_at"],
        object_key=row["object_key"],
        thumbnail_key=row["thumbnail_key"],
        deleted_because=row["deleted_because"],
        created_at=row["created_at"],
    )
