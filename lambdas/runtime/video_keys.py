"""Where videos and their thumbnails lie in the bucket (plan M8). Keys are built from our own ids only."""

from __future__ import annotations

import re
from dataclasses import dataclass
from uuid import UUID

from lambdas.runtime.claims import canonical_uuid

VIDEOS = "videos/"
THUMBNAILS = "thumbnails/"
_VIDEO_KEY = re.compile(rf"{VIDEOS}([^/]+)/([^/]+)\.mp4", re.ASCII)


@dataclass(frozen=True)
class VideoKey:
    """One job's place in storage; its text is the video's key."""

    auth_user_id: UUID
    job_id: UUID

    def __str__(self) -> str:
        return f"{VIDEOS}{self.auth_user_id}/{self.job_id}.mp4"

    @property
    def thumbnail(self) -> str:
        """The key of the video's thumbnail."""
        return f"{THUMBNAILS}{self.auth_user_id}/{self.job_id}.jpg"

    @classmethod
    def of(cls, key: str) -> VideoKey | None:
        """The parts of a video's `key`, or None when it is no key of ours."""
        found = _VIDEO_KEY.fullmatch(key)
        if found is None:
            return None
        try:
            return cls(canonical_uuid(found[1]), canonical_uuid(found[2]))
        except ValueError:
            return None
