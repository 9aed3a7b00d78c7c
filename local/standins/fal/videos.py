"""Real videos of any size: H.264 in MP4, the index in front, made once for a state folder.

A second of picture is encoded once and repeated until the size is nearly reached; a `free` box, which players pass
over, fills the rest. So 200 MB take about as long to make as to write, and any byte range is worth playing.
"""

from __future__ import annotations

import io
import os
import random
import struct
import tempfile
import threading
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

CONTENT_TYPE = "video/mp4"
WIDTH, HEIGHT, RATE = 640, 360, 24
# Names the picture: a folder with another one is not read.
CLIP = "clip-1"
# Size and kind of an MP4 box.
BOX_HEADER = 8


class Videos:
    """The videos of one state folder, by size."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / CLIP
        self._making = threading.Lock()

    def of(self, size: int) -> Path:
        """A video of exactly `size` bytes; takes as long as writing it when there is none yet.

        Raises:
            ValueError: no video of a second is so small.
        """
        path = self._folder / f"{size}.mp4"
        with self._making:
            if not path.exists():
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._make(path, size)
        return path

    def _make(self, path: Path, size: int) -> None:
        second = self._folder / "second.mp4"
        if not second.exists():
            descriptor, name = tempfile.mkstemp(dir=self._folder)
            with os.fdopen(descriptor, "wb") as file:
                file.write(_second())
            Path(name).replace(second)
        descriptor, name = tempfile.mkstemp(dir=self._folder, suffix=".mp4")
        os.close(descriptor)
        try:
            _fill(Path(name), second.read_bytes(), size)
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)


def _fill(path: Path, second: bytes, size: int) -> None:
    """Write as many seconds as fit, then the box that makes up the rest."""
    seconds = max(size // len(second), 1)
    while _repeated(path, second, seconds) > size - BOX_HEADER:
        if seconds == 1:
            raise ValueError(f"{size} bytes are too few: a second of video has {path.stat().st_size + BOX_HEADER}")
        seconds -= max(seconds // 200, 1)
    rest = size - path.stat().st_size
    with path.open("ab") as file:
        file.write(struct.pack(">I4s", rest, b"free"))
        file.truncate(size)


def _repeated(path: Path, second: bytes, seconds: int) -> int:
    """Write the second so many times, one after the other, without encoding it again; gives the size."""
    with av.open(io.BytesIO(second), "r") as source:
        template = source.streams.video[0]
        packets = [(bytes(packet), packet.pts, packet.is_keyframe) for packet in source.demux(template) if packet.size]
        length = (packets[1][1] or 0) * RATE
        unit = template.time_base or Fraction(1, RATE)
        with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as target:
            stream = target.add_stream_from_template(template)
            for repetition in range(seconds):
                for data, shown_at, key in packets:
                    packet = av.Packet(data)
                    packet.pts = packet.dts = (shown_at or 0) + repetition * length
                    packet.time_base, packet.is_keyframe, packet.stream = unit, key, stream
                    target.mux(packet)
    return path.stat().st_size


def _second() -> bytes:
    """A second of moving picture. One thread and fixed noise make it the same each time."""
    noise = random.Random(CLIP)  # noqa: S311 - a picture, not a secret
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as target:
        stream: VideoStream = target.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        # Pictures in the order in which they are shown: a repetition then shifts one time stamp.
        stream.options = {"preset": "veryfast", "crf": "26", "threads": "1", "bf": "0"}
        for number in range(RATE):
            frame = VideoFrame(WIDTH, HEIGHT, "yuv420p")
            frame.pts = number
            grain = bytes(90 + (byte & 15) for byte in noise.randbytes(WIDTH + HEIGHT))
            _paint(frame, 0, (_line(number, row, grain) for row in range(HEIGHT)))
            for plane in (1, 2):
                _paint(frame, plane, (bytes([80 + 3 * number + 20 * plane]) * (WIDTH // 2) for _ in range(HEIGHT // 2)))
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return buffer.getvalue()


def _line(number: int, row: int, grain: bytes) -> bytes:
    """A grainy line with a bright bar that walks to the right."""
    start = number * (WIDTH // RATE)
    line = bytearray(grain[row : row + WIDTH])
    line[start : start + 80] = b"\xe0" * 80
    return bytes(line[:WIDTH])


def _paint(frame: VideoFrame, plane: int, rows: Iterable[bytes]) -> None:
    """Lines may lie further apart in memory than they are long."""
    target = frame.planes[plane]
    target.update(b"".join(row.ljust(target.line_size, b"\x80") for row in rows))
