"""The parts of one sweep. Each looks for one thing that can be left undone, and settles it.

Every part may run twice at once, and may be killed anywhere: what it changes, it changes only as long as the row says
that it is still to be done, and objects go before the rows that name them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeVar
from uuid import UUID

from lambdas.runtime.generations import Change
from lambdas.runtime.generator import Generation, Stage
from lambdas.runtime.observability import count, count_by, job_fields, log
from lambdas.runtime.video_keys import VideoKey

# A submission has three calls of seconds each; what is not noted as taken by then never will be.
LOST_SUBMISSION = timedelta(minutes=15)
# A webhook or a phone is normally much sooner.
UNASKED = timedelta(seconds=60)
# A message is on its way, or a delayed one a little late.
GRACE = timedelta(seconds=60)
# After the longest attempt's end, an upload that is still open belongs to nobody.
OPEN_UPLOAD = timedelta(minutes=5)
# The generator is out of reach for all: the next sweep asks again.
_REFUSALS_IN_A_ROW = 5

T = TypeVar("T")


@dataclass(frozen=True)
class OpenJob:
    """A generation that nobody has asked about for a while."""

    id: UUID
    model: str
    generator_request_id: str
    order_request_id: str


@dataclass(frozen=True)
class GivenUp:
    """Why a video migration will not be tried again, and the request that ordered the video."""

    cause: str
    order_request_id: str


@dataclass(frozen=True)
class Backlog:
    """How far own storage lags behind: seconds since the oldest due migration became due, and how many generator's
    addresses of videos not migrated end within a day."""

    oldest_due_seconds: float
    near_expiry: int


class Jobs(Protocol):
    def lost_submissions(self, age: timedelta) -> list[UUID]: ...
    def lost_generations(self, age: timedelta) -> list[UUID]: ...
    def unasked(self, age: timedelta) -> list[OpenJob]: ...
    def asking(self, job_id: UUID, age: timedelta) -> bool: ...
    def overdue(self, grace: timedelta) -> dict[UUID, str]: ...
    def hopeless(self, grace: timedelta) -> list[VideoKey]: ...
    def give_up(self, key: VideoKey, grace: timedelta) -> GivenUp | None: ...
    def deleted(self) -> list[VideoKey]: ...
    def forget_objects(self, key: VideoKey) -> None: ...
    def backlog(self) -> Backlog: ...


class Objects(Protocol):
    def remove(self, key: VideoKey) -> None: ...
    def open_uploads(self, begun_before: datetime) -> Iterable[tuple[str, str]]: ...
    def abort(self, key: str, upload: str) -> None: ...


@dataclass(frozen=True)
class Sweeper:
    """`look` asks the generator (raising when nothing is known); `settle` records what is known of a generation;
    `send` asks for migrations. `may_go_on` says whether there is time for more."""

    jobs: Jobs
    objects: Objects
    look: Callable[[OpenJob], Generation]
    settle: Callable[[UUID, Generation], Change]
    send: Callable[[Mapping[UUID, str]], int]
    result_age: timedelta
    lease: timedelta
    migration_paused: Callable[[], bool] = lambda: False

    def parts(self, *, now: datetime, may_go_on: Callable[[], bool]) -> dict[str, Callable[[], int]]:
        """Each part by its name; a part gives the number of things it settled."""
        return {
            "lost_submissions": lambda: self._fail(
                self.jobs.lost_submissions(LOST_SUBMISSION), "submission_lost", may_go_on
            ),
            "lost_generations": lambda: self._fail(
                self.jobs.lost_generations(self.result_age), "generation_lost", may_go_on
            ),
            "unasked_generations": lambda: self._ask(may_go_on),
            "hopeless_migrations": lambda: self._give_up(may_go_on),
            "overdue_migrations": self._send_overdue,
            "deleted_videos": lambda: self._remove(may_go_on),
            "open_uploads": lambda: self._abort(now, may_go_on),
        }

    def _send_overdue(self) -> int:
        """None while video migration is paused: the worker would forget each message. They are overdue later, too."""
        return 0 if self.migration_paused() else self.send(self.jobs.overdue(GRACE))

    def _fail(self, job_ids: list[UUID], code: str, may_go_on: Callable[[], bool]) -> int:
        failed = 0
        for job_id in _shuffled(job_ids, may_go_on):
            failed += self.settle(job_id, Generation(Stage.FAILED, error_code=code)) is Change.FAILED
        return failed

    def _ask(self, may_go_on: Callable[[], bool]) -> int:
        """Ask the generator about each. One that cannot be asked does not keep the others from it."""
        changed = refusals = 0
        for job in _shuffled(self.jobs.unasked(UNASKED), may_go_on):
            if not self.jobs.asking(job.id, UNASKED):
                continue
            try:
                generation = self.look(job)
            except Exception as error:  # the generator's; the database's would not come from here
                named = job_fields(job.id, job.order_request_id)
                log().warning("generation not known", **named, error=type(error).__name__)
                count("GenerationsNotKnown")
                refusals += 1
                if refusals >= _REFUSALS_IN_A_ROW:
                    break
                continue
            refusals = 0
            changed += self.settle(job.id, generation) is not Change.NOTHING
        return changed

    def _give_up(self, may_go_on: Callable[[], bool]) -> int:
        """Migrations whose last attempt was killed, and those of videos deleted before it.

        What such an attempt may have stored goes first: no row would ever name it.
        """
        given_up = 0
        for key in _shuffled(self.jobs.hopeless(GRACE), may_go_on):
            self.objects.remove(key)
            done = self.jobs.give_up(key, GRACE)
            if done is None:
                continue
            given_up += 1
            log().info("video migration given up", **job_fields(key.job_id, done.order_request_id), cause=done.cause)
            if done.cause != "deleted":
                count_by("VideoMigrationsFailed", cause=done.cause)
        return given_up

    def _remove(self, may_go_on: Callable[[], bool]) -> int:
        removed = 0
        for key in _shuffled(self.jobs.deleted(), may_go_on):
            self.objects.remove(key)
            self.jobs.forget_objects(key)
            removed += 1
        return removed

    def _abort(self, now: datetime, may_go_on: Callable[[], bool]) -> int:
        aborted = 0
        for key, upload in self.objects.open_uploads(now - self.lease - OPEN_UPLOAD):
            if not may_go_on():
                break
            self.objects.abort(key, upload)
            aborted += 1
        return aborted


def _shuffled(found: list[T], may_go_on: Callable[[], bool]) -> Iterable[T]:
    """Each while there is time. One that fails every time must not stand before all others every time."""
    random.shuffle(found)
    for item in found:
        if not may_go_on():
            return
        yield item
