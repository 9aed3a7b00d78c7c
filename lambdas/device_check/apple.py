"""Apple's DeviceCheck API.

https://developer.apple.com/documentation/devicecheck/accessing-and-modifying-per-device-data
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import urllib3
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from urllib3.util.retry import Retry

from lambdas.device_check.logic import DeviceBits
from lambdas.runtime.errors import (
    ConfigurationError,
    DeviceCheckMisconfigured,
    DeviceCheckUnavailable,
    DeviceNotGenuine,
)
from lambdas.runtime.secrets import Secret

# A check-in asks twice at most; with one try running over, both stay well below the function's 20 s.
DEADLINE_SECONDS = 4.0
_TRY = urllib3.Timeout(connect=1.0, read=2.0)
_RETRIES = 3
_BACKOFF_SECONDS = 0.2
_PASSING = frozenset({408, 429, 500, 502, 503, 504})
_MAXIMUM_ANSWER_BYTES = 4096
# Both mean: a genuine device whose bits were never set.
_NEVER_SET = frozenset({"failed to find bit state", "bit state not found"})


class _RetryUntil(Retry):
    """urllib3's retry policy with an end in time: no try begins after `deadline` (of the monotonic clock)."""

    deadline: float = float("inf")

    @classmethod
    def within(cls, seconds: float) -> _RetryUntil:
        policy = cls(
            total=_RETRIES,
            redirect=False,
            status_forcelist=_PASSING,
            allowed_methods=None,  # POST too: both calls may be repeated, the second sets a bit to a fixed value
            backoff_factor=_BACKOFF_SECONDS,
            respect_retry_after_header=False,  # it may ask for minutes; our client is told to come back instead
            raise_on_status=False,
        )
        policy.deadline = time.monotonic() + seconds
        return policy

    def new(self, **changes: Any) -> _RetryUntil:
        policy = super().new(**changes)
        policy.deadline = self.deadline
        return policy

    def is_exhausted(self) -> bool:
        return super().is_exhausted() or time.monotonic() >= self.deadline


class AppleDeviceCheck:
    """Asks Apple about devices with our key (`apple`: `{"key_id", "private_key"}`, a PEM for ES256)."""

    def __init__(self, *, url: str, team_id: str, apple: Secret, now: Callable[[], float] = time.time) -> None:
        self._url, self._team_id, self._apple, self._now = url.rstrip("/"), team_id, apple, now
        self._pool = urllib3.PoolManager(maxsize=1)

    def query(self, device_token: str) -> DeviceBits:
        """The bits of the device that made this token, which also proves the device.

        Raises:
            DeviceNotGenuine, DeviceCheckUnavailable, DeviceCheckMisconfigured: as `_refusal` tells them apart.
        """
        return bits_of(self._call("query_two_bits", device_token))

    def mark_granted(self, device_token: str, bits: DeviceBits) -> None:
        """Set bit0, and leave bit1 as it was.

        Raises:
            DeviceNotGenuine, DeviceCheckUnavailable, DeviceCheckMisconfigured: nothing may be granted.
        """
        self._call("update_two_bits", device_token, bit0=True, bit1=bits.bit1)

    def _call(self, operation: str, device_token: str, **bits: bool) -> str:
        body = {
            "device_token": device_token,
            "transaction_id": str(uuid.uuid4()),
            "timestamp": int(self._now() * 1000),
            **bits,
        }
        authorization = self._authorization()  # may read a secret, which is not on Apple's time
        until = _RetryUntil.within(DEADLINE_SECONDS)
        try:
            response = self._pool.request(
                "POST",
                f"{self._url}/v1/{operation}",
                body=json.dumps(body).encode(),
                headers={"Authorization": f"Bearer {authorization}", "Content-Type": "application/json"},
                timeout=_TRY,
                retries=until,
                preload_content=False,
            )
            text = _text_of(response, until.deadline)
        except urllib3.exceptions.HTTPError as error:
            raise DeviceCheckUnavailable from _kind(error)
        if response.status == 200:
            return text
        if response.status in (401, 403):
            self._apple.forget()  # perhaps the key was replaced: the next check-in reads it again
        raise refusal(response.status, text)

    def _authorization(self) -> str:
        try:
            secret = self._apple.value()
            key = ECKey.import_key(secret["private_key"])
            header = {"alg": "ES256", "kid": secret["key_id"]}
            return jwt.encode(header, {"iss": self._team_id, "iat": int(self._now())}, key, algorithms=["ES256"])
        except (ConfigurationError, JoseError, KeyError, ValueError, TypeError) as error:
            raise DeviceCheckMisconfigured from _kind(error)


def _text_of(response: urllib3.BaseHTTPResponse, deadline: float) -> str:
    """The answer's text, within the deadline (urllib3's own limit is for each read)."""
    received = b""
    try:
        while len(received) <= _MAXIMUM_ANSWER_BYTES and (more := response.read1(_MAXIMUM_ANSWER_BYTES)):
            received += more
            if time.monotonic() > deadline + (_TRY.read_timeout or 0):
                raise DeviceCheckUnavailable
    finally:
        response.release_conn()
    return received.decode("utf-8", "replace")


def bits_of(text: str) -> DeviceBits:
    """What a successful query says.

    Raises:
        DeviceCheckUnavailable: it says neither of the known things. It is never taken for "bits unset".
    """
    if text.strip().lower() in _NEVER_SET:
        return DeviceBits(bit0=False, bit1=False)
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        answer = None
    if isinstance(answer, dict):
        bit0, bit1 = answer.get("bit0"), answer.get("bit1")
        if isinstance(bit0, bool) and isinstance(bit1, bool):
            return DeviceBits(bit0=bit0, bit1=bit1)
    raise DeviceCheckUnavailable from ValueError("Apple answered 200 with neither bits nor a known text")


def refusal(status: int, text: str) -> Exception:
    """Whose fault an answer other than 200 is: the caller's, Apple's for now, or ours."""
    if status == 400 and "device token" in text.lower():
        return DeviceNotGenuine()
    if status in _PASSING or status >= 500:
        return _caused(DeviceCheckUnavailable(), status)
    return _caused(DeviceCheckMisconfigured(), status)


def _caused(error: Exception, status: int) -> Exception:
    error.__cause__ = ValueError(f"Apple answered {status}")
    return error


def _kind(error: Exception) -> Exception:
    """The error's type without its text: an HTTP library's text may quote a URL, a parser's a key."""
    return ValueError(type(error).__name__)
