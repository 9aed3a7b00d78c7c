"""A picture of a video file, written to standard output: `python -m lambdas.make_thumbnail.frame FILE`.

A program of its own, since decoders are large, written in C, and fed by strangers: it has no credentials, little memory
and little time, and when it dies nothing else does.
"""

from __future__ import annotations

import contextlib
import resource
import sys
from collections.abc import Iterable
from fractions import Fraction

import av
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

LONG_SIDE = 720
# Half a second in, fades from black are over; a video that is shorter gives its last picture.
AT_SECONDS = 0.5
MAXIMUM_FRAMES = 240
MAXIMUM_PIXELS = 8192 * 8192
MEMORY_BYTES = 1024 * 1024 * 1024
CPU_SECONDS = 10
# mjpeg's scale goes from 1, the best, to 31.
_QUALITY = 4


class NoPicture(Exception):
    """The file gives no picture; the text says why."""


def picture(path: str) -> bytes:
    """A JPEG of the video's first second, its long side at most LONG_SIDE.

    Raises:
        NoPicture: there is none to be had.
    """
    # The format is given, not guessed: what calls itself a video may be a playlist that names other files.
    with av.open(path, format="mp4", options={"protocol_whitelist": "file"}) as container:
        if not container.streams.video:
            raise NoPicture("no video stream")
        stream = container.streams.video[0]
        context = stream.codec_context
        if not 0 < context.width * context.height <= MAXIMUM_PIXELS:
            raise NoPicture("impossible dimensions")
        context.options = {"max_pixels": str(MAXIMUM_PIXELS)}  # what the stream itself says later
        context.thread_count = 1
        return _jpeg(_frame(container.decode(stream)), _shape(stream))


def _frame(frames: Iterable[VideoFrame]) -> VideoFrame:
    found: VideoFrame | None = None
    try:
        for number, frame in enumerate(frames):
            found = frame
            if (frame.time or 0) >= AT_SECONDS or number >= MAXIMUM_FRAMES:
                break
    except av.FFmpegError:
        # The file is cut off behind its first second, or broken: what was decoded before is a picture all the same.
        if found is None:
            raise
    if found is None:
        raise NoPicture("no frame")
    return found


def _shape(stream: VideoStream) -> float:
    """How much wider than high one pixel is."""
    ratio = stream.sample_aspect_ratio
    return float(ratio) if ratio and 0.1 <= ratio <= 10 else 1.0


def _jpeg(frame: VideoFrame, pixel_shape: float) -> bytes:
    if frame.width * frame.height > MAXIMUM_PIXELS:
        raise NoPicture("impossible dimensions")
    width, height = frame.width * pixel_shape, float(frame.height)
    scale = min(1.0, LONG_SIDE / max(width, height))
    small = frame.reformat(_even(width * scale), _even(height * scale), format="yuvj420p")
    small.pts = 0
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = small.width, small.height, "yuvj420p"
    encoder.time_base = Fraction(1, 25)  # of no meaning for one picture, and asked for
    encoder.qmin = encoder.qmax = _QUALITY
    return b"".join(bytes(packet) for packet in [*encoder.encode(small), *encoder.encode(None)])


def _even(length: float) -> int:
    """Colours are stored for every second pixel."""
    return max(2, round(length / 2) * 2)


def main(path: str) -> int:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    with contextlib.suppress(ValueError):  # a laptop's system may know no such limit
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    av.logging.set_level(av.logging.PANIC)
    try:
        content = picture(path)
    except (NoPicture, av.FFmpegError, MemoryError, ValueError) as error:
        print(type(error).__name__, file=sys.stderr)
        return 1
    sys.stdout.buffer.write(content)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
