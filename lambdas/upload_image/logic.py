"""A form that uploads one image of the user's (plan M3). Credits have no part in it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from lambdas.runtime.claims import Claims
from lambdas.runtime.errors import TooLarge, Unprocessable, UnsupportedMediaType
from lambdas.runtime.image_keys import CONTENT_TYPES, IncomingKey
from lambdas.runtime.user_storage import UploadForm


@dataclass(frozen=True)
class UploadRequest:
    """What the user is about to upload; `content_length` in bytes."""

    content_type: str
    content_length: int

    @classmethod
    def of(cls, body: Mapping[str, Any], *, maximum_bytes: int) -> UploadRequest:
        """Read a request's body.

        Raises:
            UnsupportedMediaType, Unprocessable, TooLarge: naming the member at fault.
        """
        content_type, content_length = body.get("content_type"), body.get("content_length")
        if not isinstance(content_type, str) or content_type not in CONTENT_TYPES:
            raise UnsupportedMediaType(
                f"content_type must be one of {', '.join(sorted(CONTENT_TYPES))}.", field="content_type"
            )
        if isinstance(content_length, bool) or not isinstance(content_length, int) or content_length < 1:
            raise Unprocessable("content_length must be the image's size in bytes, at least 1.", field="content_length")
        if content_length > maximum_bytes:
            raise TooLarge(f"content_length must be at most {maximum_bytes}.", field="content_length")
        return cls(content_type, content_length)


@dataclass(frozen=True)
class Upload:
    image_id: uuid.UUID
    form: UploadForm
    expires_at: datetime

    def as_json(self) -> dict[str, Any]:
        return {
            "image_id": str(self.image_id),
            "upload": {"url": self.form.url, "fields": dict(self.form.fields)},
            "expires_at": self.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }


class Images(Protocol):
    def add_pending(self, claims: Claims, image_id: uuid.UUID, request: UploadRequest) -> None: ...


class Storage(Protocol):
    def upload_form(
        self, auth_user_id: uuid.UUID, key: str, *, content_type: str, maximum_bytes: int, seconds: int
    ) -> UploadForm: ...


def begin_upload(
    claims: Claims,
    request: UploadRequest,
    *,
    images: Images,
    storage: Storage,
    seconds: int,
    now: Callable[[], datetime],
) -> Upload:
    """Note the image as pending, then sign its form in the user's own session.

    In this order: an upload always finds its row. A row that no upload follows is settled by the sweep
    (inspect_image).

    Raises:
        UserUnknown, UserBlocked, DatabaseUnavailable, StorageUnavailable: no form was given.
    """
    image_id = uuid.uuid4()
    images.add_pending(claims, image_id, request)
    expires_at = now() + timedelta(seconds=seconds)
    form = storage.upload_form(
        claims.sub,
        str(IncomingKey(claims.sub, image_id)),
        content_type=request.content_type,
        maximum_bytes=request.content_length,
        seconds=seconds,
    )
    return Upload(image_id, form, expires_at)
