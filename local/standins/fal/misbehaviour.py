"""What each download fault sends. Written byte by byte: no HTTP library would let it out."""

from __future__ import annotations

import asyncio
import functools
import socket
import struct
import zlib
from collections.abc import Iterable

from local.standins.fal.downloads import DownloadFault
from local.standins.fal.files import StoredFile
from local.standins.fal.sending import gone, send

REASONS = {200: "OK", 302: "Found", 429: "Too Many Requests", 500: "Internal Server Error", 503: "Service Unavailable"}
HTML = b"<!doctype html><html><head><title>Sign in</title></head><body>Please sign in to continue.</body></html>\n"
BOMB_BYTES = 600 * 1000 * 1000
ENDLESS_PIECE = b"\0" * 256 * 1024
# About 100 MB/s: enough to fill any disk, and no whole processor for each such connection.
ENDLESS_PAUSE = 0.0025
Headers = Iterable[tuple[str, object]]


async def misbehave(
    fault: DownloadFault, file: StoredFile, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answer a download as the fault says. The caller closes the connection after it."""
    size = file.size
    part = size // 2 if fault.after_bytes is None else min(fault.after_bytes, size)
    length: Headers = [("Content-Length", size)]
    retry: Headers = [("Retry-After", fault.retry_after)] if fault.retry_after else []

    def head(status: int, headers: Headers, content_type: str = file.content_type) -> None:
        lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Error')}", f"Content-Type: {content_type}"]
        lines += [f"{name}: {value}" for name, value in headers]
        writer.write("\r\n".join([*lines, "Connection: close", "", ""]).encode())

    def whole(status: int, body: bytes, headers: Headers = (), content_type: str = file.content_type) -> None:
        head(status, [("Content-Length", len(body)), *headers], content_type)
        writer.write(body)

    match fault.kind:
        case "reset_early":
            reset(writer)
        case "reset":
            head(200, length)
            await send(writer, file, 0, part)
            reset(writer)
        case "too_many":
            whole(429, b"Too Many Requests", retry, "text/plain")
        case "server_error":
            whole(fault.status, b"Internal Server Error", retry, "text/plain")
        case "stall_early":
            await gone(reader)
        case "stall":
            head(200, length)
            await send(writer, file, 0, part)
            await gone(reader)
        case "drip":
            head(200, length)
            await _drip(file, fault.bytes_per_second, reader, writer)
        case "truncate":
            head(200, length)
            await send(writer, file, 0, part)
        case "no_length":
            head(200, [])
            await send(writer, file, 0, size)
        case "no_length_truncate":
            head(200, [])
            await send(writer, file, 0, part)
        case "bad_length":
            head(200, [("Content-Length", f"{size}x")])
            await send(writer, file, 0, size)
        case "two_lengths":
            head(200, [*length, ("Content-Length", size // 2)])
            await send(writer, file, 0, size)
        case "short_length":
            head(200, [("Content-Length", size // 2)])
            await send(writer, file, 0, size)
        case "long_length":
            head(200, [("Content-Length", size + 1000)])
            await send(writer, file, 0, size)
        case "endless":
            head(200, [])
            await send(writer, file, 0, size)
            while True:
                writer.write(ENDLESS_PIECE)
                await writer.drain()
                await asyncio.sleep(ENDLESS_PAUSE)
        case "gzip_bomb":
            whole(200, await asyncio.to_thread(_bomb), [("Content-Encoding", "gzip")])
        case "html":
            whole(200, HTML, content_type="text/html; charset=utf-8")
        case "empty":
            whole(200, b"")
        case "not_mp4":
            whole(200, bytes(byte ^ 0x5A for byte in HTML) * 100)
        case "redirect":
            whole(302, b"", [("Location", fault.location)], "text/html")
        case "wrong_type":
            head(200, length, "text/plain")
            await send(writer, file, 0, size)
        case "pass":
            raise AssertionError("a download without a fault is not misbehaviour")
    await writer.drain()


def reset(writer: asyncio.StreamWriter) -> None:
    """End the connection with RST in place of an orderly end. What was sent just before may be lost, as it would be."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _drip(file: StoredFile, rate: float, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    left = asyncio.ensure_future(gone(reader))
    try:
        for sent in range(file.size):
            await send(writer, file, sent, 1)
            done, _ = await asyncio.wait([left], timeout=1 / rate)
            if done:
                return
    finally:
        left.cancel()


@functools.cache
def _bomb() -> bytes:
    """A megabyte that unpacks to more than a video may have.

    A piece that ends in a full flush leans on nothing before it, so one compressed piece is repeated.
    """
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    piece = b"\0" * 1000 * 1000
    packed = packer.compress(piece) + packer.flush(zlib.Z_FULL_FLUSH)
    count, check = BOMB_BYTES // len(piece), 0
    for _ in range(count):
        check = zlib.crc32(piece, check)
    # Magic, deflate, and nothing about a name, a time or a system.
    head, end = b"\x1f\x8b\x08" + bytes(7), packer.flush(zlib.Z_FINISH)
    return b"".join([head, *[packed] * count, end, struct.pack("<II", check, BOMB_BYTES)])
