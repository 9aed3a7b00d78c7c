"""The generator's public keys, as it publishes them (RFC 7517, RFC 8037)."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import urllib3
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from lambdas.runtime.errors import Unavailable
from lambdas.runtime.fal_calls import within
from lambdas.runtime.observability import count, log

KEPT_SECONDS = 24 * 3600.0
# A signature that no kept key verifies has them fetched anew, but not at each: anyone can send such a one.
FETCH_AGAIN_SECONDS = 60.0
_FETCH_SECONDS = 2.0
_MAXIMUM_BYTES = 64 * 1024


class WebhookKeysUnreachable(Unavailable):
    """The keys cannot be read now: the call-back is neither good nor bad, and shall come again."""

    code, detail = "webhook_keys_unreachable", "The signature cannot be checked right now."


def read_keys(url: str) -> Any:
    """The key set at `url`, in time or not at all."""

    def call() -> Any:
        limits = urllib3.Timeout(connect=_FETCH_SECONDS, read=_FETCH_SECONDS)
        with urllib3.PoolManager(retries=False) as pool:
            response = pool.request("GET", url, timeout=limits, redirect=False, preload_content=False)
            try:
                if response.status != 200:
                    raise ValueError(f"the keys' address answered {response.status}")
                return json.loads(response.read(_MAXIMUM_BYTES))
            finally:
                response.close()

    return within(_FETCH_SECONDS, call)


class PublishedKeys:
    """Every key of the set is tried; they have no names. `now` is a monotonic clock's."""

    def __init__(self, fetch: Callable[[], Any], now: Callable[[], float] = time.monotonic) -> None:
        self._fetch, self._now = fetch, now
        self._keys: list[Ed25519PublicKey] = []
        self._read_at = self._tried_at = float("-inf")

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Whether one of the keys made this signature.

        Raises:
            WebhookKeysUnreachable: none that we have did, and the set could not be read anew.
        """
        if self._now() - self._read_at > KEPT_SECONDS:
            self._keys = []
        if self._made_by_one(signature, message):
            return True
        if self._now() - self._tried_at > FETCH_AGAIN_SECONDS:
            self._read()
        if self._read_at != self._tried_at:  # the last try to read them failed
            raise WebhookKeysUnreachable
        return self._made_by_one(signature, message)

    def _made_by_one(self, signature: bytes, message: bytes) -> bool:
        return any(_verifies(key, signature, message) for key in self._keys)

    def _read(self) -> None:
        self._tried_at = self._now()
        try:
            self._keys = keys_of(self._fetch())
        except Exception as error:  # the network's, the parser's: whatever it is, the keys are not read
            log().warning("webhook keys not read", error=type(error).__name__)
            count("WebhookKeysUnreachable")
            return
        self._read_at = self._tried_at


def keys_of(key_set: Any) -> list[Ed25519PublicKey]:
    """The Ed25519 keys of a set, with or without padding; others are passed over.

    Raises:
        ValueError: there is none.
    """
    members = key_set.get("keys") if isinstance(key_set, dict) else None
    found: list[Ed25519PublicKey] = []
    for member in members if isinstance(members, list) else []:
        try:
            if member["kty"] == "OKP" and member["crv"] == "Ed25519":
                x = str(member["x"]).rstrip("=")
                raw = base64.b64decode(x + "=" * (-len(x) % 4), altchars=b"-_", validate=True)
                found.append(Ed25519PublicKey.from_public_bytes(raw))
        except (KeyError, TypeError, ValueError):
            log().warning("a webhook key cannot be read")
    if not found:
        raise ValueError("no Ed25519 key")
    return found


def _verifies(key: Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True
