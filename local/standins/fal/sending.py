"""Bytes of a file onto a connection, as fast as the system copies them."""

from __future__ import annotations

import asyncio

from local.standins.fal.files import StoredFile

DISCARDED = 64 * 1024


async def send(writer: asyncio.StreamWriter, file: StoredFile, start: int, length: int) -> None:
    """Send `length` bytes from `start`. Raises OSError when the client went."""
    end = start + length
    on_disk = file.on_disk
    await writer.drain()
    if file.path is not None and start < on_disk:
        with file.path.open("rb") as source:
            await asyncio.get_running_loop().sendfile(
                writer.transport, source, start, min(end, on_disk) - start, fallback=False
            )
    if end > on_disk:
        writer.write(file.tail[max(start - on_disk, 0) : end - on_disk])
        await writer.drain()


async def gone(reader: asyncio.StreamReader) -> None:
    """Return when the client closes its side."""
    while await reader.read(DISCARDED):
        pass
