"""PUT /v1/images/direct: the body is the image, at most 4 MiB."""

from __future__ import annotations

from lambdas.runtime.http import HttpEvent, Response, api_handler, created
from lambdas.runtime.image_requests import image_of
from lambdas.runtime.observability import count
from lambdas.upload_image_direct.adapters import Adapters
from lambdas.upload_image_direct.logic import store_image


@api_handler(Adapters.build)
def handler(event: HttpEvent, adapters: Adapters) -> Response:
    stored = store_image(
        event.claims(),
        event.body,
        check=lambda content: image_of(content, event.headers.get("content-type")),
        images=adapters.images,
        storage=adapters.storage,
    )
    count("ImagesRequested")
    count("ImagesReady")
    return created(stored.as_json())
