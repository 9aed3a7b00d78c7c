"""An image as the body of a request: checked before anything else is done with it."""

from __future__ import annotations

from lambdas.runtime.errors import ApiError, TooLarge, Unprocessable, UnsupportedMediaType
from lambdas.runtime.image_content import CheckedImage, ImageRefused, Refusal, check_image
from lambdas.runtime.image_keys import CONTENT_TYPES
from lambdas.runtime.observability import count_by

# base64 makes a third more of it, and a synchronous Lambda call carries 6 MB.
MAXIMUM_BODY_BYTES = 4 * 1024 * 1024

_DETAILS = {
    Refusal.EMPTY: "The body is empty.",
    Refusal.NOT_AN_IMAGE: "The body is no JPEG, PNG, WebP or HEIC image.",
    Refusal.TRUNCATED: "The image is incomplete or damaged.",
    Refusal.TYPE_MISMATCH: "The image is not of the type that Content-Type says.",
    Refusal.TOO_MANY_PIXELS: "The image has too many pixels.",
}


def image_of(body: bytes, content_type: str | None) -> CheckedImage:
    """The image that `body` is. With no Content-Type, or a general one, its content alone decides.

    Raises:
        UnsupportedMediaType: Content-Type is something else than an image of our kinds.
        TooLarge, Unprocessable: the body is refused; `code` is the reason (`Refusal`).
    """
    declared = (content_type or "").partition(";")[0].strip().lower()
    if declared in {"", "application/octet-stream"}:
        declared = ""
    elif declared not in CONTENT_TYPES:
        raise UnsupportedMediaType
    try:
        return check_image(body, maximum_bytes=MAXIMUM_BODY_BYTES, declared=declared or None)
    except ImageRefused as refused:
        count_by("ImagesRefused", reason=refused.reason)
        raise _problem(refused.reason) from None


def _problem(reason: Refusal) -> ApiError:
    if reason is Refusal.TOO_LARGE:
        return TooLarge(f"The image is larger than {MAXIMUM_BODY_BYTES} bytes.")
    return Unprocessable(_DETAILS[reason], code=reason)
