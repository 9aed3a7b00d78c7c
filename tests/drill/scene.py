"""What a fault has at hand: phones and their traffic, the stand-ins' switches, root's rights, the database."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from local import daemons
from local.journey.client import Phone
from local.pace import Pace
from tests.stack.deployed import PREFIX, Deployed

PACE = Pace(minute_seconds=2, longest_seconds=30)
_TEXT_MODEL = {"model": "hailuo-02-standard", "prompt": "The sky at dusk."}


@dataclass
class Scene:
    """One fault's view of the stack. `struck` is when it began to hurt, in seconds since the epoch."""

    stack: Deployed
    struck: float = field(default_factory=time.time)

    def strikes(self) -> None:
        """The scene is set; the fault begins now."""
        self.struck = time.time()

    # --- phones

    def phone(self, *, credits_left: int = 0) -> Phone:
        """A phone that has checked in, its user with more credits than the free ones."""
        phone = self.stack.phone()
        if credits_left:
            self.stack.give_credits(phone, credits_left)
        return phone

    def check_in(self, phone: Phone) -> httpx.Response:
        """One check-in, tried once, with a genuine token: Apple lets it through to the database."""
        body = {"device_id": phone.device_id, "device_token": phone.device_token()}
        return phone.call("POST", "/v1/device-check", token="", json=body)

    def order(self, phone: Phone, **more: Any) -> httpx.Response:
        """One video order; from text alone unless `more` says otherwise."""
        return phone.submit_video({**_TEXT_MODEL, **more}, key=str(uuid.uuid4()))

    @contextmanager
    def keeps(self, action: Callable[[], object], *, every: float, at_once: int = 1) -> Iterator[None]:
        """Traffic: the action again and again, begun every so many seconds whether or not the last one has ended."""
        over, failures = threading.Event(), list[BaseException]()

        def act() -> None:
            try:
                action()
            except httpx.HTTPError:
                return  # a phone that hears nothing tries again
            except BaseException as error:
                failures.append(error)
                over.set()

        def run(pool: ThreadPoolExecutor) -> None:
            while not over.is_set():
                pool.submit(act)
                over.wait(every)

        with ThreadPoolExecutor(at_once) as pool:
            thread = threading.Thread(target=run, args=(pool,), name="traffic", daemon=True)
            thread.start()
            try:
                yield
            finally:
                over.set()
                thread.join()
                pool.shutdown(wait=True, cancel_futures=True)
        if failures:
            raise failures[0]

    # --- the outside

    @contextmanager
    def apple(self, *faults: Mapping[str, Any]) -> Iterator[None]:
        """Apple fails so, while the block lasts."""
        self.stack.apple_faults(*map(dict, faults))
        try:
            yield
        finally:
            self.stack.apple_faults()

    @contextmanager
    def generator(self, path: str, *faults: Mapping[str, Any]) -> Iterator[None]:
        """The generator has these of a control's entries (`faults`, `outcomes`, `downloads`), while the block lasts."""
        url = f"{daemons.url(self.stack.cloud.ports['fal'])}/_control/{path}"
        httpx.delete(url, trust_env=False).raise_for_status()
        httpx.post(url, json=list(map(dict, faults)), trust_env=False).raise_for_status()
        try:
            yield
        finally:
            httpx.delete(url, trust_env=False).raise_for_status()

    @contextmanager
    def on_call_service(self, *faults: Mapping[str, Any]) -> Iterator[None]:
        """The on-call service fails so, while the block lasts."""
        url = f"{daemons.url(self.stack.cloud.ports['pager'])}/_control/faults"
        httpx.post(url, json=list(map(dict, faults)), trust_env=False).raise_for_status()
        try:
            yield
        finally:
            httpx.delete(url, trust_env=False).raise_for_status()

    # --- AWS

    def aws(self, service: str) -> Any:
        return self.stack.root(service)

    def invoke(self, function: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """What a function answers; `errorMessage` is in it when it failed."""
        answer = self.aws("lambda").invoke(FunctionName=f"{PREFIX}-{function}", Payload=json.dumps(payload).encode())
        return dict(json.loads(answer["Payload"].read()))

    def queue_url(self, name: str) -> str:
        return str(self.aws("sqs").get_queue_url(QueueName=f"{PREFIX}-{name}")["QueueUrl"])
