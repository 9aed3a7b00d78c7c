"""A generator's CDN on loopback that misbehaves by path, down to the bytes on the wire."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

VIDEO = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2" + bytes(range(256)) * 8192  # some 2 MB
HTML = b"<!doctype html><title>not here</title>"
# Longer than any test's deadline; the server's end ends it.
FOR_EVER = 3600.0

T = TypeVar("T")
Behaviour = Callable[[asyncio.StreamWriter], Awaitable[None]]
Meeting = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def head(*headers: str, status: str = "200 OK") -> bytes:
    return "\r\n".join((f"HTTP/1.1 {status}", *headers, "", "")).encode("latin-1")


def saying(*parts: bytes) -> Behaviour:
    """Send, and close."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()

    return behave


def then_silent(*parts: bytes) -> Behaviour:
    async def behave(writer: asyncio.StreamWriter) -> None:
        await saying(*parts)(writer)
        await asyncio.sleep(FOR_EVER)

    return behave


def then_reset(*parts: bytes) -> Behaviour:
    async def behave(writer: asyncio.StreamWriter) -> None:
        await saying(*parts)(writer)
        raw: socket.socket = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    return behave


def dripping(first: bytes, rest: bytes, *, every: float) -> Behaviour:
    """A byte now and then: each read is in time, the whole never is."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        await saying(first)(writer)
        for byte in rest:
            await saying(bytes([byte]))(writer)
            await asyncio.sleep(every)

    return behave


def endless(first: bytes) -> Behaviour:
    async def behave(writer: asyncio.StreamWriter) -> None:
        await saying(first, VIDEO)(writer)
        while True:
            await saying(bytes(65536))(writer)

    return behave


def met_by(behaviour: Behaviour, *, after_bytes: int = 1) -> Meeting:
    """Behave so to whoever has sent that much, whatever it was."""

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen = 0
        while seen < after_bytes and (more := await reader.read(65536)):
            seen += len(more)
            if seen < after_bytes:
                writer.write(b"" if seen > 65536 else b"HTTP/1.1 100 Continue\r\n\r\n")
        await behaviour(writer)

    return meet


def length(count: int = len(VIDEO)) -> str:
    return f"Content-Length: {count}"


def whole(*headers: str, body: bytes = VIDEO) -> Behaviour:
    return saying(head(length(len(body)), *headers), body)


class Source:
    """Listens on loopback, in a thread of its own. What is asked for decides what happens; or `met`, unasked."""

    def __init__(
        self, behaviours: dict[str, Behaviour], tls: ssl.SSLContext | None = None, met: Meeting | None = None
    ) -> None:
        self._behaviours, self._tls, self._met = behaviours, tls, met
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self.requests: list[str] = []
        self.port = 0

    @contextmanager
    def listening(self) -> Iterator[Source]:
        thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        thread.start()
        server = self._in_loop(asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls, backlog=512))
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            self._in_loop(self._end(server))
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()
            self._loop.close()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _in_loop(self, what: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(10)

    async def _end(self, server: asyncio.Server) -> None:
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            if self._met is not None:
                return await self._met(reader, writer)
            request = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            self.requests.append(request)
            await self._behaviours[request.split(" ")[1]](writer)
        except (ConnectionError, asyncio.CancelledError, asyncio.IncompleteReadError):
            pass
        finally:
            self._tasks.discard(task)
            with contextlib.suppress(ConnectionError):
                writer.close()
