"""The videos bucket's events (s3:ObjectCreated:* under videos/), and `{"sweep": true}` from the schedule.

An event may come before the video's row is settled: then it is waited for a little, and left to Lambda's own repetition
after that. It may come twice, or never: the sweep makes up for that, as for a failure, which is logged and counted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any
from urllib.parse import unquote_plus

from lambdas.make_thumbnail.adapters import build_thumbnailer
from lambdas.make_thumbnail.decoder import SECONDS
from lambdas.make_thumbnail.logic import Outcome, sweep
from lambdas.runtime.errors import DatabaseUnavailable, FunctionError
from lambdas.runtime.observability import (
    about_job,
    begin_invocation,
    count,
    count_by,
    end_invocation,
    log,
    schedule_ran,
)
from lambdas.runtime.video_keys import VideoKey

# The sweep begins no picture that it could not end.
_LAST_SECONDS = SECONDS + 15

# The worker settles the row right after it stored the video, so an event is early by moments.
SETTLED_WITHIN_SECONDS = 10.0
_ASK_AGAIN_SECONDS = 0.2


class VideoNotSettled(FunctionError):
    """The row of a stored video does not speak of it yet; Lambda repeats the event a minute later."""


_thumbnailer = cache(build_thumbnailer)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    lambda_request_id = str(getattr(context, "aws_request_id", ""))
    begin_invocation(request_id=lambda_request_id, lambda_request_id=lambda_request_id)
    outcomes: dict[str, int] = {}

    def make(key: VideoKey) -> str:
        outcome = _make(key)
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
        return outcome

    try:
        if event.get("sweep") is True:
            _sweep(make, context)
        else:
            for key in _written(event):
                _await_row(key, make)
        return {"outcomes": outcomes}
    finally:
        end_invocation()


def _sweep(make: Callable[[VideoKey], str], context: Any) -> None:
    """Make what is missing. Without the database it ends quietly: its failure would be repeated and kept as a dead
    letter, while no video was given up. DATABASE-DOWN tells, and SCHEDULE-DID-NOT-RUN by this one's silence.
    """
    try:
        sweep(_thumbnailer(), each=make, may_go_on=_clock(context))
    except DatabaseUnavailable:
        log().warning("not swept: the database is away", exc_info=True)
        return
    count("ThumbnailSweeps")
    schedule_ran()


def _await_row(key: VideoKey, make: Callable[[VideoKey], str]) -> None:
    """Make a thumbnail once the video's row is settled.

    Raises:
        VideoNotSettled: it is not in time.
    """
    ends = time.monotonic() + SETTLED_WITHIN_SECONDS
    while make(key) == Outcome.TOO_EARLY:
        if time.monotonic() >= ends:
            raise VideoNotSettled(f"the row of video job {key.job_id} is not settled; the event comes again")
        time.sleep(_ASK_AGAIN_SECONDS)


def _make(key: VideoKey) -> str:
    about_job(key.job_id)
    log().append_keys(auth_user_id=str(key.auth_user_id))
    try:
        outcome = str(_thumbnailer().make(key))
    except Exception:  # storage's or the database's
        log().exception("thumbnail not made")
        count_by("ThumbnailsFailed", reason="unexpected")
        return "failed"
    log().info("thumbnail", outcome=outcome)
    if outcome == Outcome.MADE:
        count("ThumbnailsMade")
    elif outcome == Outcome.NO_PICTURE:
        count_by("ThumbnailsFailed", reason=outcome)
    return outcome


def _clock(context: Any) -> Callable[[], bool]:
    """Says whether there is time for another picture."""
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    return lambda: remaining is None or remaining() > 1000 * _LAST_SECONDS


def _written(event: dict[str, Any]) -> Iterator[VideoKey]:
    """The videos that an event tells of; S3's test event has no record."""
    for record in event.get("Records") or ():
        key = VideoKey.of(unquote_plus(record["s3"]["object"]["key"]))
        if key is not None:
            yield key
