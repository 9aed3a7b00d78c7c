"""POST /v1/webhooks/fal."""

from __future__ import annotations

from lambdas.fal_webhook.adapters import build
from lambdas.fal_webhook.logic import Webhooks
from lambdas.runtime.http import HttpEvent, Response, api_handler, no_content


@api_handler(build)
def handler(event: HttpEvent, webhooks: Webhooks) -> Response:
    webhooks.receive(event.headers, event.body, event.query, request_id=event.request_id)
    return no_content()
