"""What a user may know about one of its images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from lambdas.runtime.claims import Claims, canonical_uuid
from lambdas.runtime.errors import Gone, NotFound

READY = "ready"


class ImageNotFound(NotFound):
    """No such image, or another user's: nobody learns which."""

    code, detail = "image_not_found", "There is no such image."


class ImageExpired(Gone):
    code, detail = "image_expired", "The image is no longer kept. Upload it again."


@dataclass(frozen=True)
class StoredImage:
    """An image's row. `key` is where a ready image lies, as long as it is kept; `reason` is set when it was refused."""

    status: str
    reason: str | None
    key: str | None


class Images(Protocol):
    def find(self, claims: Claims, image_id: UUID) -> StoredImage | None: ...


class Storage(Protocol):
    def address(self, auth_user_id: UUID, key: str, *, seconds: int) -> str: ...


@dataclass(frozen=True)
class ImageView:
    image_id: UUID
    image: StoredImage
    url: str | None
    url_expires_at: datetime | None

    def as_json(self) -> dict[str, Any]:
        return {
            "image_id": str(self.image_id),
            "status": self.image.status,
            "reason": self.image.reason,
            "image_url": self.url,
            "image_url_expires_at": (
                self.url_expires_at.strftime("%Y-%m-%dT%H:%M:%SZ") if self.url_expires_at else None
            ),
        }


def view_image(
    claims: Claims, image_id: str, *, images: Images, storage: Storage, seconds: int, now: Callable[[], datetime]
) -> ImageView:
    """The image, and if it is ready an address signed in the user's own session.

    Raises:
        ImageNotFound: the user has no such image.
        ImageExpired: it has outlived its retention.
        UserUnknown, UserBlocked, DatabaseUnavailable, StorageUnavailable
    """
    try:
        wanted = canonical_uuid(image_id.lower())
    except ValueError:
        raise ImageNotFound from None
    image = images.find(claims, wanted)
    if image is None:
        raise ImageNotFound
    if image.status != READY:
        return ImageView(wanted, image, None, None)
    if image.key is None:
        raise ImageExpired
    expires_at = now() + timedelta(seconds=seconds)
    return ImageView(wanted, image, storage.address(claims.sub, image.key, seconds=seconds), expires_at)
