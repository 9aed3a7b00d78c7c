"""Jobs' rows as an attempt changes them. Each change is one statement that finds the row as it expects it, or nothing.

So each may be made again when the database was lost before it answered.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from uuid import UUID

from lambdas.migrate_video.logic import Attempt
from lambdas.migrate_video.video_copy import Stored
from lambdas.runtime.database import Database
from lambdas.runtime.errors import DatabaseUnavailable
from lambdas.runtime.migration_lease import MAXIMUM_ATTEMPTS
from lambdas.runtime.observability import log
from lambdas.runtime.video_keys import VideoKey

# A database that restarts is back within seconds, and a copy that was made is not to be made again.
PERSIST_SECONDS = 12.0
_PAUSE_SECONDS = 0.5

_MINE = " where id = %(job)s and migration_status = 'pending' and migration_attempts = %(attempt)s"
_BEGIN = """
update public.video_jobs j set migration_attempts = migration_attempts + 1,
  migration_due_at = now() + make_interval(secs => %s), updated_at = now()
from public.users u
where j.id = %s and u.id = j.user_id and j.migration_status = 'pending' and j.migration_due_at <= now()
  and j.migration_attempts < %s and j.deleted_at is null and j.video_url is not null
returning u.auth_user_id, j.id, j.migration_attempts, j.video_url, coalesce(j.order_request_id, '') as order_request_id
"""
_MIGRATED = """
update public.video_jobs set migration_status = 'migrated', migrated_at = now(), migration_error = null,
  object_key = %(key)s, bytes = %(bytes)s, sha256 = %(sha256)s, video_url_expires_at = null,
  video_url = case when deleted_at is null then %(url)s end, updated_at = now()
"""
_PUT_OFF = """
update public.video_jobs set migration_due_at = now() + make_interval(secs => %(seconds)s),
  migration_error = %(cause)s, updated_at = now()
"""
_FAILED = "update public.video_jobs set migration_status = 'failed', migration_error = %(cause)s, updated_at = now()"


class PostgresJobs:
    """`bucket` is where videos lie."""

    def __init__(
        self,
        database: Database,
        bucket: str,
        *,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database, self._bucket = database, bucket
        self._sleep, self._now = sleep, now

    def begin(self, job_id: UUID, *, lease_seconds: int) -> Attempt | None:
        """Take the row for an attempt; None when none is due, or another has it."""
        with self._database.transaction() as cursor:
            row = cursor.execute(_BEGIN, (lease_seconds, job_id, MAXIMUM_ATTEMPTS)).fetchone()
        if row is None:
            return None
        key = VideoKey(row["auth_user_id"], row["id"])
        return Attempt(key, row["migration_attempts"], row["video_url"], row["order_request_id"])

    def migrated(self, attempt: Attempt, stored: Stored) -> bool:
        """The video is in own storage. A video deleted meanwhile is settled too, so that its object is removed."""
        key = str(attempt.key)
        return self._change(
            _MIGRATED,
            attempt,
            key=key,
            bytes=stored.bytes,
            sha256=bytes.fromhex(stored.sha256),
            url=f"s3://{self._bucket}/{key}",
        )

    def put_off(self, attempt: Attempt, *, seconds: int, cause: str) -> bool:
        """The next attempt is due in so many seconds."""
        return self._change(_PUT_OFF, attempt, seconds=seconds, cause=cause)

    def failed(self, attempt: Attempt, *, cause: str) -> bool:
        """No attempt follows; the generator's address stays."""
        return self._change(_FAILED, attempt, cause=cause)

    def _change(self, statement: str, attempt: Attempt, **values: object) -> bool:
        """Whether the row was still this attempt's. A change that was made, and its answer lost, counts as not."""
        given = {**values, "job": attempt.key.job_id, "attempt": attempt.number}
        until = self._now() + PERSIST_SECONDS
        while True:
            try:
                with self._database.transaction() as cursor:
                    return cursor.execute((statement + _MINE).encode(), given).rowcount == 1
            except DatabaseUnavailable:
                if self._now() >= until:
                    raise
                log().warning("the attempt's end is not written down yet: the database is away")
                self._sleep(_PAUSE_SECONDS)
