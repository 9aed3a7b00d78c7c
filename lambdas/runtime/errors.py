"""What can go wrong in a function: one tree.

An `ApiError` is an answer: the client is told its status, code and detail (RFC 9457). Every other error is ours: the
client is told 503 for a `ConfigurationError`, else 500, and a request id; the log has the rest. Messages never hold
tokens, device ids or bodies.
"""

from __future__ import annotations

from typing import ClassVar


class FunctionError(Exception):
    """Root of every error the functions raise themselves."""


class ConfigurationError(FunctionError):
    """The function's environment or secret is missing or malformed: nobody's request is at fault."""


class ApiError(FunctionError):
    """An answer other than success. `field` names the request's member at fault, where there is one."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Internal error"
    detail: ClassVar[str] = "Something went wrong on our side."

    def __init__(self, detail: str | None = None, *, code: str | None = None, field: str | None = None) -> None:
        self.told = detail or self.detail
        self.told_code = code or self.code
        self.field = field
        super().__init__(self.told)

    @property
    def headers(self) -> dict[str, str]:
        """Headers the answer carries besides its content type."""
        return {}


class InvalidRequest(ApiError):
    """The request cannot be understood."""

    status, code, title = 400, "invalid_request", "Invalid request"
    detail = "The request cannot be understood."


class SessionRequired(ApiError):
    """No session came with the request, or nobody checked it."""

    status, code, title = 401, "session_required", "Session required"
    detail = "Check the device in and send its session token."


class DeviceNotGenuine(ApiError):
    """Apple does not know the device token."""

    status, code, title = 401, "device_not_genuine", "Device not genuine"
    detail = "Apple does not recognise this device token. Make a new one and check in again."


class Forbidden(ApiError):
    """A session came, and it is refused: check in again."""

    status, code, title = 403, "forbidden", "Forbidden"


class SessionExpired(Forbidden):
    code, title, detail = "session_expired", "Session expired", "Check the device in again."


class UserUnknown(Forbidden):
    code, title, detail = "user_unknown", "User unknown", "No user belongs to this session. Check the device in again."


class UserBlocked(Forbidden):
    code, title, detail = "user_blocked", "User blocked", "This user may not use the service."


class NotFound(ApiError):
    """It does not exist, or belongs to somebody else: the two look alike."""

    status, code, title, detail = 404, "not_found", "Not found", "There is no such resource."


class PaymentRequired(ApiError):
    """The user has fewer credits than it costs; nothing was spent."""

    status, code, title = 402, "insufficient_credits", "Insufficient credits"
    detail = "There are not enough credits left."


class Conflict(ApiError):
    """The state of things does not allow it now, or this key was used for something else."""

    status, code, title, detail = 409, "conflict", "Conflict", "This is not possible now."


class Gone(ApiError):
    """It existed, and is no more."""

    status, code, title, detail = 410, "gone", "Gone", "It was deleted."


class TooLarge(ApiError):
    status, code, title, detail = 413, "image_too_large", "Image too large", "The image is larger than allowed."


class UnsupportedMediaType(ApiError):
    status, code, title = 415, "unsupported_media_type", "Unsupported media type"
    detail = "Send a JPEG, PNG, WebP or HEIC image."


class Unprocessable(ApiError):
    """Well-formed, and its content is refused; `code` or `field` says why."""

    status, code, title, detail = 422, "invalid_field", "Unprocessable", "The request's content is refused."


class Unavailable(ApiError):
    """Something this call needs is out of reach; nothing was done that a repetition would do twice."""

    status, code, title = 503, "unavailable", "Temporarily unavailable"
    detail = "Try again in a moment."
    retry_after_seconds: ClassVar[int] = 5

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(self.retry_after_seconds)}


class DatabaseUnavailable(Unavailable):
    code = "database_unavailable"


class DeviceCheckUnavailable(Unavailable):
    """Apple cannot be asked now; nothing was granted."""

    code, detail = "device_check_unavailable", "Apple cannot confirm the device right now. Try again in a moment."


class DeviceCheckMisconfigured(DeviceCheckUnavailable):
    """Apple refuses us, not the device: our key, team or request is wrong. The client sees an outage, we are paged."""
