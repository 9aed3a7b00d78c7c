"""Shapes that fal's APIs share."""

from __future__ import annotations

import json

from starlette.responses import JSONResponse, Response


def refused(status: int, detail: object, error_type: str = "bad_request", **headers: str) -> Response:
    headers = {"X-Fal-Error-Type": error_type, **headers}
    return JSONResponse({"detail": detail, "error_type": error_type}, status, headers=headers)


def lifetime(header: str | None) -> int | None:
    """Seconds a file is kept; 0 when the caller named none, None when the header is wrong."""
    if header is None:
        return 0
    try:
        seconds = json.loads(header)["expiration_duration_seconds"]
    except (ValueError, KeyError, TypeError):
        return None
    return seconds if type(seconds) is int and seconds > 0 else None
