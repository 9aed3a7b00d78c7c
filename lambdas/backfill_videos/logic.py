"""Queue some old videos for migration. They go the way of all others from there: same queue, same worker, same sweep.

How far the back-fill is stands in the rows alone, so it may be stopped and started anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from lambdas.runtime.errors import InvalidRequest

MAXIMUM = 1000


@dataclass(frozen=True)
class Request:
    """At most `limit` videos; also those whose migration failed before the time `failed_before`.

    Without that bound, a video that fails every time would be asked for without end.
    """

    limit: int = 100
    dry_run: bool = False
    failed: bool = False
    failed_before: datetime | None = None

    @classmethod
    def parse(cls, event: dict[str, object]) -> Request:
        """Read the event.

        Raises:
            InvalidRequest: a member is unknown or not as it should be.
        """
        if unknown := event.keys() - {"limit", "dry_run", "failed", "failed_before"}:
            raise InvalidRequest(f"unknown: {', '.join(sorted(unknown))}")
        limit, dry_run, failed = event.get("limit", 100), event.get("dry_run", False), event.get("failed", False)
        if type(limit) is not int or not 1 <= limit <= MAXIMUM:
            raise InvalidRequest(f"limit is a whole number from 1 to {MAXIMUM}", field="limit")
        if type(dry_run) is not bool or type(failed) is not bool:
            raise InvalidRequest("dry_run and failed are true or false")
        before = event.get("failed_before")
        try:
            moment = None if before is None else datetime.fromisoformat(str(before))
        except ValueError:
            raise InvalidRequest("failed_before is an ISO time", field="failed_before") from None
        if moment is not None and moment.tzinfo is None:
            raise InvalidRequest("failed_before names no time zone", field="failed_before")
        return cls(limit, dry_run, failed, moment)


@dataclass(frozen=True)
class Answer:
    """What was queued (or, in a dry run, would be), what remains after it, and since when the oldest of it waits.

    `as_of` is the database's time: what a run that goes on gives as `failed_before`.
    """

    queued: int
    remaining: int
    oldest: datetime | None
    as_of: datetime


class Jobs(Protocol):
    def choose(self, request: Request) -> tuple[Mapping[UUID, str], Answer]: ...


def backfill(request: Request, *, jobs: Jobs, send: Callable[[Mapping[UUID, str]], int]) -> Answer:
    """Queue the oldest. `send` gives the number of messages that went out; the sweep sends the others.

    Raises:
        DatabaseUnavailable: nothing was queued.
    """
    chosen, answer = jobs.choose(request)
    if not request.dry_run:
        send(chosen)
    return answer
