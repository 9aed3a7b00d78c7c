"""The stand-in for fal.ai checks keys and headers, moves a generation on and signs its webhooks."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable

import httpx
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pytest_httpserver import HTTPServer
from starlette.applications import Starlette
from werkzeug import Request, Response

from local.standins import keys
from local.standins.fal import VIDEO, Fal
from local.state import State

Serve = Callable[[Starlette], httpx.Client]
MODEL = "/fal-ai/kling-video/v2/text-to-video"


@pytest.fixture
def fal(state: State, serve: Serve) -> httpx.Client:
    client = serve(Fal(keys.fal(state), keys.fal_webhook(state)).application())
    client.headers["Authorization"] = f"Key {keys.fal(state)}"
    return client


def test_a_generation_goes_from_the_queue_to_a_video(fal: httpx.Client) -> None:
    lifetime = {"X-Fal-Object-Lifecycle-Preference": json.dumps({"expiration_duration_seconds": 86400})}
    made = fal.post(MODEL, json={"prompt": "a canary"}, headers=lifetime).json()
    # The sub-path is used at submit only.
    assert made["status_url"].endswith(f"/fal-ai/kling-video/requests/{made['request_id']}/status")
    assert fal.get(made["response_url"]).status_code == 400
    assert [fal.get(made["status_url"]).json()["status"] for _ in range(4)] == [
        "IN_QUEUE",
        "IN_PROGRESS",
        "COMPLETED",
        "COMPLETED",
    ]
    video = fal.get(made["response_url"]).json()["video"]
    stored = httpx.get(video["url"], trust_env=False)
    assert (stored.content, len(stored.content)) == (VIDEO, video["file_size"])
    told = fal.get("/_control/requests").json()
    assert told[0]["lifetime_seconds"] == 86400
    assert "a canary" not in json.dumps(told)


@pytest.mark.parametrize("authorization", ["", "Key", "Key wrong:key", "Bearer {key}", "Key {key}x"])
def test_without_the_key_nothing_is_done(fal: httpx.Client, state: State, authorization: str) -> None:
    headers = {"Authorization": authorization.format(key=keys.fal(state))}
    assert fal.post(MODEL, json={}, headers=headers).status_code == 401
    assert fal.get("/_control/requests").json() == []
    assert fal.post(MODEL, json={}).status_code == 200


@pytest.mark.parametrize("header", ["3600", "{}", '{"expiration_duration_seconds": "1h"}', "not json"])
def test_a_wrong_lifetime_is_refused(fal: httpx.Client, header: str) -> None:
    refused = fal.post(MODEL, json={}, headers={"X-Fal-Object-Lifecycle-Preference": header})
    assert (refused.status_code, refused.headers["x-fal-error-type"]) == (400, "bad_request")


def test_a_completed_generation_can_be_a_failure(fal: httpx.Client) -> None:
    made = fal.post(MODEL, json={}).json()
    fal.post(
        f"/_control/requests/{made['request_id']}/complete", json={"error": "no GPU", "error_type": "startup_timeout"}
    )
    status = fal.get(made["status_url"]).json()
    assert (status["status"], status["error"], status["error_type"]) == ("COMPLETED", "no GPU", "startup_timeout")
    assert fal.get(made["response_url"]).headers["x-fal-error-type"] == "startup_timeout"


def test_a_webhook_verifies_with_the_published_key_and_not_when_touched(
    fal: httpx.Client, httpserver: HTTPServer
) -> None:
    received: list[Request] = []

    def take(request: Request) -> Response:
        request.get_data()
        received.append(request)
        return Response(status=204)

    httpserver.expect_request("/hook", method="POST").respond_with_handler(take)
    made = fal.post(MODEL, json={}, params={"fal_webhook": httpserver.url_for("/hook")}).json()
    done = fal.post(f"/_control/requests/{made['request_id']}/complete").json()
    assert done == {"webhook_status": 204}

    headers, body = received[0].headers, received[0].get_data()
    x = fal.get("/.well-known/jwks.json").json()["keys"][0]["x"]
    key = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(x + "=="))
    signed = [headers[f"X-Fal-Webhook-{name}"] for name in ("Request-Id", "User-Id", "Timestamp")]
    message = "\n".join([*signed, hashlib.sha256(body).hexdigest()]).encode()
    signature = bytes.fromhex(headers["X-Fal-Webhook-Signature"])
    key.verify(signature, message)
    with pytest.raises(InvalidSignature):
        key.verify(signature, message + b"x")
    assert json.loads(body)["request_id"] == made["request_id"]


def test_no_webhook_leaves_the_machine(fal: httpx.Client) -> None:
    made = fal.post(MODEL, json={}, params={"fal_webhook": "https://example.com/hook"}).json()
    assert fal.post(f"/_control/requests/{made['request_id']}/complete").status_code == 400
