"""POST /v1/images/anonymous: the body is the image, at most 4 MiB. Exists only in phase `compatible`."""

from __future__ import annotations

from datetime import UTC, datetime

from lambdas.runtime.http import HttpEvent, Response, api_handler, created
from lambdas.runtime.image_requests import image_of
from lambdas.runtime.observability import count_by
from lambdas.upload_image_anonymous.adapters import Adapters
from lambdas.upload_image_anonymous.logic import app_version, store_anonymous_image


@api_handler(Adapters.build)
def handler(event: HttpEvent, adapters: Adapters) -> Response:
    # Counted before the check: what decides when the route may go is who still calls it.
    count_by("AnonymousUploads", app_version=app_version(event.headers.get("x-app-version")))
    stored = store_anonymous_image(
        event.body,
        image_of(event.body, event.headers.get("content-type")),
        storage=adapters.storage,
        seconds=adapters.url_seconds,
        now=lambda: datetime.now(UTC),
    )
    return created(stored.as_json())
