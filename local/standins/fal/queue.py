"""queue.fal.run: takes a generation, tells its status, hands out the result.

https://docs.fal.ai/model-endpoints/queue
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local.standins.fal.answers import lifetime, refused
from local.standins.fal.cdn import Cdn
from local.standins.fal.generations import Generation, Generations
from local.standins.fal.runner import Runner
from local.standins.fal.webhooks import may_be_called

LIFETIME = "x-fal-object-lifecycle-preference"
# A look at the status waits so long for what it started.
LOOK_SECONDS = 1.0


class Queue:
    """The queue API."""

    def __init__(self, generations: Generations, runner: Runner, cdn: Cdn) -> None:
        self._generations, self._runner, self._cdn = generations, runner, cdn

    async def submit(self, request: Request) -> Response:
        try:
            body = json.loads(await request.body())
        except ValueError:
            body = None
        if not isinstance(body, dict):
            return refused(422, [{"loc": ["body"], "msg": "Input should be a valid dictionary", "type": "dict_type"}])
        seconds = lifetime(request.headers.get(LIFETIME))
        if seconds is None:
            return refused(400, f"{LIFETIME} is no object with a positive expiration_duration_seconds")
        webhook = request.query_params.get("fal_webhook", "")
        if webhook and not may_be_called(webhook):
            return refused(400, "the webhook is not on loopback")
        made = self._generations.add(_model(request), body, webhook=webhook, lifetime_seconds=seconds)
        self._runner.start(made)
        base = str(request.base_url).rstrip("/") + f"/{made.model}/requests/{made.id}"
        links = {"response_url": base, "status_url": f"{base}/status", "cancel_url": f"{base}/cancel"}
        return JSONResponse({"request_id": made.id, "gateway_request_id": made.id, **links, "queue_position": 0})

    async def status(self, request: Request) -> Response:
        made = self._find(request)
        if made is None:
            return refused(404, "Request not found")
        if made.due and not made.done:
            finishing = asyncio.ensure_future(self._runner.finish(made))
            await asyncio.wait([finishing], timeout=LOOK_SECONDS)
        status = made.status
        made.looks += 1
        more: dict[str, Any] = {"queue_position": 0} if status == "IN_QUEUE" else {}
        if made.done and made.error:
            more = {"error": made.error, "error_type": made.error_type}
        return JSONResponse({"status": status, "request_id": made.id, **more})

    async def result(self, request: Request) -> Response:
        made = self._find(request)
        if made is None:
            return refused(404, "Request not found")
        if not made.done:
            return refused(400, "Request is still in progress")
        if made.error:
            # A list is the model's own word on the request: the same request fails again.
            if isinstance(made.detail, list):
                return refused(422, made.detail, made.error_type, **{"X-Fal-Retryable": "false"})
            return refused(500, made.detail, made.error_type)
        return JSONResponse(payload(made, self._cdn))

    async def cancel(self, request: Request) -> Response:
        made = self._find(request)
        if made is None:
            return refused(404, "Request not found")
        if made.done:
            return JSONResponse({"status": "ALREADY_COMPLETED"}, 400)
        self._generations.drop(made)
        return JSONResponse({"status": "CANCELLATION_REQUESTED"}, 202)

    def _find(self, request: Request) -> Generation | None:
        made = self._generations.get(request.path_params["id"])
        return made if made is not None and made.model == _model(request) else None


def _model(request: Request) -> str:
    return f"{request.path_params['owner']}/{request.path_params['alias']}"


def payload(made: Generation, cdn: Cdn) -> dict[str, Any]:
    """A video model's result."""
    file = made.file
    assert file is not None, "a failed generation has no result"
    video = {"url": cdn.url(file), "content_type": file.content_type, "file_name": file.name, "file_size": file.size}
    return {"video": video}


def webhook_content(made: Generation, cdn: Cdn) -> dict[str, Any]:
    """The body of a call-back."""
    ids = {"request_id": made.id, "gateway_request_id": made.id}
    if made.error:
        failed = {"detail": made.detail} if isinstance(made.detail, list) else None
        return {**ids, "status": "ERROR", "error": made.error, "payload": failed}
    return {**ids, "status": "OK", "payload": payload(made, cdn)}
