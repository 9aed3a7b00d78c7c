"""From expired videos to rows that say so: the objects first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from lambdas.clean_videos.videos import ExpiredVideo
from lambdas.runtime.clean_up import CleanUp, Plan


class Videos(Plan[ExpiredVideo], Protocol):
    def expire(self, videos: Sequence[ExpiredVideo]) -> int: ...


class Objects(Protocol):
    def remove(self, keys: Sequence[str]) -> None: ...


def video_clean_up(videos: Videos, objects: Objects) -> CleanUp[ExpiredVideo]:
    def remove(batch: Sequence[ExpiredVideo]) -> int:
        objects.remove([key for video in batch for key in video.objects()])
        return videos.expire(batch)

    return CleanUp(videos, remove)
