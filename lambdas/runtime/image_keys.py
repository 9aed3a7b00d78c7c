"""Where images lie in the bucket. Keys are built from our own ids only."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from lambdas.runtime.claims import canonical_uuid

INCOMING = "incoming/"
IMAGES = "images/"
ANONYMOUS = "anonymous/"
_EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "image/heic": "heic"}
CONTENT_TYPES = frozenset(_EXTENSIONS)


def extension(content_type: str) -> str:
    return _EXTENSIONS[content_type]


def accepted_key(auth_user_id: UUID, image_id: UUID, content_type: str) -> str:
    """Where a checked image lies; users cannot write there."""
    return f"{IMAGES}{auth_user_id}/{image_id}.{extension(content_type)}"


def anonymous_key(image_id: UUID, content_type: str) -> str:
    """Where a checked image of a caller with no session lies, until its lifecycle ends."""
    return f"{ANONYMOUS}{image_id}.{extension(content_type)}"


@dataclass(frozen=True)
class IncomingKey:
    """Where a user's form puts an upload."""

    auth_user_id: UUID
    image_id: UUID

    def __str__(self) -> str:
        return f"{INCOMING}{self.auth_user_id}/{self.image_id}"

    @classmethod
    def of(cls, key: str) -> IncomingKey | None:
        """The parts of `key`, or None when it is no key of ours."""
        parts = key.removeprefix(INCOMING).split("/")
        if not key.startswith(INCOMING) or len(parts) != 2:
            return None
        try:
            return cls(canonical_uuid(parts[0]), canonical_uuid(parts[1]))
        except ValueError:
            return None
