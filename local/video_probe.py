"""What a video is, by ffprobe where there is one, else by the libraries it is made of."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import av

PROBE_SECONDS = 60


@dataclass(frozen=True)
class Probed:
    """A video as a player would see it.

    Attributes:
        container: `mov,mp4,m4a,3gp,3g2,mj2` for MP4.
        by: what looked: `ffprobe` or `libav`.
    """

    container: str
    codec: str
    width: int
    height: int
    seconds: float
    by: str


def probe(source: Path | str) -> Probed:
    """Look at a file, or at a URL by way of its byte ranges.

    Raises:
        ValueError: it is no video that can be played.
    """
    binary = ffprobe()
    return _by_ffprobe(binary, str(source)) if binary else _by_libav(str(source))


@cache
def ffprobe() -> str | None:
    """The ffprobe of the requirements, else one on PATH; None where there is neither (Linux on arm64)."""
    spec = find_spec("ffmpeg")
    for folder in spec.submodule_search_locations or () if spec else ():
        bundled = Path(folder) / "binaries" / "ffprobe"
        if bundled.is_file():
            return str(bundled)
    return shutil.which("ffprobe")


def _by_ffprobe(binary: str, source: str) -> Probed:
    entries = "format=format_name,duration:stream=codec_name,width,height"
    looked = subprocess.run(
        [binary, "-v", "error", "-select_streams", "v:0", "-show_entries", entries, "-of", "json", source],
        capture_output=True, text=True, check=False, timeout=PROBE_SECONDS,
    )  # fmt: skip
    content = json.loads(looked.stdout or "{}")
    # Every message: ffprobe also ends well after it met what it could not read.
    if looked.returncode != 0 or looked.stderr or not content.get("streams"):
        raise ValueError("ffprobe finds no video that can be played")
    stream, container = content["streams"][0], content["format"]
    return Probed(
        container["format_name"],
        stream["codec_name"],
        stream["width"],
        stream["height"],
        float(container["duration"]),
        "ffprobe",
    )


def _by_libav(source: str) -> Probed:
    try:
        with av.open(source, "r") as container:
            stream = container.streams.video[0]
            seconds = (container.duration or 0) / 1_000_000
            codec = stream.codec_context
            return Probed(container.format.name, codec.name, codec.width, codec.height, seconds, "libav")
    except (av.FFmpegError, IndexError) as error:
        raise ValueError("libav finds no video that can be played") from error
