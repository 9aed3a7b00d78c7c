"""Is a call-back the generator's own, for us, and fresh?

https://docs.fal.ai/model-endpoints/webhooks: ED25519 over request id, user id, timestamp and the SHA-256 of the raw
body, a line each. The generator's keys sign for all its customers, so the user id must be ours.
"""

from __future__ import annotations

import binascii
import hashlib
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from lambdas.runtime.errors import ApiError

FRESH_SECONDS = 300
_TIMESTAMP = re.compile(r"[0-9]{1,12}", re.ASCII)
_SIGNATURE_BYTES = 64


class WebhookRefused(ApiError):
    """The call-back is not the generator's to us, or is stale; the cause says why, for the log."""

    status, code, title = 401, "webhook_refused", "Webhook refused"
    detail = "The signature, its headers or its time are not accepted."


class Keys(Protocol):
    def verify(self, signature: bytes, message: bytes) -> bool: ...


@dataclass(frozen=True)
class Signed:
    """The headers of a call-back."""

    request_id: str
    user_id: str
    timestamp: str
    signature: str

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> Signed:
        """Read the headers (names in lower case).

        Raises:
            WebhookRefused: one is missing.
        """
        names = ("request-id", "user-id", "timestamp", "signature")
        values = [headers.get(f"x-fal-webhook-{name}", "") for name in names]
        if not all(values):
            raise _refused("a header is missing")
        return cls(*values)

    def message(self, body: bytes) -> bytes:
        return "\n".join([self.request_id, self.user_id, self.timestamp, hashlib.sha256(body).hexdigest()]).encode()


@dataclass(frozen=True)
class Signatures:
    """Checks call-backs to `user_id`. `now` is in seconds since 1970."""

    user_id: str
    keys: Keys
    now: Callable[[], float] = time.time

    def request_id_of(self, headers: Mapping[str, str], body: bytes) -> str:
        """The request that a genuine call-back is about. What needs no key is looked at first.

        Raises:
            WebhookRefused
            WebhookKeysUnreachable: nobody can tell now.
        """
        signed = Signed.of(headers)
        if signed.user_id != self.user_id:
            raise _refused("for another customer")
        if not _TIMESTAMP.fullmatch(signed.timestamp):
            raise _refused("no timestamp")
        if abs(self.now() - int(signed.timestamp)) > FRESH_SECONDS:
            raise _refused("too old, or from the future")
        try:
            signature = binascii.unhexlify(signed.signature)
        except (binascii.Error, ValueError):
            raise _refused("a signature that is no hexadecimal") from None
        if len(signature) != _SIGNATURE_BYTES or not self.keys.verify(signature, signed.message(body)):
            raise _refused("a signature of nobody's")
        return signed.request_id


def _refused(why: str) -> WebhookRefused:
    error = WebhookRefused()
    error.__cause__ = ValueError(why)
    return error
