"""What was submitted, and how it is to go."""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from local.standins.fal.downloads import DownloadFault
from local.standins.fal.files import StoredFile
from local.standins.fal.webhook_delivery import Delivery
from local.standins.faults import drawn

STEPS = ("IN_QUEUE", "IN_PROGRESS", "COMPLETED")
VIDEO_BYTES = 300_000


class Outcome(BaseModel):
    """How a generation goes, programmed before it is submitted.

    Attributes:
        model: only for models whose name starts so.
        times: submits left; None for all.
        share: of those submits only so many, drawn by `seed` and the request's number.
        after_ms: completes by itself so long after its submit, and calls back; None: one step on with each look.
        video_bytes: size of the result.
        error, error_type: it completes as a failure.
        downloads: faults of its result's downloads, one after the other.
        webhook: how its call-back is sent.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = ""
    times: int | None = Field(default=1, ge=1)
    share: float = Field(default=1.0, gt=0, le=1)
    seed: int = 0
    after_ms: int | None = Field(default=None, ge=0)
    video_bytes: int = Field(default=VIDEO_BYTES, ge=VIDEO_BYTES, le=2_000_000_000)
    error: str = ""
    error_type: str = ""
    downloads: tuple[DownloadFault, ...] = ()
    webhook: Delivery = Delivery()


@dataclass
class Image:
    """A picture that a generation starts from, as the runner met it."""

    field: str
    fetched: bool = False
    bytes: int = 0
    format: str = ""


@dataclass
class Generation:
    """One request in the queue.

    Attributes:
        number: requests count from 1.
    """

    number: int
    model: str
    settings: dict[str, Any] = field(repr=False)
    outcome: Outcome
    webhook: str = field(default="", repr=False)
    lifetime_seconds: int = 0
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    submitted_at: float = field(default_factory=time.monotonic)
    looks: int = 0
    done: bool = False
    cancelled: bool = False
    error: str = ""
    error_type: str = ""
    detail: Any = None
    file: StoredFile | None = None
    images: list[Image] = field(default_factory=list)
    webhooks: list[int | None] = field(default_factory=list)
    finishing: asyncio.Task[None] | None = field(default=None, repr=False)

    @property
    def due(self) -> bool:
        """True when the next look completes a generation that has no time of its own."""
        return self.outcome.after_ms is None and self.looks >= len(STEPS) - 1

    @property
    def status(self) -> str:
        if self.done:
            return "COMPLETED"
        if self.outcome.after_ms is None:
            return STEPS[min(self.looks, 1)]
        # A fifth of the time in the queue.
        return STEPS[(time.monotonic() - self.submitted_at) * 5000 >= self.outcome.after_ms]

    def shown(self) -> dict[str, Any]:
        """What the control API tells: no prompt, no address, no value of a setting."""
        return {
            "id": self.id,
            "model": self.model,
            "status": self.status,
            "lifetime_seconds": self.lifetime_seconds,
            "fields": sorted(self.settings),
            "error": self.error,
            "error_type": self.error_type,
            "images": [vars(image) for image in self.images],
            "webhook_asked": bool(self.webhook),
            "webhooks": self.webhooks,
            "video_bytes": self.file.size if self.file else 0,
            "downloads": [vars(download) for download in self.file.downloads] if self.file else [],
        }


class Generations:
    """All requests, and the outcomes of those to come."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self._all: dict[str, Generation] = {}
        self._count = 0

    def add(self, model: str, settings: dict[str, Any], *, webhook: str, lifetime_seconds: int) -> Generation:
        self._count += 1
        made = Generation(self._count, model, settings, self._outcome(model), webhook, lifetime_seconds)
        self._all[made.id] = made
        return made

    def get(self, request_id: str) -> Generation | None:
        return self._all.get(request_id)

    def drop(self, made: Generation) -> None:
        self._all.pop(made.id, None)
        made.cancelled = True
        if made.finishing is not None:
            made.finishing.cancel()

    def all(self) -> list[Generation]:
        return list(self._all.values())

    def clear(self) -> None:
        for made in self.all():
            self.drop(made)
        self._count = 0

    def _outcome(self, model: str) -> Outcome:
        for place, outcome in enumerate(self.outcomes):
            if model.startswith(outcome.model) and drawn(outcome.share, outcome.seed, place, self._count):
                if outcome.times is not None:
                    left = outcome.times - 1
                    self.outcomes[place : place + 1] = [outcome.model_copy(update={"times": left})] if left else []
                return outcome
        return Outcome()
