"""Stand-ins served for real, on ports the system picks."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from starlette.applications import Starlette

from local.standins import keys
from local.standins.apple import Apple
from local.standins.fal import Fal
from local.standins.serving import Listening, run, server
from local.state import State

TEAM = "TESTTEAM01"
# Whatever an answer holds.
Json = Any


@contextmanager
def serving(application: Starlette, *listeners: Listening) -> Iterator[str]:
    """Serve an application on a thread, and what listens beside it; yields the application's URL."""
    running = server(application, 0)
    thread = threading.Thread(target=lambda: asyncio.run(run([running], listeners)))
    thread.start()
    deadline = time.monotonic() + 10
    while not running.started:
        assert time.monotonic() < deadline, "the stand-in did not start"
        time.sleep(0.005)
    port = running.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        running.should_exit = True
        thread.join(10)


@dataclass
class AppleClient:
    """A caller of DeviceCheck that does everything right, unless told otherwise."""

    http: httpx.Client
    key: keys.AppleKey
    team: str = TEAM

    def token(self, *, header: dict[str, Any] | None = None, key: str = "", **claims: Any) -> str:
        signed = {"iss": self.team, "iat": int(time.time()), **claims}
        return jwt.encode(
            {"alg": "ES256", "kid": self.key.key_id, **(header or {})},
            {name: value for name, value in signed.items() if value is not None},
            ECKey.import_key(key or self.key.private_pem),
        )

    def call(self, name: str, device_token: object, *, authorization: str | None = None, **body: Any) -> httpx.Response:
        full = {
            "device_token": device_token,
            "transaction_id": str(uuid.uuid4()),
            "timestamp": int(time.time() * 1000),
            **body,
        }
        return self.http.post(
            f"/v1/{name}",
            json={field: value for field, value in full.items() if value is not None},
            headers={"Authorization": authorization if authorization is not None else f"Bearer {self.token()}"},
        )

    def new_device(self) -> str:
        return str(self.http.post("/_control/devices").json()["device"])

    def device_token(self, device: str, **options: Any) -> str:
        return str(self.http.post(f"/_control/devices/{device}/tokens", json=options).json()["device_token"])

    def requests(self) -> list[dict[str, Any]]:
        received: list[dict[str, Any]] = self.http.get("/_control/requests").json()
        return received


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "state")


@pytest.fixture(scope="module")
def served_apple(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppleClient]:
    key = keys.apple(State(tmp_path_factory.mktemp("apple")))
    with serving(Apple(key, TEAM).application()) as url, httpx.Client(base_url=url, trust_env=False) as http:
        yield AppleClient(http, key)


@pytest.fixture
def apple(served_apple: AppleClient) -> AppleClient:
    """The service with no faults programmed and no requests remembered; starting it takes longer than a test."""
    for path in ("/_control/faults", "/_control/requests"):
        served_apple.http.delete(path).raise_for_status()
    return served_apple


@pytest.fixture
def serve() -> Iterator[Callable[[Starlette], httpx.Client]]:
    """Serves any application; gives a client of it."""
    opened: list[Any] = []

    def open_one(application: Starlette) -> httpx.Client:
        context = serving(application)
        client = httpx.Client(base_url=context.__enter__(), trust_env=False)
        opened.append((context, client))
        return client

    yield open_one
    for context, client in reversed(opened):
        client.close()
        context.__exit__(None, None, None)


@dataclass
class FalClient:
    """A caller of fal.ai with the right key, and what tells the stand-in how to go."""

    http: httpx.Client
    key: str
    cdn: str

    def submit(self, model: str = "/fal-ai/kling-video/v2/text-to-video", **settings: Any) -> Json:
        return self._json(self.http.post(model, json={"prompt": "a canary", **settings}))

    def submit_with_webhook(self, url: str, **settings: Any) -> Json:
        return self._json(self.http.post("/fal-ai/ltx-video", json=settings, params={"fal_webhook": url}))

    def complete(self, made: Json, **how: Any) -> Json:
        return self._json(self.http.post(f"/_control/requests/{made['request_id']}/complete", json=how))

    def video(self, made: Json) -> Json:
        return self._json(self.http.get(made["response_url"]))["video"]

    def completed(self, **how: Any) -> Json:
        """The video of a generation that was just made."""
        made = self.submit()
        self.complete(made, **how)
        return self.video(made)

    def told(self, made: Json) -> Json:
        """What the stand-in tells of a request."""
        return self._json(self.http.get(f"/_control/requests/{made['request_id']}"))

    def control(self, path: str, content: Any = None, *, method: str = "POST") -> Json:
        return self._json(self.http.request(method, f"/_control/{path}", json={} if content is None else content))

    @staticmethod
    def _json(answer: httpx.Response) -> Json:
        answer.raise_for_status()
        return answer.json() if answer.content else None


@pytest.fixture(scope="module")
def served_fal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FalClient]:
    state = State(tmp_path_factory.mktemp("fal"))
    service = Fal(keys.fal(state), keys.fal_webhook(state), keys.FAL_USER_ID, state.root / "videos")
    headers = {"Authorization": f"Key {keys.fal(state)}"}
    with (
        serving(service.application(), *service.listeners) as url,
        httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=30) as http,
    ):
        yield FalClient(http, keys.fal(state), service.cdn.origin)


@pytest.fixture
def fal(served_fal: FalClient) -> FalClient:
    """The service as after a start; starting it takes longer than a test."""
    served_fal.control("reset")
    return served_fal
