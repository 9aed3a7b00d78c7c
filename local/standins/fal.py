"""fal.ai's queue: takes a generation, tells its status, hands out the video, calls back with a signature.

https://docs.fal.ai/model-endpoints/queue and /model-endpoints/webhooks

A generation moves one step on (`IN_QUEUE`, `IN_PROGRESS`, `COMPLETED`) with each look at its status, so that
a test needs no clock. Control, which the real service does not have:

    POST /_control/requests/{id}/complete   {"error", "error_type"} are optional; sends the webhook if one was asked for
    GET, DELETE /_control/requests          what was received, without keys, prompts or addresses
    POST, GET, DELETE /_control/faults      see `faults.Fault`
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.standins.faults import Faults, answer, wait
from local.standins.pager import on_loopback

USER_ID = "rendioai-local"
LIFETIME = "x-fal-object-lifecycle-preference"
STEPS = ("IN_QUEUE", "IN_PROGRESS", "COMPLETED")
WEBHOOK_SECONDS = 15.0
# The smallest file that begins as an MP4 does: a box `ftyp` of brand isom.
VIDEO = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isommp42" + b"\x00\x00\x00\x08free"


@dataclass
class Generation:
    """One request in the queue."""

    id: str
    model: str
    webhook: str = ""
    lifetime_seconds: int = 0
    looks: int = 0
    error: str = ""
    error_type: str = ""
    fields: list[str] = field(default_factory=list)

    @property
    def status(self) -> str:
        return STEPS[min(self.looks, len(STEPS) - 1)]


class Fal:
    """The queue: the key it accepts, the key it signs with, what was submitted."""

    def __init__(self, key: str, signing: Ed25519PrivateKey) -> None:
        self._key, self._signing = key, signing
        self.faults = Faults()
        self.generations: dict[str, Generation] = {}

    def application(self) -> Starlette:
        model = "/{owner}/{alias}"
        return Starlette(
            routes=[
                Route("/.well-known/jwks.json", self._jwks),
                Route("/_control/faults", self.faults.control, methods=["GET", "POST", "DELETE"]),
                Route("/_control/requests", self._requests, methods=["GET", "DELETE"]),
                Route("/_control/requests/{id}/complete", self._complete, methods=["POST"]),
                Route("/files/{id}.mp4", self._file),
                Route(f"{model}/requests/{{id}}/status", self._guarded(self._status)),
                Route(f"{model}/requests/{{id}}", self._guarded(self._result)),
                Route(f"{model}/requests/{{id}}/cancel", self._guarded(self._cancel), methods=["PUT"]),
                Route(f"{model}/{{subpath:path}}", self._guarded(self._submit), methods=["POST"]),
                Route(model, self._guarded(self._submit), methods=["POST"]),
            ]
        )

    def _guarded(self, call: Any) -> Any:
        """The call behind the programmed faults and the check of the key."""

        async def endpoint(request: Request) -> Response:
            fault = self.faults.next(request.url.path)
            if fault is not None and not fault.after:
                await wait(fault)
                if fault.kind != "pass":
                    return answer(request, fault)
            scheme, _, key = request.headers.get("authorization", "").partition(" ")
            if scheme != "Key" or not hmac.compare_digest(key.encode(), self._key.encode()):
                return JSONResponse({"detail": "Authentication is required to access this application"}, 401)
            response: Response = await call(request)
            if fault is None or not fault.after:
                return response
            await wait(fault)
            return response if fault.kind == "pass" else answer(request, fault)

        return endpoint

    async def _submit(self, request: Request) -> Response:
        try:
            body = json.loads(await request.body())
        except ValueError:
            body = None
        if not isinstance(body, dict):
            return _refused(422, [{"loc": ["body"], "msg": "Input should be a valid dictionary", "type": "dict_type"}])
        lifetime = _lifetime(request.headers.get(LIFETIME))
        if lifetime is None:
            return _refused(400, f"{LIFETIME} is no object with a positive expiration_duration_seconds")
        model = f"{request.path_params['owner']}/{request.path_params['alias']}"
        webhook = request.query_params.get("fal_webhook", "")
        made = Generation(str(uuid.uuid4()), model, webhook, lifetime, fields=sorted(body))
        self.generations[made.id] = made
        base = str(request.base_url).rstrip("/") + f"/{model}/requests/{made.id}"
        links = {"response_url": base, "status_url": f"{base}/status", "cancel_url": f"{base}/cancel"}
        return JSONResponse({"request_id": made.id, "gateway_request_id": made.id, **links, "queue_position": 0})

    async def _status(self, request: Request) -> Response:
        found = self._find(request)
        if found is None:
            return _refused(404, "Request not found")
        status = found.status
        found.looks += 1
        more: dict[str, Any] = {"queue_position": 0} if status == "IN_QUEUE" else {}
        if status == "COMPLETED" and found.error:
            more = {"error": found.error, "error_type": found.error_type}
        return JSONResponse({"status": status, "request_id": found.id, **more})

    async def _result(self, request: Request) -> Response:
        found = self._find(request)
        if found is None:
            return _refused(404, "Request not found")
        if found.status != "COMPLETED":
            return _refused(400, "Request is still in progress")
        if found.error:
            return _refused(500, found.error, found.error_type)
        return JSONResponse(_payload(found, str(request.base_url).rstrip("/")))

    async def _cancel(self, request: Request) -> Response:
        found = self._find(request)
        if found is None:
            return _refused(404, "Request not found")
        if found.status == "COMPLETED":
            return JSONResponse({"status": "ALREADY_COMPLETED"}, 400)
        del self.generations[found.id]
        return JSONResponse({"status": "CANCELLATION_REQUESTED"}, 202)

    def _find(self, request: Request) -> Generation | None:
        found = self.generations.get(request.path_params["id"])
        model = f"{request.path_params['owner']}/{request.path_params['alias']}"
        return found if found is not None and found.model == model else None

    async def _file(self, request: Request) -> Response:
        """Whoever has the address gets the video, as at fal."""
        found = self.generations.get(request.path_params["id"])
        if found is None or found.status != "COMPLETED":
            return Response(status_code=404)
        return Response(VIDEO, media_type="video/mp4")

    async def _jwks(self, _request: Request) -> Response:
        public = self._signing.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        x = base64.urlsafe_b64encode(public).decode().rstrip("=")
        return JSONResponse({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x}]})

    async def _complete(self, request: Request) -> Response:
        found = self.generations.get(request.path_params["id"])
        if found is None:
            return _refused(404, "Request not found")
        body = await request.body()
        outcome = json.loads(body) if body else {}
        found.error, found.error_type = outcome.get("error", ""), outcome.get("error_type", "")
        found.looks = len(STEPS) - 1
        answered = None
        if found.webhook:
            if not on_loopback(found.webhook):
                return _refused(400, "the webhook is not on loopback")
            answered = await asyncio.to_thread(self._call_back, found, str(request.base_url).rstrip("/"))
        return JSONResponse({"webhook_status": answered})

    def _call_back(self, found: Generation, base: str) -> int | None:
        """Send the webhook once; the status it got, None when nobody answered."""
        content: dict[str, Any] = {"request_id": found.id, "gateway_request_id": found.id}
        content |= (
            {"status": "ERROR", "error": found.error, "payload": None}
            if found.error
            else {"status": "OK", "payload": _payload(found, base)}
        )
        body = json.dumps(content).encode()
        headers = {"Content-Type": "application/json", **self.signature(found.id, body)}
        try:
            with httpx.Client(timeout=WEBHOOK_SECONDS, trust_env=False) as client:
                return client.post(found.webhook, content=body, headers=headers).status_code
        except httpx.HTTPError:
            return None

    def signature(self, request_id: str, body: bytes, *, at: float | None = None) -> dict[str, str]:
        """The headers of a webhook. Message: id, user, unix seconds and the body's SHA-256 in hex, a line each."""
        timestamp = str(int(time.time() if at is None else at))
        message = "\n".join([request_id, USER_ID, timestamp, hashlib.sha256(body).hexdigest()])
        return {
            "X-Fal-Webhook-Request-Id": request_id,
            "X-Fal-Webhook-User-Id": USER_ID,
            "X-Fal-Webhook-Timestamp": timestamp,
            "X-Fal-Webhook-Signature": self._signing.sign(message.encode()).hex(),
        }

    async def _requests(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.generations.clear()
        shown = ("id", "model", "status", "lifetime_seconds", "error", "error_type", "fields")
        return JSONResponse([{name: getattr(made, name) for name in shown} for made in self.generations.values()])


def _payload(found: Generation, base: str) -> dict[str, Any]:
    url = f"{base}/files/{found.id}.mp4"
    video = {"url": url, "content_type": "video/mp4", "file_name": f"{found.id}.mp4", "file_size": len(VIDEO)}
    return {"video": video}


def _lifetime(header: str | None) -> int | None:
    """Seconds the result is kept; 0 when the caller named none, None when the header is wrong."""
    if header is None:
        return 0
    try:
        seconds = json.loads(header)["expiration_duration_seconds"]
    except (ValueError, KeyError, TypeError):
        return None
    return seconds if type(seconds) is int and seconds > 0 else None


def _refused(status: int, detail: object, error_type: str = "bad_request") -> Response:
    return JSONResponse({"detail": detail, "error_type": error_type}, status, headers={"X-Fal-Error-Type": error_type})
