"""Bring deleted videos back while their old versions last: the object first, the row after (docs/adr/0075-switches.md).

An old version is copied to its key anew: S3's lifecycle counts from when something was written (ADR 70). The thumbnail
is made again, as for any video that arrives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from lambdas.runtime.claims import canonical_uuid
from lambdas.runtime.errors import InvalidRequest
from lambdas.runtime.video_keys import VideoKey

MAXIMUM = 100
_MEMBERS = {"video_id", "user_id", "days", "dry_run", "caller"}


@dataclass(frozen=True)
class Request:
    """One video, or those of one user that were deleted within the last `days`; 100 at most."""

    video_id: UUID | None
    user_id: UUID | None
    days: int
    dry_run: bool

    @classmethod
    def parse(cls, event: Mapping[str, Any], *, maximum_days: int) -> Request:
        """Read the event.

        Raises:
            InvalidRequest: says what is wrong.
        """
        if unknown := event.keys() - _MEMBERS:
            raise InvalidRequest(f"unknown: {', '.join(sorted(unknown))}")
        days, dry_run = event.get("days", maximum_days), event.get("dry_run", False)
        if type(days) is not int or not 1 <= days <= maximum_days:
            raise InvalidRequest(f"days is a whole number from 1 to {maximum_days}: so long old versions are kept.")
        if type(dry_run) is not bool:
            raise InvalidRequest("dry_run is true or false.")
        video, user = _id(event, "video_id"), _id(event, "user_id")
        if (video is None) is (user is None):
            raise InvalidRequest("Name a video or a user, by its id.")
        return cls(video, user, days, dry_run)


@dataclass(frozen=True)
class DeletedVideo:
    """A deleted video of an open account, and how many bytes it had."""

    key: VideoKey
    bytes: int


class Videos(Protocol):
    def deleted(self, request: Request, *, limit: int) -> Sequence[DeletedVideo]: ...
    def restored(self, video: DeletedVideo) -> bool: ...


class Objects(Protocol):
    def old_version(self, video: DeletedVideo) -> str | None: ...
    def bring_back(self, video: DeletedVideo, version: str) -> None: ...
    def remove(self, video: DeletedVideo) -> None: ...


def restore(request: Request, videos: Videos, objects: Objects) -> dict[str, list[str]]:
    """`{"restored", "gone"}`, ids: those whose old version is there no more are gone. A dry run says the same and does
    nothing. Whatever fails ends it; what was done is done, and a repetition goes on."""
    restored, gone = [], []
    for video in videos.deleted(request, limit=MAXIMUM):
        version = objects.old_version(video)
        if version is None:
            gone.append(str(video.key.job_id))
            continue
        if not request.dry_run:
            objects.bring_back(video, version)
            if not videos.restored(video):  # its account was closed, or another was faster
                objects.remove(video)
                continue
        restored.append(str(video.key.job_id))
    return {"restored": restored, "gone": gone}


def _id(event: Mapping[str, Any], name: str) -> UUID | None:
    if event.get(name) is None:
        return None
    try:
        return canonical_uuid(str(event[name]))
    except ValueError:
        raise InvalidRequest(f"{name} is no id.", field=name) from None
