"""The worker's copy beside `rclone copyurl` and beside an upload of the same bytes from memory.

    python -m tests.bench.bench_video_copy

One source, one S3, one run: the ways take turns, and medians are compared. rclone's time is its command's, with and
without its start; it is the better of one presigned request and parts side by side (over plain http it cannot sign a
stream otherwise). The upload from memory is the better of boto3's `put_object` and `upload_fileobj`.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lambdas.video_copy.storage import streams_to
from tests.local.ministack.emulator import REGION, REPOSITORY, Emulator, allow

MEGABYTE = 1024 * 1024
SIZES = (10, 50, 200)
OF_RCLONE, OF_RAW, MEMORY = 0.9, 0.8, 40 * MEGABYTE
_HEAD = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2"


@dataclass(frozen=True)
class Figures:
    """Medians of one size, in seconds, and the copy's memory above the idle process, in bytes."""

    megabytes: int
    copy: float
    rclone: float
    rclone_start: float
    raw: float
    memory: int
    memory_bare: int

    def __str__(self) -> str:
        without_start = (self.rclone - self.rclone_start) / self.copy
        return (
            f"{self.megabytes:4} MB  copy {self.copy:.3f} s  rclone {self.rclone:.3f} s (start {self.rclone_start:.3f})"
            f"  raw {self.raw:.3f} s  of rclone {self.rclone / self.copy:.2f} ({without_start:.2f} without its start)"
            f"  of raw {self.raw / self.copy:.2f}  memory +{self.memory / MEGABYTE:.1f} MB"
            f" (+{self.memory_bare / MEGABYTE:.1f} above a bare interpreter)"
        )

    @property
    def good(self) -> bool:
        fast = self.rclone / self.copy >= OF_RCLONE and self.raw / self.copy >= OF_RAW
        return fast and self.memory <= MEMORY


class Bench:
    """Source, storage and a warm worker; every object is removed after it was timed and compared."""

    def __init__(self, emulator: Emulator, folder: Path, port: int, stack: ExitStack) -> None:
        self._origin, self._folder, self._emulator = f"http://127.0.0.1:{port}", folder, emulator
        self._bucket = emulator.bucket()
        everything = [f"arn:aws:s3:::{self._bucket}", f"arn:aws:s3:::{self._bucket}/*"]
        self._keys = emulator.user(allow("s3:*", everything))
        self._client = streams_to(emulator.url, self._keys)
        self._worker = stack.enter_context(_running("tests.bench.copier", emulator.url, *self._keys[:2]))
        start = json.loads(_line(self._worker))
        self.idle, self.bare = int(start["idle"]), int(start["bare"])
        self._count = 0

    def memory(self, megabytes: int) -> int:
        """The most memory a copy takes above the idle worker, in bytes."""
        return int(self._watched(self._new_video(megabytes))["peak"]) - self.idle

    def figures(self, megabytes: int, rounds: int) -> Figures:
        video = self._new_video(megabytes)
        seconds: dict[str, list[float]] = defaultdict(list)
        ways: dict[str, Callable[[str], float]] = {
            "copy": lambda key: float(self._copied(key)["seconds"]),
            "rclone": lambda key: self._rclone(key, RCLONE_S3_USE_PRESIGNED_REQUEST="true"),
            "rclone in parts": lambda key: self._rclone(key, RCLONE_S3_UPLOAD_CUTOFF="0"),
            "put": lambda key: _timed(lambda: self._client.put_object(Bucket=self._bucket, Key=key, Body=video)),
            "fileobj": lambda key: _timed(lambda: self._client.upload_fileobj(io.BytesIO(video), self._bucket, key)),
        }
        for round_ in range(rounds + 1):
            for name, way in ways.items():
                taken = self._compared(way, video)
                if round_:  # the first is for warming up
                    seconds[name].append(taken)
            seconds["start"].append(self._rclone_start())
        peak = max(int(self._watched(video)["peak"]) for _ in range(2))
        medians = {name: statistics.median(taken) for name, taken in seconds.items()}
        return Figures(
            megabytes,
            medians["copy"],
            min(medians["rclone"], medians["rclone in parts"]),
            medians["start"],
            min(medians["put"], medians["fileobj"]),
            peak - self.idle,
            peak - self.bare,
        )

    def _new_video(self, megabytes: int) -> bytes:
        video = _HEAD + os.urandom(megabytes * MEGABYTE - len(_HEAD))
        (self._folder / "video.mp4").write_bytes(video)
        return video

    def _compared(self, way: Callable[[str], float], video: bytes) -> float:
        self._count += 1
        key = f"videos/{self._count}.mp4"
        taken = way(key)
        stored = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        assert hashlib.sha256(stored).digest() == hashlib.sha256(video).digest(), "what is stored is another video"
        self._client.delete_object(Bucket=self._bucket, Key=key)
        return taken

    def _copied(self, key: str, *, watch: bool = False) -> dict[str, Any]:
        asked = {"url": f"{self._origin}/video.mp4", "bucket": self._bucket, "key": key, "origin": self._origin}
        assert self._worker.stdin is not None
        self._worker.stdin.write(json.dumps({**asked, "watch": watch}) + "\n")
        self._worker.stdin.flush()
        answer: dict[str, Any] = json.loads(_line(self._worker))
        return answer

    def _watched(self, video: bytes) -> dict[str, Any]:
        answer: dict[str, Any] = {}
        self._compared(lambda key: answer.update(self._copied(key, watch=True)) or 0.0, video)
        assert answer["sha256"] == hashlib.sha256(video).hexdigest()
        return answer

    def _rclone(self, key: str, **settings: str) -> float:
        access_key, secret_key, _ = self._keys
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self._folder),
            "RCLONE_CONFIG": os.devnull,
            "RCLONE_CONFIG_S3_TYPE": "s3",
            "RCLONE_CONFIG_S3_PROVIDER": "AWS",
            "RCLONE_CONFIG_S3_ENDPOINT": self._emulator.url,
            "RCLONE_CONFIG_S3_REGION": REGION,
            "RCLONE_CONFIG_S3_ACCESS_KEY_ID": access_key,
            "RCLONE_CONFIG_S3_SECRET_ACCESS_KEY": secret_key,
            "RCLONE_CONFIG_S3_FORCE_PATH_STYLE": "true",
            "RCLONE_S3_NO_CHECK_BUCKET": "true",
            **settings,
        }
        command = [_RCLONE, "copyurl", f"{self._origin}/video.mp4", f"s3:{self._bucket}/{key}"]
        return _timed(lambda: subprocess.run(command, env=environment, check=True))

    def _rclone_start(self) -> float:
        return _timed(lambda: subprocess.run([_RCLONE, "version"], check=True, stdout=subprocess.DEVNULL))


_RCLONE = str(Path(sys.executable).with_name("rclone"))


@contextmanager
def bench() -> Iterator[Bench]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        emulator = Emulator(folder / "aws", S3_PERSIST="0")  # the disk's moods are not what is compared
        stack.callback(emulator.end)
        emulator.start()
        source = stack.enter_context(_running("tests.bench.static_source", str(folder)))
        yield Bench(emulator, folder, int(_line(source)), stack)


@contextmanager
def _running(module: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", module, *arguments]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def _timed(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def main() -> int:
    """Print each size's figures; 1 when a bound is broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--megabytes", type=int, nargs="+", default=SIZES)
    given = parser.parse_args()
    good = True
    with bench() as running:
        for megabytes in given.megabytes:
            figures = running.figures(megabytes, given.rounds)
            print(figures, flush=True)
            good = good and figures.good
    print(f"bounds: {OF_RCLONE} of rclone, {OF_RAW} of raw, {MEMORY // MEGABYTE} MB: {'kept' if good else 'BROKEN'}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
