"""Copies whose source or storage stalls, side by side: does each end when its time is up?

    python -m tests.chaos.stalls --runs 200

runs them with the plan's own limits (15 s down, 15 s up, 30 s in all) in little more than half a minute.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from lambdas.migrate_video.connection import Network, connect
from lambdas.migrate_video.deadlines import Limits
from lambdas.migrate_video.errors import Cause, CopyFailed, Phase
from lambdas.migrate_video.origins import Address, Origins
from lambdas.migrate_video.upload import ObjectKey
from lambdas.migrate_video.video_copy import copy_video
from tests.chaos.record import Figure, Record
from tests.lambdas.video_copy.certificate import Authority
from tests.lambdas.video_copy.sources import (
    FOR_EVER,
    VIDEO,
    Behaviour,
    Source,
    dripping,
    head,
    length,
    then_silent,
    whole,
)
from tests.lambdas.video_copy.storage import streams_to

TITLE = "Copies that stall in every way, all at once: each ends within half a second of its deadline"
SHORT: dict[str, Any] = {"runs": 30, "download_seconds": 1.5, "upload_seconds": 1.5, "total_seconds": 3.0}
LONG: dict[str, Any] = {"runs": 200, "download_seconds": 15.0, "upload_seconds": 15.0, "total_seconds": 30.0}

HOST, PUBLIC = "v3.fal.media", "104.18.1.1"
LATE_AT_MOST = 0.5
# More than is kept between source and storage, so that a storage that does not read stops the copy on its way.
SMALL, LARGE = VIDEO[:100_000], VIDEO + bytes(4 * 1024 * 1024)
_KEYS = ("stalls", "stalls", None)

# The S3 client's own limits are as long as an upload's, and may be noticed first.
_OUT_OF_TIME = {Phase.DOWNLOAD: {Cause.OUT_OF_TIME}, Phase.UPLOAD: {Cause.OUT_OF_TIME, Cause.STORAGE}}


@dataclass(frozen=True)
class Stall:
    """Who stalls: a path of the source, or where its host leads; or a storage, while the source is fine."""

    name: str
    phase: Phase
    path: str = "/fine"
    dials: str = ""
    storage: str = "silent"

    def deadline(self, failed: CopyFailed, limits: Limits) -> float:
        """Seconds after its begin at which the copy had to end, given what the other phase took before."""
        if self.phase is Phase.DOWNLOAD:
            return min(failed.seconds_upload + limits.download_seconds, limits.total_seconds)
        return min(failed.seconds_download + limits.upload_seconds, limits.total_seconds)


STALLS = (
    Stall("names are not resolved", Phase.DOWNLOAD, dials="nowhere"),
    Stall("connect is not answered", Phase.DOWNLOAD, dials="deaf"),
    Stall("TLS is not answered", Phase.DOWNLOAD, dials="plain"),
    Stall("TLS comes byte by byte", Phase.DOWNLOAD, dials="dripping"),
    Stall("no head", Phase.DOWNLOAD, path="/no-head"),
    Stall("head byte by byte", Phase.DOWNLOAD, path="/head-drips"),
    Stall("no body", Phase.DOWNLOAD, path="/no-body"),
    Stall("half a body", Phase.DOWNLOAD, path="/half"),
    Stall("body byte by byte", Phase.DOWNLOAD, path="/body-drips"),
    Stall("storage's connect is not answered", Phase.UPLOAD, path="/large", storage="deaf"),
    Stall("storage does not read", Phase.UPLOAD, path="/large", storage="silent"),
    Stall("storage reads slowly", Phase.UPLOAD, path="/large", storage="slow"),
    Stall("storage reads all and says nothing", Phase.UPLOAD, storage="mute"),
    Stall("storage answers byte by byte", Phase.UPLOAD, storage="dripping"),
    Stall("source takes its time, then storage all of its own", Phase.UPLOAD, path="/slow"),
)


@dataclass(frozen=True)
class Run:
    """One stalled copy: what it ended with (None: it did not fail), after how long, and how late (seconds)."""

    stall: Stall
    failed: CopyFailed | None
    seconds: float
    late: float

    @property
    def right(self) -> bool:
        """Ended in time, in the phase that stalled, to be tried again."""
        return (
            self.failed is not None
            and self.failed.phase is self.stall.phase
            and self.failed.cause in _OUT_OF_TIME[self.stall.phase]
            and self.late <= LATE_AT_MOST
        )


def run(
    record: Record, *, runs: int, download_seconds: float, upload_seconds: float, total_seconds: float
) -> list[Figure]:
    """Stall `runs` copies. All run at once, so there is nothing to go on from."""
    made = stalled_runs(Limits(download_seconds, upload_seconds, total_seconds), runs)
    record.note("worst", {stall.name: max(each.late for each in made if each.stall is stall) for stall in STALLS})
    return [
        Figure.exactly("stalled copies", len(made), runs),
        Figure.exactly("ended otherwise than out of time in the phase that stalled", wrong_of(made), 0),
        Figure.at_most("seconds after the deadline, worst", round(max(each.late for each in made), 3), LATE_AT_MOST),
    ]


def stalled_runs(limits: Limits, runs: int) -> list[Run]:
    """That many copies at the same time, each kind of stall as often as any other."""
    with _scene(limits) as scene, ThreadPoolExecutor(runs) as threads:
        together = threading.Barrier(runs)

        def run(stall: Stall) -> Run:
            together.wait()
            return scene.run(stall, limits)

        return list(threads.map(run, islice(cycle(STALLS), runs)))


@dataclass(frozen=True)
class _Scene:
    plain: Source
    storages: dict[str, Any]
    networks: dict[str, Network]

    def run(self, stall: Stall, limits: Limits) -> Run:
        origin = f"https://{HOST}" if stall.dials else self.plain.origin
        failed, began = None, time.monotonic()
        try:
            copy_video(
                f"{origin}{stall.path}",
                to=ObjectKey("bucket", "videos/video.mp4"),
                origins=Origins.of([origin]),
                client=self.storages[stall.storage],
                limits=limits,
                network=self.networks[stall.dials],
            )
        except CopyFailed as error:
            failed = error
        took = time.monotonic() - began
        return Run(stall, failed, took, took - stall.deadline(failed, limits) if failed else took)


@contextmanager
def _scene(limits: Limits) -> Iterator[_Scene]:
    every = limits.download_seconds / 15  # a byte a second, at the real limits
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        authority = Authority.made(folder)

        def listening(source: Source) -> Source:
            return stack.enter_context(source.listening())

        plain = listening(Source(_behaviours(limits, every)))
        deaf = stack.enter_context(deaf_port())
        tls_drips = listening(Source({}, met=_dripping_tls(every)))
        mute, slow, silent, drips = (listening(Source({}, met=meet)) for meet in (_mute, _slow, _silent, _drips))
        ports = {"plain": plain.port, "deaf": deaf, "dripping": tls_drips.port}
        hung = threading.Event()
        stack.callback(hung.set)
        sinks = {"mute": mute.port, "slow": slow.port, "silent": silent.port, "dripping": drips.port, "deaf": deaf}
        networks = {"": Network(), "nowhere": _hanging(hung)}
        yield _Scene(
            plain,
            {name: streams_to(f"http://127.0.0.1:{port}", _KEYS) for name, port in sinks.items()},
            networks | {name: _leading_to(port, authority) for name, port in ports.items()},
        )


def _behaviours(limits: Limits, every: float) -> dict[str, Behaviour]:
    async def slow(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.4 * limits.download_seconds)
        await whole(body=SMALL)(writer)

    return {
        "/fine": whole(body=SMALL),
        "/large": whole(body=LARGE),
        "/slow": slow,
        "/no-head": then_silent(),
        "/head-drips": dripping(b"", head(length()), every=every),
        "/no-body": then_silent(head(length())),
        "/half": then_silent(head(length()), VIDEO[: len(VIDEO) // 2]),
        "/body-drips": dripping(head(length()), VIDEO, every=every),
    }


def _leading_to(port: int, authority: Authority) -> Network:
    """A network in which the host's public address is this port of loopback."""

    def dial(address: Address, _port: int, seconds: float) -> socket.socket:
        assert str(address) == PUBLIC
        return connect(ip_address("127.0.0.1"), port, seconds)

    return Network(lambda _host, _port: [PUBLIC], dial, authority.trusting)


def _hanging(hung: threading.Event) -> Network:
    """Names are not resolved, and only some may be looked up at once: the others wait for their turn."""

    def look_up(_host: str, _port: int) -> Sequence[str]:
        hung.wait(FOR_EVER)
        return []

    return Network(look_up, look_ups=threading.BoundedSemaphore(4))


@contextmanager
def deaf_port() -> Iterator[int]:
    """A port whose queue is full: the next connect is not even refused."""
    with socket.socket() as listener, ExitStack() as stack:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = int(listener.getsockname()[1])
        for _ in range(8):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        yield port


def _dripping_tls(every: float) -> Any:
    async def meet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await dripping(b"", b"\x16\x03\x03\x20\x00\x02\x00\x1f\xfc" + bytes(8000), every=every)(writer)

    return meet


async def _silent(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    await asyncio.sleep(FOR_EVER)


async def _slow(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    while await reader.read(1024):
        await asyncio.sleep(0.05)


async def _mute(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    while await reader.read(1024 * 1024):
        pass


async def _drips(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    swallowing = asyncio.ensure_future(_mute(reader, writer))
    try:
        await asyncio.sleep(0.05)
        await dripping(b"", head("X: y" * 10000), every=0.05)(writer)
    finally:
        swallowing.cancel()


def main() -> int:
    """Print each kind's worst run; 1 when any was not right."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--download-seconds", type=float, default=Limits.download_seconds)
    parser.add_argument("--upload-seconds", type=float, default=Limits.upload_seconds)
    parser.add_argument("--total-seconds", type=float, default=Limits.total_seconds)
    given = parser.parse_args()
    runs = stalled_runs(Limits(given.download_seconds, given.upload_seconds, given.total_seconds), given.runs)
    for stall in STALLS:
        of_kind = [run for run in runs if run.stall is stall]
        if of_kind:
            worst = max(of_kind, key=lambda run: run.late)
            print(f"{stall.name:54} {len(of_kind):3} runs, worst {worst.late:+.3f} s, {wrong_of(of_kind)} wrong")
    worst_of_all = max(run.late for run in runs)
    print(f"{len(runs)} stalled runs, {wrong_of(runs)} not right; worst: {worst_of_all:+.3f} s past its deadline")
    return 1 if wrong_of(runs) else 0


def wrong_of(runs: Sequence[Run]) -> int:
    return sum(not run.right for run in runs)


if __name__ == "__main__":
    sys.exit(main())
