"""The on-call service: takes alarm calls by webhook, remembers them, and can be told to fail.

POST   /{anything}        an alarm call, as SNS delivers it (https) or as plain JSON
GET    /calls             -> [{"path", "at", "topic", "subject", "message", …}]
DELETE /calls             forget them
POST, GET, DELETE /_control/faults    see `faults.Fault`
"""

from __future__ import annotations

import ipaddress
import json
import time
from typing import Any
from urllib.parse import urlsplit

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from local.standins.faults import Faults, answer, wait

CONFIRM_SECONDS = 5.0


class Pager:
    """The calls received so far."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.calls: list[dict[str, Any]] = []

    def application(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/calls", self._calls, methods=["GET", "DELETE"]),
                Route("/_control/faults", self.faults.control, methods=["GET", "POST", "DELETE"]),
                Route("/{path:path}", self._receive, methods=["POST"]),
            ]
        )

    async def _calls(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.calls.clear()
        return JSONResponse(self.calls)

    async def _receive(self, request: Request) -> Response:
        fault = self.faults.next(request.url.path)
        if fault is not None:
            await wait(fault)
            if fault.kind != "pass":
                return answer(request, fault)
        try:
            content = json.loads(await request.body())
        except ValueError:
            return PlainTextResponse("not JSON", 400)
        if not isinstance(content, dict):
            return PlainTextResponse("not a JSON object", 400)
        kind = request.headers.get("x-amz-sns-message-type", content.get("Type", ""))
        if kind == "SubscriptionConfirmation":
            return await self._confirm(str(content.get("SubscribeURL", "")))
        self.calls.append(
            {
                "path": request.url.path,
                "at": time.time(),
                "topic": content.get("TopicArn", ""),
                "subject": content.get("Subject", ""),
                "message": content.get("Message", content),
            }
        )
        return Response(status_code=200)

    async def _confirm(self, url: str) -> Response:
        """Confirm a subscription, as people do by a click. Only on loopback: the address comes from the message."""
        if not on_loopback(url):
            return PlainTextResponse("the SubscribeURL is not on loopback", 400)
        try:
            # No redirects, which could lead off loopback, and no proxy.
            async with httpx.AsyncClient(timeout=CONFIRM_SECONDS, follow_redirects=False, trust_env=False) as client:
                (await client.get(url)).raise_for_status()
        except httpx.HTTPError as error:
            return PlainTextResponse(f"the subscription could not be confirmed: {type(error).__name__}", 502)
        return Response(status_code=200)


def on_loopback(url: str) -> bool:
    """True for http on a literal loopback address or localhost."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        return parts.scheme == "http" and (host == "localhost" or ipaddress.ip_address(host).is_loopback)
    except ValueError:
        return False
