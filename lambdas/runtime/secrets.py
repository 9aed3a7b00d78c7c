"""Secrets, by name, from Secrets Manager; kept for some minutes so that a rotation needs no deployment."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.runtime import clients
from lambdas.runtime.errors import ConfigurationError
from lambdas.runtime.observability import log

KEPT_SECONDS = 300.0


@dataclass
class Secret:
    """A secret whose value is a JSON object."""

    name: str
    _value: dict[str, Any] | None = None
    _read_at: float = 0.0

    def value(self, *, no_older_than: float = KEPT_SECONDS) -> dict[str, Any]:
        """The secret as it was at most `no_older_than` seconds ago; older, when it cannot be read now and the caller
        did not ask for a shorter time than usual.

        Raises:
            ConfigurationError: it has no value yet, is out of reach, or is no JSON object.
        """
        now = time.monotonic()
        if self._value is None or now - self._read_at > no_older_than:
            try:
                self._value, self._read_at = self._read(), now
            except ConfigurationError:
                if self._value is None or no_older_than < KEPT_SECONDS:
                    raise
                log().warning("keeping an old secret", secret_name=self.name)
        return self._value

    def forget(self) -> None:
        """Read it anew at the next use."""
        self._value = None

    def _read(self) -> dict[str, Any]:
        try:
            text = clients.secrets_manager().get_secret_value(SecretId=self.name)["SecretString"]
        except (BotoCoreError, ClientError, KeyError) as error:
            raise ConfigurationError(f"secret {self.name} cannot be read: {type(error).__name__}") from error
        try:
            value = json.loads(text)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise ConfigurationError(f"secret {self.name} is no JSON object")
        return value
