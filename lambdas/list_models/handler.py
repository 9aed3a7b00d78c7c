"""GET /v1/models."""

from __future__ import annotations

from lambdas.runtime.http import HttpEvent, Response, api_handler, ok
from lambdas.runtime.video_models import MODELS


@api_handler(lambda: None)
def handler(event: HttpEvent, _: None) -> Response:
    event.claims()
    return ok({"models": [model.as_json() for model in MODELS.values() if model.offered]})
