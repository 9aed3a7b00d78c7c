"""How a user's job is: from the row, and while it is open from the generator, asked no more often than need be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from lambdas.runtime.claims import Claims, canonical_uuid
from lambdas.runtime.errors import Gone, NotFound
from lambdas.runtime.fal_calls import GeneratorUnavailable
from lambdas.runtime.generations import Change, MigrationQueue, settle
from lambdas.runtime.generations import Jobs as OpenJobs
from lambdas.runtime.generator import Generation
from lambdas.runtime.observability import about_job, count, log
from lambdas.runtime.video_models import MODELS
from lambdas.view_video.pages import Cursor, Page
from lambdas.view_video.views import Addresses, Storage, StoredVideo, as_json


class VideoNotFound(NotFound):
    """No such job, or another user's: nobody learns which."""

    code, detail = "video_not_found", "There is no such video."


class VideoDeleted(Gone):
    code, detail = "video_deleted", "The video was deleted."


class VideoExpired(Gone):
    code, detail = "video_expired", "The video is no longer kept."


@dataclass(frozen=True)
class Question:
    """What to ask the generator about a job; it is this call's turn to ask."""

    model: str
    request_id: str
    order_request_id: str


class Jobs(Protocol):
    def find(self, claims: Claims, job_id: UUID) -> StoredVideo | None: ...
    def page(self, claims: Claims, page: Page) -> list[StoredVideo]: ...
    def may_ask(self, claims: Claims, job_id: UUID) -> Question | None: ...


class Generator(Protocol):
    def look(self, application: str, request_id: str) -> Generation: ...


class InlineMigration(Protocol):
    def migrate_now(self, job_id: UUID, request_id: str, *, order_request_id: str) -> None: ...


@dataclass(frozen=True)
class Videos:
    """The user's videos. `inline` migrates within the request (mode `inline`), None leaves it to the queue."""

    jobs: Jobs
    open_jobs: OpenJobs
    generator: Generator
    queue: MigrationQueue
    storage: Storage
    url_seconds: int
    inline: InlineMigration | None
    now: Callable[[], datetime]

    def view(self, claims: Claims, job_id: str, *, request_id: str) -> dict[str, Any]:
        """The job.

        Raises:
            VideoNotFound, VideoDeleted, VideoExpired
            UserUnknown, UserBlocked, DatabaseUnavailable, StorageUnavailable
        """
        try:
            wanted = canonical_uuid(job_id.lower())
        except ValueError:
            raise VideoNotFound from None
        about_job(wanted)
        video = self._found(claims, wanted)
        if video.open and self._ask(claims, wanted, request_id):
            video = self._found(claims, wanted)
        return as_json(video, self._addresses(claims))

    def page(self, claims: Claims, page: Page) -> dict[str, Any]:
        """The user's videos as they are known; the generator is not asked about them.

        Raises:
            UserUnknown, UserBlocked, DatabaseUnavailable, StorageUnavailable
        """
        found = self.jobs.page(claims, page)
        shown, more = found[: page.limit], len(found) > page.limit
        addresses = self._addresses(claims)
        return {
            "videos": [as_json(video, addresses) for video in shown],
            "next_cursor": str(Cursor(shown[-1].created_at, shown[-1].job_id)) if more else None,
        }

    def _found(self, claims: Claims, job_id: UUID) -> StoredVideo:
        video = self.jobs.find(claims, job_id)
        if video is None:
            raise VideoNotFound
        match video.deleted_because:
            case None:
                return video
            case "retention":
                raise VideoExpired
            case _:
                raise VideoDeleted

    def _ask(self, claims: Claims, job_id: UUID, request_id: str) -> bool:
        """Ask the generator, if it is our turn; says whether the row may have changed.

        The generator's trouble is not the user's: the answer is then what is known.
        """
        question = self.jobs.may_ask(claims, job_id)
        model = MODELS.get(question.model) if question else None
        if question is None or model is None:  # a job of a model that we have forgotten is the sweep's to end
            return False
        about_job(job_id, question.order_request_id)
        try:
            generation = self.generator.look(model.application, question.request_id)
        except GeneratorUnavailable as error:
            log().warning("generator not asked", code=error.told_code, cause=str(error.__cause__ or ""))
            count("GeneratorNotAsked")
            return False
        change = settle(job_id, generation, jobs=self.open_jobs, queue=self.queue, request_id=request_id, claims=claims)
        if change is Change.COMPLETED and self.inline is not None:
            self.inline.migrate_now(job_id, request_id, order_request_id=question.order_request_id)
        return True

    def _addresses(self, claims: Claims) -> Addresses:
        return Addresses(self.storage, claims.sub, self.url_seconds, self.now())
