"""Real images, made by Pillow, and things that only look like images."""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache

import pillow_heif
from PIL import Image


@cache
def noise(width: int = 320, height: int = 240) -> Image.Image:
    """Noise does not compress: a cut hits pixels, not padding."""
    return Image.effect_noise((width, height), 60).convert("RGB")


@cache
def encoded(kind: str, width: int = 320, height: int = 240) -> bytes:
    if kind == "HEIF":
        pillow_heif.register_heif_opener()
    written = io.BytesIO()
    noise(width, height).save(written, kind, **({"save_all": True} if kind == "MPO" else {}))
    return written.getvalue()


def progressive(extra_scans: int = 0) -> bytes:
    """A progressive JPEG, its last scan repeated: each costs a decoder the whole picture again."""
    written = io.BytesIO()
    noise().save(written, "JPEG", progressive=True)
    content = written.getvalue()
    last = content.rindex(b"\xff\xda")
    return content[:-2] + content[last:-2] * extra_scans + content[-2:]


def png_claiming(width: int, height: int) -> bytes:
    """A small PNG that unpacks to `width` x `height` pixels: all black, a thousandth of its size."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")
    )


def in_half(content: bytes) -> bytes:
    return content[: len(content) // 2]
