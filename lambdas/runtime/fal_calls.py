"""Calls to fal.ai's API with our key, each with a hard end in time.

urllib3's time limits are for each read, and there is none for a name's look-up: a peer that drips could hold a request
for as long as it likes. So a call runs in a thread of its own, which is left to itself when its time is over.
Nothing of a call is logged: addresses are capabilities, bodies hold prompts, the header our key.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import urllib3
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from lambdas.runtime.errors import ConfigurationError, FunctionError, Unavailable
from lambdas.runtime.observability import count_for_stack
from lambdas.runtime.secrets import Secret

MAXIMUM_ANSWER_BYTES = 256 * 1024
_CONNECT_SECONDS = 2.0
_REFUSES_KEY = frozenset({401, 403})

Result = TypeVar("Result")


class GeneratorUnavailable(Unavailable):
    """The generator cannot be asked now, or says nothing we understand. Nothing is known that was not before."""

    code, detail = "generator_unavailable", "Videos cannot be generated right now. Try again in a moment."


class GeneratorMisconfigured(GeneratorUnavailable):
    """The generator refuses us, not the user: our key or account. The client sees an outage, we are paged."""


def refuses_us() -> GeneratorMisconfigured:
    """The error for what no user caused and no second try mends, counted: the first one pages."""
    count_for_stack("GeneratorRefusesUs")
    return GeneratorMisconfigured()


class CallFailed(FunctionError):
    """No answer came. `sent` says whether the request may have reached the generator all the same."""

    def __init__(self, why: str, *, sent: bool) -> None:
        self.sent = sent
        super().__init__(why)


@dataclass(frozen=True, repr=False)
class Answer:
    """An answer; `body` is what JSON it is, None when it is none. `error_type` is fal's word for what went wrong."""

    status: int
    body: Any
    error_type: str

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def member(self, name: str) -> Any:
        return self.body.get(name) if isinstance(self.body, dict) else None


class FalCalls:
    """HTTP to fal.ai. `key` is the secret `{"key": "id:secret"}`."""

    def __init__(self, key: Secret) -> None:
        self._key = key
        self._pool = urllib3.PoolManager(maxsize=4, retries=False)

    def json(
        self,
        method: str,
        url: str,
        *,
        seconds: float,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Call the API as ourselves.

        Raises:
            CallFailed: no answer came in time.
            GeneratorMisconfigured: it refuses our key, or we have none.
        """
        content = None if body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", "Accept": "application/json", **(headers or {})}
        ends = time.monotonic() + seconds

        def ask(key: str) -> Answer:
            left = max(0.1, ends - time.monotonic())
            return self._call(method, url, content, {**sent, "Authorization": f"Key {key}"}, left)

        key = self._secret()
        answer = ask(key)
        if answer.status in _REFUSES_KEY:
            self._key.forget()
            newer = self._secret()
            if newer != key:  # it was replaced while we kept the old one: no order need fail for that
                answer = ask(newer)
        if answer.status in _REFUSES_KEY:
            raise refuses_us() from ValueError(f"the generator answered {answer.status}")
        return answer

    def put(self, url: str, content: bytes, *, content_type: str, seconds: float) -> Answer:
        """Store `content` at an address that the API gave; the address itself is the permission.

        Raises:
            CallFailed: no answer came in time.
        """
        return self._call("PUT", url, content, {"Content-Type": content_type}, seconds)

    def _secret(self) -> str:
        try:
            return str(self._key.value()["key"])
        except (ConfigurationError, KeyError) as error:
            raise refuses_us() from ValueError(type(error).__name__)

    def _call(self, method: str, url: str, content: bytes | None, headers: Mapping[str, str], seconds: float) -> Answer:
        def call() -> Answer:
            limits = urllib3.Timeout(connect=min(_CONNECT_SECONDS, seconds), read=seconds)
            response = self._pool.request(
                method,
                url,
                body=content,
                # A connection kept over a freeze of this process may be dead, and what is sent on it is then neither
                # taken nor refused: a job in doubt is dearer than a handshake.
                headers={**headers, "Connection": "close"},
                timeout=limits,
                redirect=False,
                preload_content=False,
            )
            try:
                received = response.read(MAXIMUM_ANSWER_BYTES + 1)
            finally:
                response.close()  # what is left of an answer that is too long is not waited for
            return _answer(response.status, response.headers, received)

        try:
            return within(seconds, call)
        except (NewConnectionError, ConnectTimeoutError) as error:
            raise CallFailed(type(error).__name__, sent=False) from None
        except (HTTPError, OSError, TimeoutError) as error:
            raise CallFailed(type(error).__name__, sent=True) from None


def _answer(status: int, headers: Mapping[str, str], received: bytes) -> Answer:
    try:
        body = json.loads(received) if len(received) <= MAXIMUM_ANSWER_BYTES else None
    except (ValueError, RecursionError):
        body = None
    named = body.get("error_type") if isinstance(body, dict) else None
    return Answer(status, body, str(headers.get("X-Fal-Error-Type") or named or ""))


def within(seconds: float, call: Callable[[], Result]) -> Result:
    """What `call` gives or raises, if it ends in time; it is not interrupted, only waited for no longer.

    Raises:
        TimeoutError: its time is over.
    """
    ended: list[Result] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            ended.append(call())
        except BaseException as error:  # handed on to the one who waits
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if failed:
        raise failed[0]
    if not ended:
        raise TimeoutError
    return ended[0]
