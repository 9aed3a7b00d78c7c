"""Runs a generation: fetches the pictures it starts from, as fal's runners do, then makes its video."""

from __future__ import annotations

import asyncio
import base64
import binascii
import io
from typing import Any

import httpx
from PIL import Image as Pillow

from local.standins.fal.cdn import Cdn
from local.standins.fal.files import marked
from local.standins.fal.generations import Generation, Image, Outcome
from local.standins.fal.loopback import client
from local.standins.fal.videos import CONTENT_TYPE, Videos
from local.standins.fal.webhooks import Webhooks
from local.standins.pager import on_loopback

FETCH_SECONDS = 10.0
IMAGE_LIMIT = 32 * 1024 * 1024
# What fal's video models take.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF")


class Unusable(Exception):
    """A picture cannot be used; the text is fal's, and names no address."""


class Runner:
    """Completes generations."""

    def __init__(self, videos: Videos, cdn: Cdn, webhooks: Webhooks) -> None:
        self._videos, self._cdn, self._webhooks = videos, cdn, webhooks
        self._client = client(FETCH_SECONDS)
        self._running: set[asyncio.Task[None]] = set()

    def start(self, made: Generation) -> None:
        """Let a generation complete by itself, if that is how it goes."""
        if made.outcome.after_ms is not None:
            self._keep(asyncio.create_task(self._by_itself(made, made.outcome.after_ms / 1000)))

    async def finish(self, made: Generation) -> None:
        """Complete it; whoever comes second waits for the first."""
        if made.finishing is None:
            made.finishing = asyncio.create_task(self._finish(made))
        await asyncio.shield(made.finishing)

    async def _by_itself(self, made: Generation, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if not made.done and not made.cancelled:
            await self.finish(made)
            await self._webhooks.deliver(made)

    def _keep(self, task: asyncio.Task[None]) -> None:
        """The loop alone would let a running task be collected."""
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _finish(self, made: Generation) -> None:
        outcome = made.outcome
        try:
            for name, address in _pictures(made.settings):
                image = Image(name)
                made.images.append(image)
                await _use(self._client, image, address)
        except Unusable as unusable:
            made.error, made.error_type = str(unusable), "bad_request"
            made.detail = [
                {"loc": ["body", made.images[-1].field], "msg": str(unusable), "type": "file_download_error"}
            ]
        else:
            made.error, made.error_type, made.detail = outcome.error, outcome.error_type, outcome.error
        if not made.error:
            await self._make_video(made, outcome)
        made.done = True

    async def _make_video(self, made: Generation, outcome: Outcome) -> None:
        tail = marked(made.id)
        path = await asyncio.to_thread(self._videos.of, outcome.video_bytes - len(tail))
        made.file = self._cdn.files.add("output.mp4", CONTENT_TYPE, made.lifetime_seconds, owner=made.id)
        made.file.path, made.file.tail, made.file.faults = path, tail, list(outcome.downloads)


def _pictures(settings: dict[str, Any]) -> list[tuple[str, str]]:
    """The settings that name pictures: `image_url`, `tail_image_url`, `image_urls` and the like."""
    found = []
    for name, value in settings.items():
        if name.endswith("image_url") and value:
            found.append((name, value))
        elif name.endswith("image_urls") and isinstance(value, list):
            found += [(name, one) for one in value]
    return found


async def _use(http: httpx.AsyncClient, image: Image, address: object) -> None:
    if not isinstance(address, str):
        raise Unusable("Input should be a valid string")
    content = _decoded(address) if address.startswith("data:") else await _fetched(http, address)
    image.fetched, image.bytes = True, len(content)
    image.format = await asyncio.to_thread(_format, content)


async def _fetched(http: httpx.AsyncClient, address: str) -> bytes:
    """The picture behind an address on this machine: no stand-in reaches further."""
    failed = Unusable("Failed to download the file. Please check if the URL is accessible and try again.")
    if not on_loopback(address):
        raise failed
    content = bytearray()
    try:
        async with (
            asyncio.timeout(FETCH_SECONDS),
            http.stream("GET", address) as response,
        ):
            if response.status_code != 200:
                raise failed
            async for piece in response.aiter_bytes():
                content += piece
                if len(content) > IMAGE_LIMIT:
                    raise failed
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError):
        raise failed from None
    return bytes(content)


def _decoded(address: str) -> bytes:
    head, comma, data = address.partition(",")
    try:
        if not comma or not head.endswith(";base64"):
            raise ValueError
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise Unusable("Failed to decode the data URI.") from None


def _format(content: bytes) -> str:
    """Pillow's name of the picture's format, once every pixel was decoded."""
    try:
        with Pillow.open(io.BytesIO(content), formats=FORMATS) as picture:
            picture.load()
            return str(picture.format)
    # Pillow's decoders fail in many ways on hostile bytes.
    except Exception:
        raise Unusable("Failed to load the image. Please ensure the image file is not corrupted.") from None
