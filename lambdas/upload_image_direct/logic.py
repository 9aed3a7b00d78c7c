"""An image in one request: checked by its content, then stored as the user's (plan M5)."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from lambdas.runtime.claims import Claims
from lambdas.runtime.image_content import CheckedImage
from lambdas.runtime.image_keys import accepted_key
from lambdas.runtime.users import User


class Images(Protocol):
    def user_of(self, claims: Claims) -> User: ...
    def add_ready(
        self, claims: Claims, image_id: uuid.UUID, user: User, image: CheckedImage, *, key: str, version: str
    ) -> None: ...


class Storage(Protocol):
    def put(self, auth_user_id: uuid.UUID, key: str, content: bytes, *, content_type: str) -> str: ...


@dataclass(frozen=True)
class StoredImage:
    image_id: uuid.UUID

    def as_json(self) -> dict[str, Any]:
        return {"image_id": str(self.image_id), "status": "ready"}


def store_image(
    claims: Claims,
    content: bytes,
    *,
    check: Callable[[bytes], CheckedImage],
    images: Images,
    storage: Storage,
) -> StoredImage:
    """Check `content`, store it in the user's own session, then note it as ready.

    In this order: a row that says ready always has its object. A kill before the row leaves an object that no row
    names and no user can find; the clean-up of images removes it.

    Raises:
        UserUnknown, UserBlocked, DatabaseUnavailable, StorageUnavailable: nothing was noted.
        ApiError: `check` refuses the content; nothing was stored.
    """
    user = images.user_of(claims)
    image = check(content)
    image_id = uuid.uuid4()
    key = accepted_key(claims.sub, image_id, image.content_type)
    version = storage.put(claims.sub, key, content, content_type=image.content_type)
    images.add_ready(claims, image_id, user, image, key=key, version=version)
    return StoredImage(image_id)
