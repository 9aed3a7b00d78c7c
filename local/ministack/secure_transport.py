"""Loopback counts as TLS for `aws:SecureTransport`.

Buckets refuse what does not travel with TLS, and the local cloud has no certificates: without this, such a
bucket policy would refuse everybody. What never leaves the machine cannot be overheard on the way; to see
the denial, a client says `X-Forwarded-Proto: http`. MiniStack itself reads the header only (`https` there
counts as TLS), so clients would have to be changed.
"""

from __future__ import annotations

import contextvars
import ipaddress
from typing import Any

from ministack import app as upstream

_safe: contextvars.ContextVar[bool] = contextvars.ContextVar("rendio_loopback_is_safe", default=False)


def install() -> None:
    """Judge each HTTP request's transport before MiniStack does."""
    serve, pin = upstream.app, upstream.pin_request_origin

    async def judging(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            _safe.set(_is_loopback(scope) and not _forwarded(scope))
        await serve(scope, receive, send)

    def pin_with_loopback(source_ip: str, secure_transport: bool) -> None:
        pin(source_ip, secure_transport or _safe.get())

    upstream.app = judging
    upstream.pin_request_origin = pin_with_loopback


def _is_loopback(scope: Any) -> bool:
    host = (scope.get("client") or ("",))[0]
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _forwarded(scope: Any) -> bool:
    return any(name.lower() == b"x-forwarded-proto" for name, _value in scope.get("headers", []))
