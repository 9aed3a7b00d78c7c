"""fal.ai's queue: hand a generation over, ask how it is, fetch what it made.

https://docs.fal.ai/model-endpoints/queue. What it answers is told apart with care: `COMPLETED` may carry an error, an
unknown word is an error and not "pending", and an answer that is lost says nothing about what was done.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from lambdas.runtime.errors import FunctionError, Unprocessable
from lambdas.runtime.fal_calls import Answer, CallFailed, FalCalls, GeneratorUnavailable, refuses_us
from lambdas.runtime.secrets import Secret

# A submission has three of these calls and must end within the API's 30 s, image and database included.
HAND_OVER_SECONDS = 6.0
# Two calls at most, while a phone waits.
ASK_SECONDS = 3.0

# Results keep the lifetime that was asked for at submission, uploads the one of the upload.
_RESULT_LIFETIME = "X-Fal-Object-Lifecycle-Preference"
_UPLOAD_LIFETIME = "X-Fal-Object-Lifecycle"
MAXIMUM_URL_CHARACTERS = 2048


class GenerationRefused(Unprocessable):
    """The generator will not do this; nothing was begun."""

    code, detail = "generation_refused", "The generator refuses this request."


class SubmissionAmbiguous(FunctionError):
    """The generator may or may not have taken the job: its answer was lost or says neither."""


class Stage(StrEnum):
    QUEUED = "queued"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True, repr=False)
class Generation:
    """How a generation is. `video_url` when completed; `error_code`, one of ERROR_CODES, when failed."""

    stage: Stage
    video_url: str | None = None
    error_code: str | None = None


# What a user is told about a failure; the generator's own text may quote a prompt or an address.
ERROR_CODES: Mapping[str, str] = {
    "content_refused": "The generator refused the prompt or the image because of its content.",
    "input_refused": "The generator could not use the prompt, the image or the settings.",
    "generation_timed_out": "The generator took too long.",
    "generation_failed": "The generator failed.",
    "no_video": "The generator ended without a video.",
    "generation_lost": "The generator lost the job.",
    "submission_lost": "The job did not reach the generator.",
    "generation_refused": "The generator refused the job.",
    "generator_unavailable": "The generator could not be reached.",
}
_TIMED_OUT = frozenset({"generation_timeout", "request_timeout", "startup_timeout"})
# Told with the status of a bad order, and none of the user's: a partner of fal's failed, or the image that we put into
# fal's own storage could not be had from there (docs.fal.ai/errors).
_NOT_OF_THE_ORDER = frozenset({"downstream_service_error", "file_download_error"})
_CONTENT = ("content_policy", "nsfw", "safety")
# What is said of the order itself.
_REFUSALS = frozenset({400, 413, 415, 422})
# Nobody's verdict about a generation: ask again later.
_PASSING = frozenset({404, 408, 409, 425, 429})
_STAGES = {"IN_QUEUE": Stage.QUEUED, "IN_PROGRESS": Stage.PROCESSING}


class FalStorage:
    """fal.ai's own storage, where a generation finds its image for as long as it may wait."""

    def __init__(self, *, storage_url: str, key: Secret) -> None:
        self._storage, self._calls = storage_url.rstrip("/"), FalCalls(key)

    def upload(self, content: bytes, *, content_type: str, file_name: str, lifetime_seconds: int) -> str:
        """Put an image into fal's own storage for this long; gives its address, which is public to who knows it.

        Raises:
            GeneratorUnavailable: it is not stored.
        """
        try:
            begun = self._calls.json(
                "POST",
                f"{self._storage}/storage/upload/initiate?storage_type=fal-cdn-v3",
                body={"content_type": content_type, "file_name": file_name},
                headers={_UPLOAD_LIFETIME: _lifetime(lifetime_seconds)},
                seconds=HAND_OVER_SECONDS,
            )
            upload_url, file_url = begun.member("upload_url"), begun.member("file_url")
            if not (begun.ok and self._is_address(upload_url) and self._is_address(file_url)):
                raise _unavailable(begun)
            stored = self._calls.put(upload_url, content, content_type=content_type, seconds=HAND_OVER_SECONDS)
        except CallFailed as error:
            raise GeneratorUnavailable from error
        if not stored.ok:
            raise _unavailable(stored)
        return str(file_url)

    def _is_address(self, value: Any) -> bool:
        """Whether it is an address as safe as the API's own: nothing secret leaves by plain http but on a laptop."""
        if not isinstance(value, str) or len(value) > MAXIMUM_URL_CHARACTERS:
            return False
        return urlsplit(value).scheme in {"https", urlsplit(self._storage).scheme}


class Fal:
    """fal.ai's queue, with our key (`key`: `{"key": "id:secret"}`)."""

    def __init__(self, *, queue_url: str, key: Secret) -> None:
        self._queue, self._calls = queue_url.rstrip("/"), FalCalls(key)

    def submit(self, path: str, arguments: Mapping[str, Any], *, webhook: str, lifetime_seconds: int) -> str:
        """Hand a generation over; gives the generator's request id.

        Raises:
            GenerationRefused, GeneratorUnavailable, GeneratorMisconfigured: nothing was begun.
            SubmissionAmbiguous: it may have been.
        """
        try:
            answer = self._calls.json(
                "POST",
                f"{self._queue}/{path}?{urlencode({'fal_webhook': webhook})}",
                body=arguments,
                headers={_RESULT_LIFETIME: _lifetime(lifetime_seconds)},
                seconds=HAND_OVER_SECONDS,
            )
        except CallFailed as error:
            if error.sent:
                raise SubmissionAmbiguous(str(error)) from None
            raise GeneratorUnavailable from error
        request_id = answer.member("request_id")
        if answer.ok and isinstance(request_id, str) and 0 < len(request_id) <= 128:
            return request_id
        raise _not_taken(answer)

    def look(self, application: str, request_id: str, *, seconds: float = ASK_SECONDS) -> Generation:
        """How a generation is, asked in the order that suits one under way: status, then the result.

        Raises:
            GeneratorUnavailable, GeneratorMisconfigured: nothing is known.
        """
        status = self._ask(application, request_id, "/status", seconds)
        known = _under_way_or_failed(status)
        untyped = known is not None and known.stage is Stage.FAILED and not status.error_type
        if known is not None and not untyped:
            return known
        result = self._ask(application, request_id, "", seconds)
        if untyped:
            return _failed(status, result)
        return _made(result) if result.ok else _failed_for_good(result)

    def collect(self, application: str, request_id: str, *, seconds: float = ASK_SECONDS) -> Generation:
        """How a generation is that is said to have ended: the result, and the status only where there is none.

        All of it takes at most about `seconds`.

        Raises:
            GeneratorUnavailable, GeneratorMisconfigured: nothing is known.
        """
        ends = time.monotonic() + seconds
        result = self._ask(application, request_id, "", seconds)
        if result.ok:
            return _made(result)
        status = self._ask(application, request_id, "/status", max(0.0, ends - time.monotonic()))
        known = _under_way_or_failed(status)
        if known is not None and known.stage is Stage.FAILED:
            return _failed(status, result)
        return known or _failed_for_good(result)

    def _ask(self, application: str, request_id: str, what: str, seconds: float) -> Answer:
        url = f"{self._queue}/{application}/requests/{quote(request_id, safe='')}{what}"
        try:
            return self._calls.json("GET", url, seconds=seconds)
        except CallFailed as error:
            raise GeneratorUnavailable from error


def _lifetime(seconds: int) -> str:
    return json.dumps({"expiration_duration_seconds": seconds})


def _unavailable(answer: Answer) -> GeneratorUnavailable:
    error = GeneratorUnavailable()
    error.__cause__ = ValueError(f"the generator answered {answer.status}")
    return error


def _not_taken(answer: Answer) -> Exception:
    """What a submission's answer means that names no request.

    An overload and fal's own errors (they name their type) are refusals; a bare 5xx may be a gateway's whose other
    side went on.
    """
    if answer.status in (429, 503) or (answer.status >= 500 and answer.error_type):
        return _unavailable(answer)
    if answer.status in _REFUSALS:
        return GenerationRefused()
    if 400 <= answer.status < 500 and answer.status != 408:
        return refuses_us()  # no such model, no balance: ours to mend
    return SubmissionAmbiguous(f"the generator answered {answer.status} and named no request")


def _under_way_or_failed(status: Answer) -> Generation | None:
    """What a status says by itself; None when only the result tells.

    Raises:
        GeneratorUnavailable: it says nothing we know.
    """
    if not status.ok:
        raise _unavailable(status)
    word = status.member("status")
    if isinstance(word, str) and word in _STAGES:
        return Generation(_STAGES[word])
    if word != "COMPLETED":
        raise GeneratorUnavailable from ValueError("the generator answered with an unknown status")
    return _failed(status) if status.member("error") or status.error_type else None


def _made(result: Answer) -> Generation:
    """The video of a result.

    Raises:
        GeneratorUnavailable: it is no JSON at all: the answer was damaged on its way.
    """
    if not isinstance(result.body, dict):
        raise GeneratorUnavailable from ValueError("the generator's result is no JSON object")
    video = result.body.get("video")
    url = video.get("url") if isinstance(video, dict) else None
    if not isinstance(url, str) or len(url) > MAXIMUM_URL_CHARACTERS or not url.startswith(("https://", "http://")):
        return Generation(Stage.FAILED, error_code="no_video")
    return Generation(Stage.COMPLETED, video_url=url)


def _failed_for_good(result: Answer) -> Generation:
    """A completed generation whose result is an error: the model's own, unless it may be a passing one.

    Raises:
        GeneratorUnavailable: it may be a passing one.
    """
    if result.status in _PASSING or result.status < 400 or (result.status >= 500 and not result.error_type):
        raise _unavailable(result)
    return _failed(result)


def _failed(answer: Answer, result: Answer | None = None) -> Generation:
    """What failed it. A status that has an error may not say which: a refusal for its content stands in the result."""
    answers = [answer] if result is None else [answer, result]
    kinds = {kind for each in answers for kind in (each.error_type, *_detail_types(each.member("detail")))}
    # Beside a status, a result's 400 may say that it was asked too early.
    refused = answer.status in (400, 422) or (result is not None and result.status == 422)
    if any(word in kind for kind in kinds for word in _CONTENT):
        code = "content_refused"
    elif kinds & _TIMED_OUT:
        code = "generation_timed_out"
    elif kinds & _NOT_OF_THE_ORDER:
        code = "generation_failed"
    elif refused or "bad_request" in kinds:
        code = "input_refused"
    else:
        code = "generation_failed"
    return Generation(Stage.FAILED, error_code=code)


def _detail_types(detail: Any) -> list[str]:
    """The types in a list of `{loc, msg, type}`; a `detail` may also be a text, which tells nothing reliable."""
    items = detail if isinstance(detail, list) else []
    return [str(item.get("type", "")) for item in items if isinstance(item, dict)]
