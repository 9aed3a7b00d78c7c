"""GET /v1/images/{image_id}."""

from __future__ import annotations

from datetime import UTC, datetime

from lambdas.runtime.http import HttpEvent, Response, api_handler, ok
from lambdas.view_image.adapters import Adapters
from lambdas.view_image.logic import view_image


@api_handler(Adapters.build)
def handler(event: HttpEvent, adapters: Adapters) -> Response:
    view = view_image(
        event.claims(),
        event.path_parameters.get("image_id", ""),
        images=adapters.images,
        storage=adapters.storage,
        seconds=adapters.url_seconds,
        now=lambda: datetime.now(UTC),
    )
    return ok(view.as_json())
