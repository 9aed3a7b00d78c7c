"""From a video in own storage to its thumbnail. A failure is counted and never more: a list without one still works.

Each attempt is counted before it begins, so that a video that kills what looks at it is left alone after three.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from lambdas.runtime.observability import about_job
from lambdas.runtime.video_keys import VideoKey

MAXIMUM_ATTEMPTS = 3
# A bucket event normally comes within seconds of the video; what has none by then is the sweep's.
GRACE = timedelta(minutes=2)


class Outcome(StrEnum):
    """What came of one video."""

    MADE = "made"
    TOO_EARLY = "too_early"  # the event overtook the row, which does not yet say that the video is there
    NOTHING_TO_DO = "nothing_to_do"  # deleted, has its thumbnail, or had its attempts
    NO_PICTURE = "no_picture"
    GONE = "gone"  # no such object, or its row was deleted meanwhile


@dataclass(frozen=True)
class Found:
    """A video's row: the request that ordered it, and whether an attempt was begun.

    `awaited`: none was, and one may be in a moment: the row did not say yet that its video is in own storage. By now it
    may, so that is no question to ask after the fact.
    """

    order_request_id: str
    begun: bool
    awaited: bool = False


class Jobs(Protocol):
    def begin(self, key: VideoKey) -> Found | None: ...
    def made(self, key: VideoKey, size: int) -> bool: ...
    def without_thumbnail(self, migrated_before: timedelta, *, limit: int) -> list[VideoKey]: ...


class Videos(Protocol):
    def beginning(self, key: VideoKey) -> AbstractContextManager[Path | None]: ...
    def put_thumbnail(self, key: VideoKey, jpeg: bytes) -> None: ...
    def remove_thumbnail(self, key: VideoKey) -> None: ...


@dataclass(frozen=True)
class Thumbnailer:
    """Makes thumbnails; `picture` gives the JPEG of a file, or None when there is none in it."""

    jobs: Jobs
    videos: Videos
    picture: Callable[[Path], bytes | None]

    def make(self, key: VideoKey) -> Outcome:
        """Make the thumbnail of `key`, if its row asks for one.

        Raises:
            Exception: storage or database failed. The attempt counts; the sweep makes the next.
        """
        found = self.jobs.begin(key)
        if found is None:
            return Outcome.NOTHING_TO_DO
        about_job(key.job_id, found.order_request_id)
        if not found.begun:
            return Outcome.TOO_EARLY if found.awaited else Outcome.NOTHING_TO_DO
        with self.videos.beginning(key) as file:
            if file is None:
                return Outcome.GONE
            jpeg = self.picture(file)
        if jpeg is None:
            return Outcome.NO_PICTURE
        self.videos.put_thumbnail(key, jpeg)
        if self.jobs.made(key, len(jpeg)):
            return Outcome.MADE
        self.videos.remove_thumbnail(key)  # nobody would remove it any more: the video's objects are gone
        return Outcome.GONE


def sweep(
    thumbnailer: Thumbnailer,
    *,
    each: Callable[[VideoKey], object],
    may_go_on: Callable[[], bool],
    batch: int = 100,
) -> None:
    """Go through videos whose event was lost or whose attempt failed; `each` makes one and reports it."""
    keys = thumbnailer.jobs.without_thumbnail(GRACE, limit=batch)
    random.shuffle(keys)  # one that fails must not stand before all others every time
    for key in keys:
        if not may_go_on():
            return
        each(key)
