"""What an answer tells of a change is on disk: a role that was made is there after a `kill -9`.

The engine writes down each resource it made when AWS says so; a resource that the local AWS then forgets
would have to be found missing first. Only changes of resources wait, together and for some milliseconds;
messages, log lines, metrics and objects (which are files of their own) do not.
"""

from __future__ import annotations

import asyncio
import queue
import re
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from ministack import app as upstream

# Service as the signature names it -> the file with its state.
_STATE_OF = {
    "iam": "iam",
    "lambda": "lambda",
    "apigateway": "apigateway",
    "kms": "kms",
    "s3": "s3",
    "secretsmanager": "secretsmanager",
    "sqs": "sqs",
    "sns": "sns",
    "ec2": "ec2",
    "rds": "rds",
    "scheduler": "scheduler",
    "logs": "cloudwatch_logs",
    "monitoring": "cloudwatch",
    "ssm": "ssm",
}
_SERVICE = re.compile(rb"Credential=[^/]+/\d{8}/[^/]+/([a-z0-9-]+)/aws4_request")
_CHANGE = re.compile(
    r"(Add|Allocate|Associate|Attach|Authorize|Cancel|Create|Delete|Detach|Disable|Disassociate|Enable|Modify|Put"
    r"|Release|Remove|Replace|Restore|Revoke|Rotate|Schedule|Set|Subscribe|Tag|Unsubscribe|Untag|Update)"
)
# Changes in name only: data, of which there may be much.
_DATA = frozenset({"PutLogEvents", "PutMetricData", "DeleteMessage", "DeleteMessageBatch", "CreateLogStream"})


def install(save: Callable[[set[str]], None]) -> None:
    """Hold back the answer to a change until it is saved.

    Args:
        save: writes the state of these services; the caller's thread waits for it.
    """
    serve, saving = upstream.app, _Together(save)

    async def holding(scope: Any, receive: Any, send: Any) -> None:
        state = _state(scope)
        if state is None:
            await serve(scope, receive, send)
            return
        body = bytearray()

        async def overhearing() -> Any:
            message = await receive()
            if len(body) < 4096:
                body.extend(message.get("body", b""))
            return message

        async def answering(message: Any) -> None:
            if message["type"] == "http.response.start" and message["status"] < 300 and _changes(scope, bytes(body)):
                await saving.saved(state)
            await send(message)

        await serve(scope, overhearing, answering)

    upstream.app = holding


class _Together:
    """Changes that wait at the same time are saved at once."""

    def __init__(self, save: Callable[[set[str]], None]) -> None:
        self._save = save
        self._waiting: queue.SimpleQueue[tuple[str, asyncio.AbstractEventLoop, asyncio.Future[None]]]
        self._waiting = queue.SimpleQueue()
        threading.Thread(target=self._run, name="rendio-acknowledged", daemon=True).start()

    async def saved(self, state: str) -> None:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._waiting.put((state, loop, done))
        await done

    def _run(self) -> None:
        while True:
            waiting = [self._waiting.get()]
            while not self._waiting.empty():
                waiting.append(self._waiting.get())
            try:
                self._save({state for state, _loop, _done in waiting})
            finally:
                for _state_name, loop, done in waiting:
                    loop.call_soon_threadsafe(_finish, done)


def _finish(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)


def _state(scope: Any) -> str | None:
    """The file that a change by this request would be in; None when it is no signed request for a change."""
    if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
        return None
    found = _SERVICE.search(_header(scope, b"authorization"))
    return _STATE_OF.get(found.group(1).decode()) if found else None


def _changes(scope: Any, body: bytes) -> bool:
    path: str = scope["path"]
    target = _header(scope, b"x-amz-target")
    if target:
        operation = target.decode().rpartition(".")[2]
    elif "/operation/" in path:
        operation = path.rpartition("/")[2]
    elif path in ("", "/"):
        operation = parse_qs(body.decode("latin-1")).get("Action", [""])[0]
    elif _STATE_OF["s3"] == _state(scope):
        return "/" not in path.strip("/")  # of a bucket; an object is a file of its own
    else:
        return not path.endswith("/invocations")
    return bool(_CHANGE.match(operation)) and operation not in _DATA


def _header(scope: Any, name: bytes) -> bytes:
    return next((bytes(value) for key, value in scope["headers"] if key.lower() == name), b"")
