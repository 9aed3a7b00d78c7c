"""An image as the generator takes it: the models read JPEG, PNG and WebP, phones take HEIC."""

from __future__ import annotations

import io
from dataclasses import dataclass

from lambdas.runtime.image_keys import extension

_HEIC, _JPEG = "image/heic", "image/jpeg"
# Hardly seen by eye or model, and about the size of the HEIC times two.
_JPEG_QUALITY = 92


@dataclass(frozen=True, repr=False)
class Picture:
    """An image's bytes, and their type."""

    content: bytes
    content_type: str

    @property
    def file_name(self) -> str:
        return f"image.{extension(self.content_type)}"

    def for_generator(self) -> Picture:
        """The same image, as a JPEG if it was HEIC. Its pixels were counted when it came in (image_content.py)."""
        return Picture(_as_jpeg(self.content), _JPEG) if self.content_type == _HEIC else self


def _as_jpeg(heic: bytes) -> bytes:
    # Large, and most images need none of it.
    import pillow_heif
    from PIL import Image

    pillow_heif.register_heif_opener()
    written = io.BytesIO()
    with Image.open(io.BytesIO(heic), formats=("HEIF",)) as image:  # turned upright as it is decoded
        image.convert("RGB").save(written, "JPEG", quality=_JPEG_QUALITY)
    return written.getvalue()
