"""From an upload to an image, or to a row that says why not.

S3's event names one version of an object. That version is checked, and exactly that version is copied to where users
cannot write: whatever the user's form uploads meanwhile changes nothing. One run at a time holds an image, so that its
row and its copy tell of the same version.

Every step may be repeated, and a kill between any two leaves a state from which the next event, Lambda's retry or the
sweep goes on: the row is settled before the upload is removed, and only pending rows are ever settled.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Protocol

from lambdas.runtime.image_content import CheckedImage, ImageRefused, Refusal, check_image
from lambdas.runtime.image_keys import IncomingKey, accepted_key

# Between a form's end and the sweep's: an upload that began in time may still be on its way.
GRACE_SECONDS = 60


class Outcome(StrEnum):
    """What became of one upload."""

    READY = "ready"
    REFUSED = "refused"
    SETTLED = "settled"  # its row was settled before: a late or repeated event, or a replayed form
    STRAY = "stray"  # no row speaks of it
    BUSY = "busy"  # another run is inspecting it, or a version of it
    GONE = "gone"  # nothing there to inspect


@dataclass(frozen=True)
class Image:
    """What an image's row says."""

    key: IncomingKey
    pending: bool
    content_type: str


class Images(Protocol):
    def find(self, key: IncomingKey) -> Image | None: ...
    def hold(self, key: IncomingKey) -> AbstractContextManager[bool]: ...
    def accept(self, image: Image, checked: CheckedImage, *, key: str, version: str) -> bool: ...
    def refuse(self, image: Image, reason: Refusal) -> bool: ...
    def overdue(self, created_before: datetime, *, limit: int) -> list[Image]: ...


class Uploads(Protocol):
    def keys(self, written_before: datetime) -> Iterable[str]: ...
    def versions(self, key: str) -> list[str]: ...
    def read(self, key: str, version: str, *, maximum_bytes: int) -> bytes | None: ...
    def copy(self, key: str, version: str, *, to: str, content_type: str) -> str | None: ...
    def remove(self, key: str) -> None: ...


@dataclass(frozen=True)
class Inspection:
    """`reason` is set when this run refused the image."""

    outcome: Outcome
    reason: Refusal | None = None


@dataclass(frozen=True)
class Inspector:
    """Inspects uploads; `maximum_bytes` bounds what is read of one."""

    images: Images
    uploads: Uploads
    maximum_bytes: int

    def inspect(self, key: str, version: str) -> Inspection:
        """Settle the upload `key`, of which `version` was written.

        Raises:
            Exception: storage or database failed; the same call may be made again.
        """
        incoming = IncomingKey.of(key)
        image = self.images.find(incoming) if incoming else None
        if incoming is None or image is None:
            return self._removed(key, Outcome.STRAY)
        if not image.pending:
            return self._removed(key, Outcome.SETTLED)
        with self.images.hold(incoming) as held:
            if not held:  # the other run settles the row, and then removes every version: this one too
                return Inspection(Outcome.BUSY)
            image = self.images.find(incoming)  # again: the other run may have been and gone
            if image is None or not image.pending:
                return self._removed(key, Outcome.SETTLED)
            return self._settled(image, key, version)

    def inspect_again(self, key: str) -> Inspection:
        """Settle the upload `key`, whose event was lost or failed, by the first of its versions."""
        versions = self.uploads.versions(key)
        return self.inspect(key, versions[0]) if versions else Inspection(Outcome.GONE)

    def _settled(self, image: Image, key: str, version: str) -> Inspection:
        try:
            content = self.uploads.read(key, version, maximum_bytes=self.maximum_bytes)
            if content is None:
                return Inspection(Outcome.GONE)
            checked = check_image(content, maximum_bytes=self.maximum_bytes, declared=image.content_type)
        except ImageRefused as refused:
            won = self.images.refuse(image, refused.reason)
            return self._removed(key, Outcome.REFUSED if won else Outcome.SETTLED, refused.reason if won else None)
        accepted = accepted_key(image.key.auth_user_id, image.key.image_id, checked.content_type)
        copied = self.uploads.copy(key, version, to=accepted, content_type=checked.content_type)
        if copied is None:
            return Inspection(Outcome.GONE)
        won = self.images.accept(image, checked, key=accepted, version=copied)
        return self._removed(key, Outcome.READY if won else Outcome.SETTLED)

    def _removed(self, key: str, outcome: Outcome, reason: Refusal | None = None) -> Inspection:
        """Always last: until the row is settled, the upload is what a repetition needs."""
        self.uploads.remove(key)
        return Inspection(outcome, reason)


def sweep(
    inspector: Inspector,
    *,
    now: datetime,
    upload_seconds: int,
    inspected: Callable[[str, Callable[[], Inspection]], None],
    may_go_on: Callable[[], bool],
    batch: int = 200,
) -> None:
    """Settle what events did not: rows whose form ended with no upload, then uploads older than a minute.

    `inspected` runs and reports one inspection; `may_go_on` says whether there is time for another. Safe to run twice
    at once and to kill; the next sweep goes on.
    """
    ended = now - timedelta(seconds=upload_seconds + GRACE_SECONDS)
    overdue = list(inspector.images.overdue(ended, limit=batch))
    keys = list(inspector.uploads.keys(now - timedelta(seconds=GRACE_SECONDS)))
    # One that kills this process must not stand before all others every time.
    random.shuffle(overdue)
    random.shuffle(keys)
    for image in overdue:
        if not may_go_on():
            return
        inspected(str(image.key), partial(_settle_overdue, inspector, image))
    for key in keys:
        if not may_go_on():
            return
        inspected(key, partial(inspector.inspect_again, key))


def _settle_overdue(inspector: Inspector, image: Image) -> Inspection:
    found = inspector.inspect_again(str(image.key))
    if found.outcome is not Outcome.GONE:
        return found
    if inspector.images.refuse(image, Refusal.NEVER_UPLOADED):
        return Inspection(Outcome.REFUSED, Refusal.NEVER_UPLOADED)
    return Inspection(Outcome.SETTLED)
