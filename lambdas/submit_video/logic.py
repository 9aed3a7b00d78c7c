"""A video order, from the request to the generator (docs/adr/0061-submit-settle-refund.md).

The credits are spent and the job is noted in one transaction before the generator hears of it; they are given back in
one transaction when it certainly did not take the job. When that is uncertain the job stays: the generator's webhook
adopts it, or the sweep gives the credits back. A process that is killed anywhere leaves one of these.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from lambdas.runtime.claims import Claims
from lambdas.runtime.errors import ApiError, Conflict, DatabaseUnavailable, Gone, NotFound, Unavailable, Unprocessable
from lambdas.runtime.generations import count_failed
from lambdas.runtime.generator import GenerationRefused, SubmissionAmbiguous
from lambdas.runtime.observability import about_job, count, log
from lambdas.submit_video.pictures import Picture
from lambdas.submit_video.requests import VideoRequest


class ImageNotFound(NotFound):
    """No such image, or another user's: nobody learns which."""

    code, detail = "image_not_found", "There is no such image."


class ImageNotReady(Conflict):
    code, detail = "image_not_ready", "The image is not inspected yet. Ask for it until it is ready."


class ImageUnusable(Unprocessable):
    code, detail = "image_refused", "The image was refused. Upload another one."


class ImageExpired(Gone):
    code, detail = "image_expired", "The image is no longer kept. Upload it again."


class IdempotencyKeyReused(Conflict):
    code, detail = "idempotency_key_reused", "This Idempotency-Key came with another request before."


class SubmitsStopped(Unavailable):
    """People on call have stopped new orders; nothing was spent."""

    code, detail = "submits_stopped", "New videos cannot be ordered right now. Nothing was spent. Try again later."
    retry_after_seconds = 300


@dataclass(frozen=True)
class StoredImage:
    """An image's row. `key` is where a ready image lies."""

    status: str
    key: str | None
    content_type: str


@dataclass(frozen=True)
class Order:
    """A job as its submission is answered; `new` when this very call made it. `request_id`: the request that did."""

    job_id: UUID
    credits_left: int
    digest: bytes
    request_id: str
    new: bool = False

    def as_json(self) -> dict[str, Any]:
        return {"job_id": str(self.job_id), "status": "queued", "credits_remaining": self.credits_left}


class Jobs(Protocol):
    def find(self, claims: Claims, idempotency_key: str) -> Order | None: ...
    def image(self, claims: Claims, image_id: UUID) -> StoredImage | None: ...
    def spend(self, claims: Claims, job_id: UUID, request: VideoRequest, *, request_id: str) -> Order: ...
    def taken(self, claims: Claims, job_id: UUID, generator_request_id: str) -> None: ...
    def refund(self, claims: Claims, job_id: UUID, error_code: str) -> int: ...


class Images(Protocol):
    def get(self, auth_user_id: UUID, key: str, *, maximum_bytes: int) -> bytes | None: ...


class Uploads(Protocol):
    def upload(self, content: bytes, *, content_type: str, file_name: str, lifetime_seconds: int) -> str: ...


class Generator(Protocol):
    def submit(self, path: str, arguments: dict[str, Any], *, webhook: str, lifetime_seconds: int) -> str: ...


@dataclass(frozen=True)
class Submissions:
    """Takes orders. `webhook_url` is where the generator calls back; it is told the job there."""

    jobs: Jobs
    images: Images
    uploads: Uploads
    generator: Generator
    webhook_url: str
    result_seconds: int
    image_max_bytes: int
    new_id: Callable[[], UUID] = uuid.uuid4

    def submit(self, claims: Claims, request: VideoRequest, *, request_id: str) -> Order:
        """The order's job: a new one, or the one that an earlier request with the same key made.

        `request_id` stays with a new job: whatever is logged about it from here on carries it.

        Raises:
            IdempotencyKeyReused, ImageNotFound, ImageNotReady, ImageUnusable, ImageExpired, PaymentRequired,
            GenerationRefused, GeneratorUnavailable, StorageUnavailable: nothing was spent, or it was given back.
            SubmitsStopped, UserUnknown, UserBlocked, DatabaseUnavailable
        """
        if request.idempotency_key is not None:
            earlier = self.jobs.find(claims, request.idempotency_key)
            if earlier is not None:
                return _same(earlier, request)
        picture = self._picture(claims, request.image_id)
        order = self.jobs.spend(claims, self.new_id(), request, request_id=request_id)
        if not order.new:
            return _same(order, request)
        about_job(order.job_id, order.request_id)
        count("GenerationsRequested")
        count("CreditsSpent", request.credits)
        self._hand_over(claims, order, request, picture)
        return order

    def _picture(self, claims: Claims, image_id: UUID | None) -> Picture | None:
        """The image, read as its user before anything is spent: what cannot be read can cost nothing."""
        if image_id is None:
            return None
        image = self.jobs.image(claims, image_id)
        if image is None:
            raise ImageNotFound
        if image.status == "refused":
            raise ImageUnusable(field="image_id")
        if image.status != "ready":
            raise ImageNotReady
        content = image.key and self.images.get(claims.sub, image.key, maximum_bytes=self.image_max_bytes)
        if not content:
            raise ImageExpired
        return Picture(content, image.content_type).for_generator()

    def _hand_over(self, claims: Claims, order: Order, request: VideoRequest, picture: Picture | None) -> None:
        try:
            generator_request_id = self._submit(order.job_id, request, picture)
        except SubmissionAmbiguous as error:
            log().warning("submission in doubt", cause=str(error))
            count("SubmissionsAmbiguous")
            return
        except ApiError as error:  # GenerationRefused, GeneratorUnavailable: the generator certainly has nothing
            self._give_back(claims, order.job_id, error)
            raise
        try:
            self.jobs.taken(claims, order.job_id, generator_request_id)
        except DatabaseUnavailable:  # the generator has the job; its webhook tells us the same
            log().exception("submission not noted")

    def _submit(self, job_id: UUID, request: VideoRequest, picture: Picture | None) -> str:
        image_url = None
        if picture is not None:
            image_url = self.uploads.upload(
                picture.content,
                content_type=picture.content_type,
                file_name=picture.file_name,
                lifetime_seconds=self.result_seconds,
            )
        return self.generator.submit(
            request.path,
            request.arguments(image_url),
            webhook=f"{self.webhook_url}?job_id={job_id}",
            lifetime_seconds=self.result_seconds,
        )

    def _give_back(self, claims: Claims, job_id: UUID, error: ApiError) -> None:
        """Should this fail too, the job stays as it is and the sweep gives the credits back, and counts the failure."""
        code = GenerationRefused.code if isinstance(error, GenerationRefused) else "generator_unavailable"
        try:
            refunded = self.jobs.refund(claims, job_id, code)
        except DatabaseUnavailable:
            log().exception("credits not given back yet")
            return
        if refunded:
            count_failed(code)
            count("CreditsRefunded", refunded)


def _same(earlier: Order, request: VideoRequest) -> Order:
    if earlier.digest != request.digest:
        raise IdempotencyKeyReused(field="Idempotency-Key")
    about_job(earlier.job_id, earlier.request_id)
    return earlier
