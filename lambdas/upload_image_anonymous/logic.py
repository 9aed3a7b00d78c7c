"""An image of a caller with no session: served while old versions of the app need it (plan M4)."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from lambdas.runtime.image_content import CheckedImage
from lambdas.runtime.image_keys import anonymous_key

_VERSION = re.compile(r"([0-9])\.([0-9]|[12][0-9])(\.[0-9]{1,3})?")


class Storage(Protocol):
    def put(self, key: str, content: bytes, *, content_type: str) -> None: ...
    def address(self, key: str, *, seconds: int) -> str: ...


@dataclass(frozen=True)
class AnonymousImage:
    image_id: uuid.UUID
    url: str
    url_expires_at: datetime

    def as_json(self) -> dict[str, Any]:
        return {
            "image_id": str(self.image_id),
            "image_url": self.url,
            "image_url_expires_at": self.url_expires_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }


def store_anonymous_image(
    content: bytes, image: CheckedImage, *, storage: Storage, seconds: int, now: Callable[[], datetime]
) -> AnonymousImage:
    """Store a checked image under a key that only we could choose, and give its address.

    Raises:
        StorageUnavailable: it cannot be stored now.
    """
    image_id = uuid.uuid4()
    key = anonymous_key(image_id, image.content_type)
    storage.put(key, content, content_type=image.content_type)
    return AnonymousImage(image_id, storage.address(key, seconds=seconds), now() + timedelta(seconds=seconds))


def app_version(header: str | None) -> str:
    """The app's version as `major.minor`, for a metric's dimension.

    Anyone can send any header, and each value of a dimension is a metric that costs: 300 values at most, `other` and
    `none` beside them.
    """
    if not header:
        return "none"
    version = _VERSION.fullmatch(header.strip())
    return f"{version[1]}.{version[2]}" if version else "other"
