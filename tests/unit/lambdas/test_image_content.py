"""An image is what decodes as one, wholly and within bounds, whatever it is called."""

from __future__ import annotations

import hashlib
import io

import pytest
from PIL import Image

from lambdas.runtime.errors import ApiError, TooLarge, Unprocessable, UnsupportedMediaType
from lambdas.runtime.image_content import ImageRefused, Refusal, check_image
from lambdas.runtime.image_requests import MAXIMUM_BODY_BYTES, image_of
from tests.unit.lambdas.pictures import encoded, in_half, png_claiming, progressive

MAXIMUM = 15 * 1024 * 1024
KINDS = {"JPEG": "image/jpeg", "MPO": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "HEIF": "image/heic"}
HTML = b"<!doctype html><script>alert(1)</script>"


@pytest.mark.plan("M5")
@pytest.mark.parametrize(("kind", "content_type"), KINDS.items(), ids=KINDS)
def test_the_four_kinds_are_told_by_their_content(kind: str, content_type: str) -> None:
    content = encoded(kind)
    image = check_image(content, maximum_bytes=MAXIMUM, declared=content_type)
    assert (image.content_type, image.width, image.height, image.size) == (content_type, 320, 240, len(content))
    assert image.sha256 == hashlib.sha256(content).digest()


HOSTILE = {
    "nothing": (b"", Refusal.EMPTY),
    "html": (HTML, Refusal.NOT_AN_IMAGE),
    "html behind a JPEG's first bytes": (b"\xff\xd8\xff" + HTML, Refusal.NOT_AN_IMAGE),
    "an ISO box that is no picture": (b"\0\0\0\x1cftypheic" + HTML, Refusal.NOT_AN_IMAGE),
    "an mp4": (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(200), Refusal.NOT_AN_IMAGE),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", Refusal.NOT_AN_IMAGE),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", Refusal.NOT_AN_IMAGE),
    "zeros": (bytes(5000), Refusal.NOT_AN_IMAGE),
    "half a JPEG": (in_half(encoded("JPEG")), Refusal.TRUNCATED),
    "a JPEG without its last bytes": (encoded("JPEG")[:-64], Refusal.TRUNCATED),
    "half a PNG": (in_half(encoded("PNG")), Refusal.TRUNCATED),
    "half a WebP": (in_half(encoded("WEBP")), Refusal.TRUNCATED),
    "half a HEIC": (in_half(encoded("HEIF")), Refusal.TRUNCATED),
    "a bomb": (png_claiming(16_000, 16_000), Refusal.TOO_MANY_PIXELS),
    "a bomb beyond Pillow's own limit": (png_claiming(60_000, 60_000), Refusal.TOO_MANY_PIXELS),
    "a ribbon": (png_claiming(100_000, 1), Refusal.TOO_MANY_PIXELS),
    "a PNG that promises more than it holds": (png_claiming(4_000, 4_000), Refusal.TRUNCATED),
    "too many bytes": (bytes(MAXIMUM + 1), Refusal.TOO_LARGE),
}


@pytest.mark.plan("M3", "M5")
@pytest.mark.parametrize(("content", "reason"), HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_image_is_refused_with_the_reason(content: bytes, reason: Refusal) -> None:
    with pytest.raises(ImageRefused) as refused:
        check_image(content, maximum_bytes=MAXIMUM)
    assert refused.value.reason is reason


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF"])
def test_a_real_image_of_another_kind_is_refused_though_pillow_knows_it(kind: str) -> None:
    written = io.BytesIO()
    Image.new("RGB", (32, 32)).save(written, kind)
    with pytest.raises(ImageRefused) as refused:
        check_image(written.getvalue(), maximum_bytes=MAXIMUM)
    assert refused.value.reason is Refusal.NOT_AN_IMAGE


def test_a_jpeg_of_more_scans_than_any_encoder_writes_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(ImageRefused) as refused:
        check_image(progressive(extra_scans=100), maximum_bytes=MAXIMUM)
    assert refused.value.reason is Refusal.NOT_AN_IMAGE
    assert check_image(progressive(), maximum_bytes=MAXIMUM).content_type == "image/jpeg"


def test_a_good_image_of_another_type_than_declared_is_refused() -> None:
    with pytest.raises(ImageRefused) as refused:
        check_image(encoded("PNG"), maximum_bytes=MAXIMUM, declared="image/jpeg")
    assert refused.value.reason is Refusal.TYPE_MISMATCH


def test_one_byte_over_the_limit_is_too_large_and_the_limit_is_not() -> None:
    content = encoded("JPEG")
    check_image(content, maximum_bytes=len(content))
    with pytest.raises(ImageRefused) as refused:
        check_image(content, maximum_bytes=len(content) - 1)
    assert refused.value.reason is Refusal.TOO_LARGE


@pytest.mark.plan("M5")
@pytest.mark.parametrize("content_type", [None, "", "application/octet-stream", "image/jpeg", "IMAGE/JPEG; q=1"])
def test_a_request_may_leave_the_type_to_the_content(content_type: str | None) -> None:
    assert image_of(encoded("JPEG"), content_type).content_type == "image/jpeg"


@pytest.mark.plan("M5")
@pytest.mark.parametrize(
    ("body", "content_type", "error", "code"),
    [
        (encoded("JPEG"), "text/html", UnsupportedMediaType, "unsupported_media_type"),
        (encoded("JPEG"), "image/gif", UnsupportedMediaType, "unsupported_media_type"),
        (encoded("JPEG"), "image/png", Unprocessable, "type_mismatch"),
        (HTML, "image/jpeg", Unprocessable, "not_an_image"),
        (b"", "image/jpeg", Unprocessable, "empty"),
        (in_half(encoded("JPEG")), "image/jpeg", Unprocessable, "truncated"),
        (png_claiming(16_000, 16_000), "image/png", Unprocessable, "too_many_pixels"),
        (bytes(MAXIMUM_BODY_BYTES + 1), "image/jpeg", TooLarge, "image_too_large"),
    ],
)
def test_a_request_with_no_image_is_refused_at_once(
    body: bytes, content_type: str, error: type[ApiError], code: str
) -> None:
    with pytest.raises(error) as refused:
        image_of(body, content_type)
    assert refused.value.told_code == code
