"""A user deletes one of its videos: first the row says so, then the objects go.

In this order nobody is given an address of what is gone. What a failure leaves in storage the sweep removes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from lambdas.runtime.claims import Claims, canonical_uuid
from lambdas.runtime.errors import Conflict, NotFound
from lambdas.runtime.observability import count, log
from lambdas.runtime.user_storage import StorageUnavailable


class VideoNotFound(NotFound):
    """No such job, or another user's: nobody learns which."""

    code, detail = "video_not_found", "There is no such video."


class VideoInProgress(Conflict):
    code, detail = "video_in_progress", "The video is still being made. Delete it when it has ended."


@dataclass(frozen=True)
class Marked:
    """A job whose row now says deleted; `keys` are its objects that still lie in storage."""

    in_progress: bool
    keys: tuple[str, ...] = ()


class Jobs(Protocol):
    def mark(self, claims: Claims, job_id: UUID) -> Marked | None: ...
    def forget_objects(self, claims: Claims, job_id: UUID, keys: tuple[str, ...]) -> None: ...


class Storage(Protocol):
    def remove(self, auth_user_id: UUID, key: str) -> None: ...


def delete_video(claims: Claims, job_id: str, *, jobs: Jobs, storage: Storage) -> None:
    """Delete the job's video. Repeatable: what is deleted stays so.

    Raises:
        VideoNotFound: the user has no such job.
        VideoInProgress: it has not ended.
        UserUnknown, UserBlocked, DatabaseUnavailable
    """
    try:
        wanted = canonical_uuid(job_id.lower())
    except ValueError:
        raise VideoNotFound from None
    log().append_keys(job_id=str(wanted))
    marked = jobs.mark(claims, wanted)
    if marked is None:
        raise VideoNotFound
    if marked.in_progress:
        raise VideoInProgress
    if not marked.keys:
        return
    try:
        for key in marked.keys:
            storage.remove(claims.sub, key)
    except StorageUnavailable as error:
        log().warning("video left to the sweep", cause=type(error.__cause__).__name__)
        count("VideoObjectsNotRemoved")
        return
    jobs.forget_objects(claims, wanted, marked.keys)
