"""One attempt to bring a finished video into own storage, and what its row says afterwards (plan M6, M7).

An attempt begins by taking the row for the length of a lease, and only the attempt that holds it settles it. So any
message may come twice, late, or together with a direct call. A killed attempt leaves its lease to run out; the sweep
goes on from there.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from lambdas.migrate_video.errors import CopyFailed
from lambdas.migrate_video.video_copy import Copied, Stored
from lambdas.runtime.migration_lease import LEASE_EXTRA_SECONDS, MAXIMUM_ATTEMPTS
from lambdas.runtime.observability import log
from lambdas.runtime.video_keys import VideoKey

MAXIMUM_BACKOFF_SECONDS = 890  # its message waits a little longer, and SQS holds none back for more than 900 s


class Outcome(StrEnum):
    """What came of one message."""

    PAUSED = "paused"  # by people on call: no attempt was begun, and the sweep asks again when they take it back
    NOTHING_TO_DO = "nothing_to_do"  # no such job, not pending, not due yet, or another attempt has it
    MIGRATED = "migrated"
    RETRY = "retry"
    FAILED = "failed"  # the generator's address stays
    SETTLED = "settled"  # by another: this attempt had lost its lease


@dataclass(frozen=True)
class Attempt:
    """An attempt that has taken its row. `video_url` is the generator's: whoever has it has the video."""

    key: VideoKey
    number: int
    video_url: str = field(repr=False)
    order_request_id: str = ""


@dataclass(frozen=True)
class Migration:
    """What one message came to; `cause` names a failure, and `copied` tells of a copy made now."""

    outcome: Outcome
    cause: str | None = None
    copied: Copied | None = None


class Jobs(Protocol):
    def begin(self, job_id: UUID, *, lease_seconds: int) -> Attempt | None: ...
    def migrated(self, attempt: Attempt, stored: Stored) -> bool: ...
    def put_off(self, attempt: Attempt, *, seconds: int, cause: str) -> bool: ...
    def failed(self, attempt: Attempt, *, cause: str) -> bool: ...


class Storage(Protocol):
    def copy(self, video_url: str, key: VideoKey) -> Stored: ...


class Queue(Protocol):
    def send(self, job_id: UUID, request_id: str, *, order_request_id: str, delay_seconds: int = 0) -> bool: ...


@dataclass(frozen=True)
class Migrator:
    """Migrates videos. `retry_seconds` is the first retry's longest wait; each further one's is twice as long."""

    jobs: Jobs
    storage: Storage
    queue: Queue
    total_seconds: int
    retry_seconds: int
    chance: Callable[[float, float], float] = random.uniform
    paused: Callable[[], bool] = lambda: False

    def migrate(self, job_id: UUID, request_id: str, *, began: Callable[[Attempt], None]) -> Migration:
        """Make the attempt that is due, if one is; `began` hears of it before anything is copied.

        Raises:
            DatabaseUnavailable: nothing could be written down; the lease, if it was taken, runs out by itself.
        """
        if self.paused():
            return Migration(Outcome.PAUSED)
        attempt = self.jobs.begin(job_id, lease_seconds=self.total_seconds + LEASE_EXTRA_SECONDS)
        if attempt is None:
            return Migration(Outcome.NOTHING_TO_DO)
        began(attempt)
        try:
            stored = self.storage.copy(attempt.video_url, attempt.key)
        except CopyFailed as error:
            log().warning("video not copied", attempt=attempt.number, cause=error.cause, reason=str(error))
            return self._not_copied(attempt, request_id, cause=str(error.cause), transient=error.transient)
        except Exception:  # our own fault: it must not keep the job from ending
            log().exception("video not copied", attempt=attempt.number)
            return self._not_copied(attempt, request_id, cause="unexpected", transient=True)
        won = self.jobs.migrated(attempt, stored)
        copied = stored if isinstance(stored, Copied) else None
        return Migration(Outcome.MIGRATED if won else Outcome.SETTLED, copied=copied)

    def _not_copied(self, attempt: Attempt, request_id: str, *, cause: str, transient: bool) -> Migration:
        if not transient or attempt.number >= MAXIMUM_ATTEMPTS:
            won = self.jobs.failed(attempt, cause=cause)
            return Migration(Outcome.FAILED if won else Outcome.SETTLED, cause)
        seconds = self.backoff_seconds(attempt.number)
        if not self.jobs.put_off(attempt, seconds=seconds, cause=cause):
            return Migration(Outcome.SETTLED, cause)
        # A second more than the row's: a message that comes too early does nothing.
        self.queue.send(
            attempt.key.job_id, request_id, order_request_id=attempt.order_request_id, delay_seconds=seconds + 1
        )
        return Migration(Outcome.RETRY, cause)

    def backoff_seconds(self, number: int) -> int:
        """The wait after attempt `number`: anything up to a bound that doubles, so that many do not come at once."""
        bound = min(self.retry_seconds * 2 ** (number - 1), MAXIMUM_BACKOFF_SECONDS)
        return round(self.chance(0, bound))
