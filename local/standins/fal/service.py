"""fal.ai as one thing: its origins, wired together."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.standins.fal.cdn import Cdn, Listener, silent
from local.standins.fal.control import Control
from local.standins.fal.files import Files
from local.standins.fal.generations import Generations
from local.standins.fal.queue import Queue, webhook_content
from local.standins.fal.runner import Runner
from local.standins.fal.storage import Storage
from local.standins.fal.videos import Videos
from local.standins.fal.webhooks import Webhooks
from local.standins.faults import Faults, answer, wait

Call = Callable[[Request], Awaitable[Response]]


class Fal:
    """The service.

    Args:
        key: the API key it accepts.
        signing: the key of its call-backs.
        user_id: whom it names in them.
        folder: where its videos are kept.
        cdn_port: of the CDN; 0 for any.
    """

    def __init__(self, key: str, signing: Ed25519PrivateKey, user_id: str, folder: Path, cdn_port: int = 0) -> None:
        self._key = key
        self.faults = Faults()
        self.cdn = Cdn(Files(), cdn_port, self.faults)
        self.silent = silent()
        generations = Generations()
        webhooks = Webhooks(signing, user_id, lambda made: webhook_content(made, self.cdn))
        runner = Runner(Videos(folder), self.cdn, webhooks)
        self._queue = Queue(generations, runner, self.cdn)
        self._storage = Storage(self.cdn, webhooks)
        self._control = Control(generations, runner, self.cdn, webhooks, self.faults, self.silent)

    @property
    def listeners(self) -> tuple[Listener, ...]:
        """What listens beside the HTTP application."""
        return self.cdn.listener, self.silent

    def application(self) -> Starlette:
        """queue.fal.run and rest.fal.ai, whose paths do not meet, and the control API."""
        model = "/{owner}/{alias}"
        guarded, queue = self._guarded, self._queue
        return Starlette(
            routes=[
                Route("/.well-known/jwks.json", self._faulty(self._storage.jwks)),
                *self._control.routes(),
                Route("/storage/upload/initiate", guarded(self._storage.initiate), methods=["POST"]),
                Route(f"{model}/requests/{{id}}/status", guarded(queue.status)),
                Route(f"{model}/requests/{{id}}", guarded(queue.result)),
                Route(f"{model}/requests/{{id}}/cancel", guarded(queue.cancel), methods=["PUT"]),
                Route(f"{model}/{{subpath:path}}", guarded(queue.submit), methods=["POST"]),
                Route(model, guarded(queue.submit), methods=["POST"]),
            ]
        )

    def _guarded(self, call: Call) -> Call:
        """The call behind the programmed faults and the check of the key."""

        async def endpoint(request: Request) -> Response:
            scheme, _, key = request.headers.get("authorization", "").partition(" ")
            if scheme != "Key" or not hmac.compare_digest(key.encode(), self._key.encode()):
                return JSONResponse({"detail": "Authentication is required to access this application"}, 401)
            return await call(request)

        return self._faulty(endpoint)

    def _faulty(self, call: Call) -> Call:
        async def endpoint(request: Request) -> Response:
            fault = self.faults.next(request.url.path)
            if fault is None:
                return await call(request)
            if not fault.after:
                await wait(fault)
                return await call(request) if fault.kind == "pass" else answer(request, fault)
            response = await call(request)
            await wait(fault)
            return response if fault.kind == "pass" else answer(request, fault)

        return endpoint
