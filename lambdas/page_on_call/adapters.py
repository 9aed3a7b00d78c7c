"""The only place that knows the on-call service's address, which opens the pager to whoever has it."""

from __future__ import annotations

import json
from dataclasses import dataclass

import urllib3
from urllib3.exceptions import HTTPError

from lambdas.page_on_call.logic import Call
from lambdas.runtime.environment import read_settings
from lambdas.runtime.errors import FunctionError
from lambdas.runtime.secrets import Secret

SECONDS = 5.0


class PagerUnreachable(FunctionError):
    """The on-call service did not take the call."""


@dataclass(frozen=True)
class Settings:
    pager_secret: str


@dataclass(frozen=True, repr=False)
class Pager:
    """Posts to the `url` of the secret; its `routing_key`, if it has one, goes along."""

    secret: Secret
    http: urllib3.PoolManager

    @classmethod
    def build(cls) -> Pager:
        return cls(Secret(read_settings(Settings).pager_secret), urllib3.PoolManager(timeout=SECONDS, retries=False))

    def send(self, call: Call) -> None:
        """Raises PagerUnreachable, ConfigurationError."""
        value = self.secret.value()
        post(self.http, str(value.get("url", "")), call.as_event(value.get("routing_key")))


def post(http: urllib3.PoolManager, url: str, content: object) -> None:
    """POST JSON, once. The address is not told, whatever happens.

    Raises:
        PagerUnreachable: nobody said that they took it.
    """
    try:
        headers = {"content-type": "application/json"}
        answer = http.request("POST", url, body=json.dumps(content).encode(), headers=headers, redirect=False)
    except (HTTPError, ValueError) as error:
        raise PagerUnreachable(f"no answer: {type(error).__name__}") from None
    if not 200 <= answer.status < 300:
        raise PagerUnreachable(f"answered {answer.status}")
