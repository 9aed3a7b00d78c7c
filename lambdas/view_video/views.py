"""What a user is told about a job."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from lambdas.runtime.generator import ERROR_CODES

FAILED = "failed"
_SUBMITTING, _QUEUED = "submitting", "queued"
_OPEN = frozenset({_SUBMITTING, _QUEUED, "processing"})


@dataclass(frozen=True, repr=False)
class StoredVideo:
    """A job's row. `video_url` is the generator's address; `object_key` is where the video lies in own storage."""

    job_id: UUID
    model: str
    status: str
    credits: int
    error_code: str | None
    video_url: str | None
    video_url_expires_at: datetime | None
    object_key: str | None
    thumbnail_key: str | None
    deleted_because: str | None
    created_at: datetime

    @property
    def open(self) -> bool:
        return self.status in _OPEN


class Storage(Protocol):
    def address(self, auth_user_id: UUID, key: str, *, seconds: int) -> str: ...


@dataclass(frozen=True, repr=False)
class Addresses:
    """Signs addresses in one user's own session, good until `now` and `seconds`."""

    storage: Storage
    auth_user_id: UUID
    seconds: int
    now: datetime

    def of(self, key: str | None) -> str | None:
        return self.storage.address(self.auth_user_id, key, seconds=self.seconds) if key else None

    @property
    def expire_at(self) -> datetime:
        return self.now + timedelta(seconds=self.seconds)


def as_json(video: StoredVideo, addresses: Addresses) -> dict[str, Any]:
    url, expires_at, storage = _playable(video, addresses)
    return {
        "job_id": str(video.job_id),
        "model": video.model,
        "status": _QUEUED if video.status == _SUBMITTING else video.status,
        "credits": video.credits,
        "created_at": _moment(video.created_at),
        "video_url": url,
        "video_url_expires_at": _moment(expires_at),
        "storage": storage,
        "thumbnail_url": addresses.of(video.thumbnail_key),
        "error": _error(video),
    }


def _playable(video: StoredVideo, addresses: Addresses) -> tuple[str | None, datetime | None, str | None]:
    """Own storage as soon as the video is there; until then the generator's address, while that lives."""
    if video.object_key:
        return addresses.of(video.object_key), addresses.expire_at, "own"
    ends = video.video_url_expires_at
    if video.video_url is None or not video.video_url.startswith("http") or (ends and ends <= addresses.now):
        return None, None, None
    return video.video_url, ends, "generator"


def _error(video: StoredVideo) -> dict[str, str] | None:
    if video.error_code is None:
        return None
    return {"code": video.error_code, "detail": ERROR_CODES.get(video.error_code, "The video could not be made.")}


def _moment(moment: datetime | None) -> str | None:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None
