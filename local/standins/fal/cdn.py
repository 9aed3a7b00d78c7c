"""The CDN, v3.fal.media: serves results and takes uploads, on an origin of its own.

It speaks HTTP/1.1 by h11, so that it can also speak it wrongly; files go out by sendfile, so that a client that
copies them measures itself.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager

import h11

from local.standins.fal.downloads import DownloadFaults
from local.standins.fal.files import UPLOAD_LIMIT, Download, Files, StoredFile
from local.standins.fal.misbehaviour import misbehave
from local.standins.fal.sending import gone, send
from local.standins.faults import Faults, wait

HOST = "127.0.0.1"
HEAD_LIMIT = 32 * 1024
PIECE = 64 * 1024
RANGE = re.compile(r"bytes=(\d*)-(\d*)")
Headers = Iterable[tuple[str, str]]


class TooMuch(Exception):
    """A body over the limit of uploads."""


class _Span:
    """Stands for bytes that go out beside h11, which asks for their number alone."""

    def __init__(self, length: int) -> None:
        self._length = length

    def __len__(self) -> int:
        return self._length


class Listener:
    """A port on loopback and what is done with its connections."""

    def __init__(
        self, port: int, serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
    ) -> None:
        self.port = port
        self._serve = serve
        self._open: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Accept connections, and end those that are open on the way out: some stall for ever by intent."""
        server = await asyncio.start_server(self._connected, HOST, self.port, backlog=1024, limit=HEAD_LIMIT)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()
            for task in self._open:
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError, h11.RemoteProtocolError):
            pass  # the client went, or speaks something else
        except asyncio.CancelledError:
            pass  # we end: the stream's own callback would call it an error
        finally:
            self._open.discard(task)
            writer.close()


class Cdn:
    """Serves `files`, with the programmed faults. Of the service's common ones (`calls`) an upload has the delay."""

    def __init__(self, files: Files, port: int = 0, calls: Faults | None = None) -> None:
        self.files = files
        self._calls = calls if calls is not None else Faults()
        self.faults = DownloadFaults()
        self.listener = Listener(port, self._talk)

    @property
    def origin(self) -> str:
        return f"http://{HOST}:{self.listener.port}"

    def url(self, file: StoredFile) -> str:
        return f"{self.origin}/files/{file.token}/{file.name}"

    def upload_url(self, file: StoredFile) -> str:
        return f"{self.origin}/upload/{file.token}"

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_LIMIT)
        exchange = Exchange(connection, reader, writer)
        while (request := await exchange.request()) is not None:
            await self._answer(exchange, request)
            if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
                return
            connection.start_next_cycle()

    async def _answer(self, exchange: Exchange, request: h11.Request) -> None:
        method, target = request.method.decode(), request.target.decode("ascii", "replace").partition("?")[0]
        _, kind, *rest = target.split("/")
        file = self.files.get(rest[0]) if rest else None
        headers = {name.decode(): value.decode("latin-1") for name, value in request.headers}
        if kind == "upload" and method == "PUT" and file is not None:
            if (fault := self._calls.next(target)) is not None:
                await wait(fault)
            await _take(exchange, file, headers.get("content-type", ""))
        elif kind == "files" and method in ("GET", "HEAD") and file is not None and file.alive:
            await self._serve(exchange, file, headers.get("range", ""), head=method == "HEAD")
        else:
            await exchange.answer(404, "Not Found")

    async def _serve(self, exchange: Exchange, file: StoredFile, wanted: str, *, head: bool) -> None:
        await exchange.body()
        if head:
            await _file(exchange, file, wanted, head=True)
            return
        fault = self.faults.next(file)
        download = Download(fault.kind, time.time())
        file.downloads.append(download)
        begun = time.monotonic()
        try:
            if fault.kind == "pass":
                await _file(exchange, file, wanted, head=False)
            else:
                await misbehave(fault, file, exchange.reader, exchange.writer)
        finally:
            download.seconds = round(time.monotonic() - begun, 3)


class Exchange:
    """One connection's requests and rightful answers."""

    def __init__(self, connection: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connection, self.reader, self.writer = connection, reader, writer

    async def request(self) -> h11.Request | None:
        """The next request's head; None when the client is done."""
        event = await self._event()
        return event if isinstance(event, h11.Request) else None

    async def body(self) -> bytes:
        """The request's body. Raises TooMuch."""
        content = bytearray()
        while isinstance(event := await self._event(), h11.Data):
            content += event.data
            if len(content) > UPLOAD_LIMIT:
                raise TooMuch
        return bytes(content)

    async def start(self, status: int, headers: Headers) -> None:
        self._write(self.connection.send(h11.Response(status_code=status, headers=list(headers))))

    async def span(self, file: StoredFile, start: int, length: int) -> None:
        """Bytes of a file as the body, past h11."""
        self.connection.send_with_data_passthrough(h11.Data(data=_Span(length)))  # type: ignore[arg-type]  # only its length counts
        await send(self.writer, file, start, length)

    async def end(self) -> None:
        self._write(self.connection.send(h11.EndOfMessage()))
        await self.writer.drain()

    async def answer(self, status: int, text: str) -> None:
        """A short answer; the rest of the request is read first, so that no reset overtakes the answer."""
        if self.connection.their_state is h11.SEND_BODY:
            await self.body()
        body = text.encode()
        await self.start(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
        self._write(self.connection.send(h11.Data(data=body)))
        await self.end()

    async def _event(self) -> object:
        while (event := self.connection.next_event()) is h11.NEED_DATA:
            self.connection.receive_data(await self.reader.read(PIECE))
        return event

    def _write(self, data: bytes | None) -> None:
        if data:
            self.writer.write(data)


async def _take(exchange: Exchange, file: StoredFile, content_type: str) -> None:
    """An upload. The address is signed for one type, so another one is refused."""
    try:
        content = await exchange.body()
    except TooMuch:
        return
    if content_type != file.content_type:
        await exchange.answer(403, "SignatureDoesNotMatch")
        return
    file.tail, file.uploaded = content, True
    await exchange.answer(200, "")


async def _file(exchange: Exchange, file: StoredFile, wanted: str, *, head: bool) -> None:
    size = file.size
    start, length = 0, size
    status, more = 200, []
    if found := RANGE.fullmatch(wanted):
        span = _span(found[1], found[2], size)
        if span is None:
            await exchange.start(416, [("Content-Range", f"bytes */{size}"), ("Content-Length", "0")])
            await exchange.end()
            return
        start, length = span
        status, more = 206, [("Content-Range", f"bytes {start}-{start + length - 1}/{size}")]
    headers = [("Content-Type", file.content_type), ("Content-Length", str(length)), ("Accept-Ranges", "bytes"), *more]
    await exchange.start(status, headers)
    if not head and length:
        await exchange.span(file, start, length)
    await exchange.end()


def _span(first: str, last: str, size: int) -> tuple[int, int] | None:
    """Start and length of what a `Range` asks for; None when it lies outside."""
    if not first:
        length = min(int(last or 0), size)
        return (size - length, length) if length else None
    start, end = int(first), min(int(last), size - 1) if last else size - 1
    return (start, end - start + 1) if start <= end else None


def silent(port: int = 0) -> Listener:
    """A port that accepts and never speaks, as a host whose TLS hangs."""

    async def wait(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await gone(reader)

    return Listener(port, wait)
