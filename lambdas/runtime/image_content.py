"""Is this an image we accept? Told by its content; names and declared types are hearsay.

Used by the three ways in: inspect_image, upload_image_direct, upload_image_anonymous.
"""

from __future__ import annotations

import hashlib
import io
import re
import warnings
from dataclasses import dataclass
from enum import StrEnum

from PIL import Image

# A 48 megapixel photograph (8064 x 6048), the largest a phone's camera app makes by itself, and a little more.
MAXIMUM_PIXELS = 50_000_000
MAXIMUM_SIDE = 16_384


class Refusal(StrEnum):
    """Why an upload is no image of ours; the words of `public.images.reason`."""

    EMPTY = "empty"
    NOT_AN_IMAGE = "not_an_image"
    TRUNCATED = "truncated"
    TYPE_MISMATCH = "type_mismatch"
    TOO_LARGE = "too_large"
    TOO_MANY_PIXELS = "too_many_pixels"
    NEVER_UPLOADED = "never_uploaded"


class ContentType(StrEnum):
    JPEG = "image/jpeg"
    PNG = "image/png"
    WEBP = "image/webp"
    HEIC = "image/heic"

    @property
    def extension(self) -> str:
        return {"image/jpeg": "jpg"}.get(self.value, self.value.removeprefix("image/"))


# MPO is a JPEG with further pictures behind the first (depth, a second lens); it opens as a JPEG everywhere.
_TYPES = {
    "JPEG": ContentType.JPEG,
    "MPO": ContentType.JPEG,
    "PNG": ContentType.PNG,
    "WEBP": ContentType.WEBP,
    "HEIF": ContentType.HEIC,
}

# A progressive JPEG is written in about ten scans. Each walks the whole picture for as little as 75 bytes of file, so
# that a small file could cost minutes (libjpeg-turbo.org/About/TwoIssueswiththeJPEGStandard).
MAXIMUM_JPEG_SCANS = 64
_JPEG_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])", re.DOTALL)
_START_OF_SCAN, _END_OF_IMAGE = b"\xda", b"\xd9"
_WITHOUT_LENGTH = frozenset({b"\x01", b"\xd8"})

_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})


class ImageRefused(Exception):
    """The bytes are no image we accept, for `reason`."""

    def __init__(self, reason: Refusal) -> None:
        self.reason = reason
        super().__init__(str(reason))


@dataclass(frozen=True)
class CheckedImage:
    """What the bytes turned out to be. Sizes in bytes and pixels."""

    content_type: ContentType
    size: int
    sha256: bytes
    width: int
    height: int


def check_image(content: bytes, *, maximum_bytes: int, declared: str | None = None) -> CheckedImage:
    """Decode `content` wholly, within bounds of bytes and pixels; `declared` must then be its type, if given.

    Raises:
        ImageRefused: it is none of JPEG, PNG, WebP, HEIC, is broken, too large, or of another type than declared.
    """
    if not content:
        raise ImageRefused(Refusal.EMPTY)
    if len(content) > maximum_bytes:
        raise ImageRefused(Refusal.TOO_LARGE)
    kind, (width, height) = _probed(content)
    if width * height > MAXIMUM_PIXELS or max(width, height) > MAXIMUM_SIDE:
        raise ImageRefused(Refusal.TOO_MANY_PIXELS)
    if declared is not None and declared != kind:
        raise ImageRefused(Refusal.TYPE_MISMATCH)
    if kind is ContentType.JPEG and _jpeg_scans(content) > MAXIMUM_JPEG_SCANS:
        raise ImageRefused(Refusal.NOT_AN_IMAGE)
    _decode(content)
    return CheckedImage(kind, len(content), hashlib.sha256(content).digest(), width, height)


def _probed(content: bytes) -> tuple[ContentType, tuple[int, int]]:
    """Type and size, from the header alone."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own, lower bound follows
            with _open(content) as image:
                return _TYPES[str(image.format)], image.size
    except Image.DecompressionBombError:
        raise ImageRefused(Refusal.TOO_MANY_PIXELS) from None
    except MemoryError:
        raise
    except Exception:  # decoders meet hostile bytes with errors of every kind; all mean the same here
        raise ImageRefused(Refusal.TRUNCATED if _is_cut_webp(content) else Refusal.NOT_AN_IMAGE) from None


def _decode(content: bytes) -> None:
    """Read every pixel: a file that ends early, or lies about what follows, is found only so."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with _open(content) as image:
                image.verify()  # checksums, where the format has them
            with _open(content) as image:
                # A JPEG is read to its end at an eighth of its size, in a sixty-fourth of the memory.
                image.draft(None, (max(1, image.width // 8), max(1, image.height // 8)))
                image.load()
    except MemoryError:
        raise
    except Exception:  # as above; the header was right, what follows is not
        raise ImageRefused(Refusal.TRUNCATED) from None


def _open(content: bytes) -> Image.Image:
    """Only the decoders of our own types ever see the bytes; Pillow knows fifty more."""
    if not _looks_like_heif(content):
        return Image.open(io.BytesIO(content), formats=("JPEG", "PNG", "WEBP"))
    # Pillow opens HEIC through a plug-in, which is large: loaded when such a file first comes.
    import pillow_heif

    pillow_heif.register_heif_opener()
    return Image.open(io.BytesIO(content), formats=("HEIF",))


def _jpeg_scans(content: bytes) -> int:
    """Scans of a JPEG, counted up to one more than allowed; what lies inside a segment is not looked at."""
    at, scans = 2, 0
    while scans <= MAXIMUM_JPEG_SCANS and (found := _JPEG_MARKER.search(content, at)) and found[1] != _END_OF_IMAGE:
        scans += found[1] == _START_OF_SCAN
        at = found.end()
        if found[1] not in _WITHOUT_LENGTH:
            at += int.from_bytes(content[at : at + 2], "big")
    return scans


def _is_cut_webp(content: bytes) -> bool:
    """Libwebp refuses a cut file as a whole; its container says how long it should have been."""
    announced = int.from_bytes(content[4:8], "little") + 8
    return content[:4] == b"RIFF" and content[8:12] == b"WEBP" and len(content) < announced


def _looks_like_heif(content: bytes) -> bool:
    """An ISO media file with one of HEIC's brands (ISO/IEC 23008-12)."""
    return content[4:8] == b"ftyp" and content[8:12] in _HEIC_BRANDS
