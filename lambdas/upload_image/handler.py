"""POST /v1/images."""

from __future__ import annotations

from datetime import UTC, datetime

from lambdas.runtime.http import HttpEvent, Response, api_handler, created
from lambdas.runtime.observability import count
from lambdas.upload_image.adapters import Adapters
from lambdas.upload_image.logic import UploadRequest, begin_upload


@api_handler(Adapters.build)
def handler(event: HttpEvent, adapters: Adapters) -> Response:
    upload = begin_upload(
        event.claims(),
        UploadRequest.of(event.json(), maximum_bytes=adapters.maximum_bytes),
        images=adapters.images,
        storage=adapters.storage,
        seconds=adapters.upload_seconds,
        now=lambda: datetime.now(UTC),
    )
    count("ImagesRequested")
    return created(upload.as_json())
