"""The front on a port of its own, and a stand-in for the IAM it asks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import httpx
import psycopg
from werkzeug import Request, Response

from local.postgres import front
from local.postgres.server import Server


class Judge:
    """Stands for the emulator's IAM: says yes to `is_good(token, user)`; notes what it was asked."""

    def __init__(self, is_good: Callable[[str, str], bool]) -> None:
        self._is_good = is_good
        self.asked: list[dict[str, Any]] = []

    def __call__(self, request: Request) -> Response:
        question = request.get_json()
        self.asked.append(question)
        allowed = self._is_good(question["token"], question["user"])
        return Response(f'{{"allowed": {str(allowed).lower()}, "reason": ""}}', content_type="application/json")


class RunningFront:
    """The front in a thread of its own, on a port that was free."""

    def __init__(self, server: Server, iam: str) -> None:
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(server, iam)))
        self._thread.start()
        assert self._ready.wait(10)

    async def _serve(self, server: Server, iam: str) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        async with httpx.AsyncClient(trust_env=False) as client:
            listener = await asyncio.start_server(self._client, "127.0.0.1", 0)
            self.port = int(listener.sockets[0].getsockname()[1])
            self._front = front.Front(server, front.iam_judge(iam, self.port, client))
            self._ready.set()
            await self._ended.wait()
            listener.close()
            await self._front.close()

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._front.serve(reader, writer)

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()

    def connect(self, user: str, password: str, **more: Any) -> psycopg.Connection[Any]:
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user=user, password=password, dbname="rendio", connect_timeout=10,
            **{"autocommit": True, **more},
        )  # fmt: skip
