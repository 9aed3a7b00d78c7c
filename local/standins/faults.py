"""Programmed failures: what a stand-in answers in place of the truth, for the next calls or for all."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from dataclasses import asdict, dataclass
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

Kind = Literal["answer", "reset", "cut", "pass"]


@dataclass
class Fault:
    """One way of failing.

    Attributes:
        kind: `answer` with status and text; `reset` the connection; `cut` the body off half-way; `pass` to the
            true answer (after the delay).
        path: only for calls whose path starts so.
        status: of the answer.
        text: the answer's body.
        content_type: of the body.
        headers: more headers, `Retry-After` for one.
        delay_seconds: waits before it fails; with `after`, between the deed and the answer.
        after: do what the call asks, then fail: the caller cannot tell whether it was done.
        times: calls left; None for all calls.
        share: of those calls only so many, drawn by `seed` and the call's number.
    """

    kind: Kind = "answer"
    path: str = "/"
    status: int = 500
    text: str = ""
    content_type: str = "text/plain"
    headers: dict[str, str] | None = None
    delay_seconds: float = 0.0
    after: bool = False
    times: int | None = 1
    share: float = 1.0
    seed: int = 0


def drawn(share: float, *marks: object) -> bool:
    """Whether a lot falls on one of so many; the same marks, a seed and a number, draw the same again."""
    lot = random.Random("/".join(map(str, marks)))  # noqa: S311  # repeatable is what it must be
    return lot.random() < share


class Faults:
    """The faults of one stand-in, used up in the order in which they were programmed."""

    def __init__(self) -> None:
        self._programmed: list[Fault] = []
        self._calls = 0

    def next(self, path: str) -> Fault | None:
        """The fault for a call that just came, counted down."""
        self._calls += 1
        for fault in self._programmed:
            if path.startswith(fault.path) and drawn(fault.share, fault.seed, self._calls):
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times <= 0:
                        self._programmed.remove(fault)
                return fault
        return None

    def clear(self) -> None:
        self._programmed.clear()
        self._calls = 0

    async def control(self, request: Request) -> Response:
        """`POST` adds a fault, or a list of them; `GET` lists those left; `DELETE` forgets them."""
        if request.method == "POST":
            content = await request.json()
            try:
                self._programmed += [Fault(**one) for one in (content if isinstance(content, list) else [content])]
            except TypeError as error:
                return JSONResponse({"error": str(error)}, status_code=400)
        elif request.method == "DELETE":
            self.clear()
        return JSONResponse([asdict(fault) for fault in self._programmed])


async def wait(fault: Fault) -> None:
    """The fault's delay."""
    if fault.delay_seconds:
        await asyncio.sleep(fault.delay_seconds)


def answer(request: Request, fault: Fault) -> Response:
    """What the fault makes of the call."""
    if fault.kind == "reset":
        transport = request.scope["state"]["transport"]
        # No lingering: the peer gets RST in place of an orderly end.
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
        return Response(status_code=500)
    headers: dict[str, Any] = {"content-type": fault.content_type, **(fault.headers or {})}
    if fault.kind == "cut":
        return CutResponse(fault.text, fault.status, headers)
    return Response(fault.text, fault.status, headers)


class CutResponse(Response):
    """Announces more bytes than it sends, then ends the connection."""

    async def __call__(self, scope: Any, _receive: Any, send: Any) -> None:
        length = str(len(self.body) + 100).encode()
        headers = [(name, value) for name, value in self.raw_headers if name != b"content-length"]
        await send(
            {
                "type": "http.response.start",
                "status": self.status_code,
                "headers": [*headers, (b"content-length", length)],
            }
        )
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        scope["state"]["transport"].close()
