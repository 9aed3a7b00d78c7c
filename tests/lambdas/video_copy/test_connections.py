"""Connections that fail where another would do, and waits that end although nobody answers."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lambdas.migrate_video.connection import Network, connect
from lambdas.migrate_video.deadlines import Limits
from lambdas.migrate_video.errors import Cause, CopyFailed, Phase
from lambdas.migrate_video.origins import Address, Origins
from lambdas.migrate_video.upload import ObjectKey
from lambdas.migrate_video.video_copy import Copied, Stored, copy_video, existing
from tests.chaos.stalls import deaf_port
from tests.lambdas.video_copy.certificate import Authority
from tests.lambdas.video_copy.conftest import QUICK, Storage
from tests.lambdas.video_copy.sources import VIDEO, Source, head, length, met_by, saying, then_reset, then_silent, whole
from tests.lambdas.video_copy.storage import streams_to
from tests.unit.lambdas.hostile_urls import ALLOWED, HOST

FIRST, SECOND = "104.18.1.1", "2606:4700::6812:101"
KEYS = ("test", "test", None)
KEY = ObjectKey("bucket", "videos/video.mp4")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.made(tmp_path_factory.mktemp("authority"))


@contextmanager
def refusing_port() -> Iterator[int]:
    """A port that is taken, and on which nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield int(bound.getsockname()[1])


@pytest.mark.parametrize("dead", [refusing_port, deaf_port], ids=["refuses", "is silent"])
def test_another_address_is_dialled_when_the_first_does_not_answer(
    authority: Authority, storage: Storage, dead: object
) -> None:
    dialled: list[str] = []

    with Source({"/video.mp4": whole()}, tls=authority.server(HOST)).listening() as source, dead() as port:  # type: ignore[operator]

        def dial(address: Address, _port: int, seconds: float) -> socket.socket:
            dialled.append(str(address))
            return socket.create_connection(
                ("127.0.0.1", port if str(address) == FIRST else source.port), timeout=seconds
            )

        copied = copy_video(
            f"{ALLOWED}/video.mp4",
            to=storage.new_key(),
            origins=Origins.of([ALLOWED]),
            client=storage.client,
            limits=QUICK,
            network=Network(lambda _host, _port: [FIRST, SECOND], dial, authority.trusting),
        )
    assert isinstance(copied, Copied)
    assert dialled == [FIRST, SECOND]


@pytest.mark.parametrize(
    ("found", "cause"), [([], Cause.UNREACHABLE), (OSError("no such name"), Cause.UNREACHABLE)], ids=["none", "unknown"]
)
def test_a_name_without_an_address_is_a_failure_for_now(storage: Storage, found: object, cause: Cause) -> None:
    def look_up(_host: str, _port: int) -> list[str]:
        if isinstance(found, OSError):
            raise found
        return []

    with pytest.raises(CopyFailed) as failed:
        copy_video(
            f"{ALLOWED}/video.mp4",
            to=storage.new_key(),
            origins=Origins.of([ALLOWED]),
            client=storage.client,
            limits=QUICK,
            network=Network(look_up, connect),
        )
    assert (failed.value.cause, failed.value.transient) == (cause, True)
    assert HOST not in str(failed.value)


class Bucket:
    """A storage that knows nothing of the first connections, then takes what comes."""

    def __init__(self, closes: int) -> None:
        self.closes, self.connections, self.content = closes, 0, b""

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        await reader.readuntil(b"\r\n\r\n")
        if self.connections <= self.closes:
            await then_reset()(writer)
            return
        await saying(b"HTTP/1.1 100 Continue\r\n\r\n")(writer)
        self.content = await reader.readexactly(len(VIDEO))
        await saying(head(length(0), 'ETag: "x"'))(writer)


@pytest.mark.parametrize("closes", [0, 1])
def test_a_kept_connection_that_storage_had_closed_costs_nothing(closes: int) -> None:
    bucket = Bucket(closes)
    with Source({"/video.mp4": whole()}).listening() as source, Source({}, met=bucket.meet).listening() as s3:
        copied = copy_video(
            f"{source.origin}/video.mp4",
            to=KEY,
            origins=Origins.of([source.origin]),
            client=streams_to(s3.origin, KEYS),
            limits=QUICK,
        )
    assert isinstance(copied, Copied)
    assert (bucket.content == VIDEO, bucket.connections) == (True, closes + 1)


def test_a_storage_that_closes_again_is_not_asked_a_third_time() -> None:
    bucket = Bucket(2)
    with (
        Source({"/video.mp4": whole()}).listening() as source,
        Source({}, met=bucket.meet).listening() as s3,
        pytest.raises(CopyFailed) as failed,
    ):
        copy_video(
            f"{source.origin}/video.mp4",
            to=KEY,
            origins=Origins.of([source.origin]),
            client=streams_to(s3.origin, KEYS),
            limits=QUICK,
        )
    assert (failed.value.cause, bucket.connections) == (Cause.STORAGE, 2)


def test_storage_hears_at_once_when_the_source_breaks_off() -> None:
    """It may not wait for the rest, nor we for its answer: the connection ends before the last byte."""
    ended, came = threading.Event(), bytearray()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await saying(b"HTTP/1.1 100 Continue\r\n\r\n")(writer)
        while more := await reader.read(65536):
            came.extend(more)
        ended.set()

    half = saying(head(length()), VIDEO[: len(VIDEO) // 2])
    with Source({"/video.mp4": half}).listening() as source, Source({}, met=meet).listening() as s3:
        with pytest.raises(CopyFailed) as failed:
            copy_video(
                f"{source.origin}/video.mp4",
                to=KEY,
                origins=Origins.of([source.origin]),
                client=streams_to(s3.origin, KEYS),
                limits=QUICK,
            )
        assert ended.wait(QUICK.upload_seconds)
    assert failed.value.cause is Cause.TRUNCATED
    assert len(came) <= len(VIDEO) // 2


def test_a_storage_that_breaks_off_keeps_nobody_waiting() -> None:
    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await saying(b"HTTP/1.1 100 Continue\r\n\r\n")(writer)
        await asyncio.sleep(0.5)  # meanwhile there is no room for more pieces
        await then_reset()(writer)

    with Source({"/video.mp4": whole(body=VIDEO * 8)}).listening() as source, Source({}, met=meet).listening() as s3:
        began = time.monotonic()
        with pytest.raises(CopyFailed) as failed:
            copy_video(
                f"{source.origin}/video.mp4",
                to=KEY,
                origins=Origins.of([source.origin]),
                client=streams_to(s3.origin, KEYS),
                limits=Limits(upload_seconds=6),
            )
        assert time.monotonic() - began < 5
    assert failed.value.cause is Cause.STORAGE


READ_BACK = {
    "no answer": then_silent(),
    "half an object": then_silent(head(length()), VIDEO[:1000]),
}


@pytest.mark.parametrize("stall", READ_BACK)
def test_reading_back_ends_in_time(stall: str) -> None:
    with Source({}, met=met_by(READ_BACK[stall])).listening() as s3:
        began = time.monotonic()
        with pytest.raises(CopyFailed) as failed:
            existing(KEY, client=streams_to(s3.origin, KEYS), limits=Limits(upload_seconds=0.5))
        assert time.monotonic() - began <= 1.0
    assert (failed.value.phase, failed.value.cause) == (Phase.UPLOAD, Cause.OUT_OF_TIME)


def test_reading_back_notices_an_object_cut_short() -> None:
    half = met_by(saying(head(length()), VIDEO[:1000]))
    with Source({}, met=half).listening() as s3, pytest.raises(CopyFailed) as failed:
        existing(KEY, client=streams_to(s3.origin, KEYS), limits=Limits(upload_seconds=2))
    assert failed.value.cause is Cause.STORAGE
    with Source({}, met=met_by(whole(body=b"abc"))).listening() as s3:
        assert existing(KEY, client=streams_to(s3.origin, KEYS)) == Stored(
            3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        )
