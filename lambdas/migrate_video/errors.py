"""How a copy fails: for now, or for good.

A message says which phase failed and why, in words. It never holds the URL: whoever has it has the video.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from lambdas.runtime.errors import FunctionError


class Phase(StrEnum):
    """What the copy was waiting for: the generator's CDN, or own storage."""

    DOWNLOAD = "download"
    UPLOAD = "upload"


class Cause(StrEnum):
    """Why a copy failed, as a metric's dimension names it."""

    # For now: another try may well succeed.
    OUT_OF_TIME = "out_of_time"
    UNREACHABLE = "unreachable"
    INTERRUPTED = "interrupted"
    TRUNCATED = "truncated"
    WRONG_LENGTH = "wrong_length"
    BUSY = "busy"
    BAD_ANSWER = "bad_answer"
    STORAGE = "storage"
    # For good: the same URL will never give a video that may be kept.
    FORBIDDEN_URL = "forbidden_url"
    FORBIDDEN_ADDRESS = "forbidden_address"
    REDIRECT = "redirect"
    GONE = "gone"
    DENIED = "denied"
    ENCODED = "encoded"
    NOT_A_VIDEO = "not_a_video"
    TOO_LARGE = "too_large"


class CopyFailed(FunctionError):
    """The video is not in own storage; nothing half-written is left where a reader could meet it.

    `seconds_download` and `seconds_upload` are what the copy had waited for each until then.
    """

    transient: ClassVar[bool]
    seconds_download = 0.0
    seconds_upload = 0.0

    def __init__(self, phase: Phase, cause: Cause, words: str) -> None:
        self.phase, self.cause = phase, cause
        super().__init__(f"{phase}: {words}")


class CopyFailedForNow(CopyFailed):
    """Worth another try: the network, the CDN or storage had a bad moment."""

    transient = True


class CopyFailedForGood(CopyFailed):
    """Another try would end the same way."""

    transient = False
