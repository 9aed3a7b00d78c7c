"""Keyed hashes of device ids and device tokens, so that a copy of the database opens no session.

Secret `{"current": "k2", "keys": {"k1": "<base64>", "k2": "<base64>"}}`: new hashes use the current key, the others
find rows that were hashed before; such a row is hashed anew when its device checks in.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lambdas.runtime.errors import ConfigurationError

MINIMUM_KEY_BYTES = 32


@dataclass(frozen=True, repr=False)
class Keyring:
    current: str
    keys: Mapping[str, bytes]

    @classmethod
    def of(cls, secret: Mapping[str, Any]) -> Keyring:
        """Read the secret.

        Raises:
            ConfigurationError: it is malformed, or a key is short.
        """
        try:
            current = secret["current"]
            keys = {str(key_id): base64.b64decode(text, validate=True) for key_id, text in secret["keys"].items()}
        except (KeyError, AttributeError, TypeError, ValueError):
            raise ConfigurationError("the device-hash keys are malformed (see Keyring)") from None
        if current not in keys or any(len(key) < MINIMUM_KEY_BYTES for key in keys.values()):
            raise ConfigurationError(f"device-hash keys: `current` must be one of them, each {MINIMUM_KEY_BYTES} bytes")
        return cls(current, keys)

    def device(self, device_id: str) -> Hashes:
        return self._hashes("device", device_id)

    def token(self, device_token: str) -> Hashes:
        return self._hashes("claim", device_token)

    def _hashes(self, purpose: str, text: str) -> Hashes:
        message = f"{purpose}\0{text}".encode()
        every = {key_id: hmac.digest(key, message, hashlib.sha256) for key_id, key in self.keys.items()}
        return Hashes(self.current, every[self.current], list(every.values()))


@dataclass(frozen=True, repr=False)
class Hashes:
    """One text under every key. `under_current` is the one to store, with `key_id`."""

    key_id: str
    under_current: bytes
    under_any: list[bytes]
