"""The stand-in's call-backs verify as fal's do, come more than once, and can be wrong in every way that matters."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from local.standins import keys
from tests.local.standins.conftest import FalClient


@dataclass
class Hook:
    """A receiver of call-backs, and what it answers; 204 once the list is used up."""

    url: str
    statuses: list[int] = field(default_factory=list)
    at: list[float] = field(default_factory=list)
    received: list[tuple[Mapping[str, str], bytes]] = field(default_factory=list)
    came: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def take(self, request: Request) -> Response:
        self.at.append(time.monotonic())
        self.received.append((dict(request.headers), request.get_data()))
        status = self.statuses.pop(0) if self.statuses else 204
        self.came.release()
        return Response(status=status)

    def wait(self, count: int = 1) -> None:
        for _ in range(count):
            assert self.came.acquire(timeout=10), "no call-back came"

    @property
    def ids(self) -> list[str]:
        return [json.loads(body)["request_id"] for _, body in self.received]


@pytest.fixture
def hook(httpserver: HTTPServer) -> Hook:
    made = Hook(httpserver.url_for("/hook"))
    httpserver.expect_request("/hook", method="POST").respond_with_handler(made.take)
    return made


def published(fal: FalClient) -> list[str]:
    return [key["x"] for key in fal.http.get("/.well-known/jwks.json").json()["keys"]]


def verifies(fal: FalClient, headers: Mapping[str, str], body: bytes) -> bool:
    """As the documentation says: some published key signed id, user, time and digest."""
    try:
        names = ("Request-Id", "User-Id", "Timestamp")
        signed = [headers[f"X-Fal-Webhook-{name}"] for name in names]
        signature = bytes.fromhex(headers["X-Fal-Webhook-Signature"])
    except KeyError:
        return False
    message = "\n".join([*signed, hashlib.sha256(body).hexdigest()]).encode()
    for x in published(fal):
        try:
            Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(x + "=" * (-len(x) % 4))).verify(
                signature, message
            )
        except InvalidSignature:
            continue
        return True
    return False


def genuine(fal: FalClient, headers: Mapping[str, str], body: bytes, request_id: str) -> bool:
    """All that a receiver must hold against a call-back about `request_id`."""
    return (
        verifies(fal, headers, body)
        and headers["X-Fal-Webhook-User-Id"] == keys.FAL_USER_ID
        and abs(time.time() - int(headers["X-Fal-Webhook-Timestamp"])) <= 300
        and json.loads(body)["request_id"] == headers["X-Fal-Webhook-Request-Id"] == request_id
    )


def test_a_call_back_verifies_with_the_published_key_and_not_when_touched(fal: FalClient, hook: Hook) -> None:
    made = fal.submit_with_webhook(hook.url)
    assert fal.complete(made)["webhook_status"] == 204
    (headers, body) = hook.received[0]
    assert genuine(fal, headers, body, made["request_id"])
    assert not verifies(fal, headers, body + b" ")
    content = json.loads(body)
    assert content["status"] == "OK"
    assert content["payload"]["video"] == fal.video(made)


def test_a_failure_is_told_with_its_error(fal: FalClient, hook: Hook) -> None:
    made = fal.submit_with_webhook(hook.url)
    fal.complete(made, error="no GPU", error_type="startup_timeout")
    content = json.loads(hook.received[0][1])
    assert (content["status"], content["error"], content["payload"]) == ("ERROR", "no GPU", None)


@pytest.mark.parametrize(
    "spoiled", ["signature", "body", "timestamp_header", "key", "user", "header_id", "body_id", "unsigned", "not_json"]
)
def test_each_spoiled_call_back_fails_and_its_true_twin_passes(fal: FalClient, hook: Hook, spoiled: str) -> None:
    made = fal.submit_with_webhook(hook.url)
    fal.complete(made)
    assert fal.control(f"requests/{made['request_id']}/webhook", {"spoiled": spoiled}) == {"statuses": [204]}
    true, wrong = hook.received
    assert genuine(fal, *true, made["request_id"])
    try:
        assert not genuine(fal, *wrong, made["request_id"])
    except ValueError:
        assert spoiled == "not_json"
    # These are fal's own signatures all the same: only the second look finds them out.
    assert verifies(fal, *wrong) is (spoiled in ("user", "header_id", "body_id", "not_json"))


@pytest.mark.parametrize(("offset", "fresh"), [(-301, False), (-295, True), (295, True), (305, False)])
def test_a_call_back_can_be_signed_at_another_time(fal: FalClient, hook: Hook, offset: int, fresh: bool) -> None:
    made = fal.submit_with_webhook(hook.url)
    fal.complete(made)
    fal.control(f"requests/{made['request_id']}/webhook", {"clock_offset_seconds": offset})
    assert verifies(fal, *hook.received[1])
    assert genuine(fal, *hook.received[1], made["request_id"]) is fresh


def test_a_rightly_signed_payload_can_name_a_foreign_address(fal: FalClient, hook: Hook) -> None:
    made = fal.submit_with_webhook(hook.url)
    fal.complete(made)
    fal.control(f"requests/{made['request_id']}/webhook", {"spoiled": "url"})
    headers, body = hook.received[1]
    assert genuine(fal, headers, body, made["request_id"])
    assert "169.254.169.254" in json.loads(body)["payload"]["video"]["url"]
    # The queue tells the truth still.
    assert fal.video(made)["url"].startswith(fal.cdn)


def test_a_rightly_signed_success_can_lack_its_payload(fal: FalClient, hook: Hook) -> None:
    made = fal.submit_with_webhook(hook.url)
    fal.complete(made)
    fal.control(f"requests/{made['request_id']}/webhook", {"spoiled": "payload_error"})
    headers, body = hook.received[1]
    assert genuine(fal, headers, body, made["request_id"])
    content = json.loads(body)
    assert (content["status"], content["payload"]) == ("OK", None)
    assert content["payload_error"]


def test_copies_of_many_come_in_any_order(fal: FalClient, hook: Hook) -> None:
    fal.control("outcomes", {"after_ms": 1, "times": None, "webhook": {"copies": 5, "jitter_ms": 500}})
    ids = [fal.submit_with_webhook(hook.url)["request_id"] for _ in range(8)]
    hook.wait(40)
    assert sorted(hook.ids) == sorted(ids * 5)
    last = [len(hook.ids) - 1 - hook.ids[::-1].index(one) for one in ids]
    assert last != sorted(last)


def test_a_generation_that_completes_by_itself_calls_back_until_it_is_taken(fal: FalClient, hook: Hook) -> None:
    hook.statuses = [500, 503]
    fal.control("outcomes", {"after_ms": 1, "webhook": {"retry_ms": 100}})
    made = fal.submit_with_webhook(hook.url)
    hook.wait(3)
    assert hook.ids == [made["request_id"]] * 3
    first, second, third = hook.at
    assert second - first >= 0.1
    assert third - second >= 0.2
    until(lambda: fal.told(made)["webhooks"] == [500, 503, 204])


def test_a_cancelled_request_calls_nobody(fal: FalClient, hook: Hook) -> None:
    fal.control("outcomes", [{"after_ms": 100}, {"after_ms": 300}])
    cancelled, other = (fal.submit_with_webhook(hook.url) for _ in range(2))
    assert fal.http.put(cancelled["cancel_url"]).status_code == 202
    hook.wait()
    assert hook.ids == [other["request_id"]]


def test_tries_have_an_end(fal: FalClient, hook: Hook) -> None:
    hook.statuses = [500] * 9
    fal.control("outcomes", {"after_ms": 1, "webhook": {"retry_ms": 1, "retries": 2}})
    made = fal.submit_with_webhook(hook.url)
    hook.wait(3)
    # A later one comes through, and the first is not tried again meanwhile.
    hook.statuses.clear()
    fal.control("outcomes", {"after_ms": 1})
    other = fal.submit_with_webhook(hook.url)
    hook.wait()
    assert hook.ids == [made["request_id"]] * 3 + [other["request_id"]]


def test_a_call_back_can_come_many_times_late_or_never(fal: FalClient, hook: Hook) -> None:
    fal.control(
        "outcomes",
        [
            {"after_ms": 1, "webhook": {"lost": True}},
            {"after_ms": 1, "webhook": {"delay_ms": 300}},
            {"after_ms": 1, "webhook": {"copies": 10}},
        ],
    )
    _, late, many = (fal.submit_with_webhook(hook.url) for _ in range(3))
    hook.wait(11)
    assert hook.ids == [many["request_id"]] * 10 + [late["request_id"]]


@pytest.mark.parametrize(("order", "expected"), [("sent", [0, 0, 1, 1, 2, 2]), ("reversed", [2, 2, 1, 1, 0, 0])])
def test_call_backs_can_be_held_and_sent_in_another_order(
    fal: FalClient, hook: Hook, order: str, expected: list[int]
) -> None:
    fal.control("webhooks/hold")
    fal.control("outcomes", {"after_ms": 0, "times": None})
    ids = []
    for _ in range(3):
        ids.append(fal.submit_with_webhook(hook.url)["request_id"])
        until(lambda: fal.control("webhooks/hold")["held"] == len(ids))
    assert hook.received == []
    assert fal.control("webhooks/release", {"order": order, "copies": 2}) == {"statuses": [204] * 6}
    assert [ids.index(one) for one in hook.ids] == expected


@pytest.mark.parametrize("padded", [True, False])
def test_keys_are_published_padded_and_among_others(fal: FalClient, hook: Hook, padded: bool) -> None:
    fal.control("keys", {"padded": padded, "before": 2, "after": 1}, method="PUT")
    assert [x.endswith("=") for x in published(fal)] == [padded] * 4
    made = fal.submit_with_webhook(hook.url)
    fal.complete(made)
    assert genuine(fal, *hook.received[0], made["request_id"])


def test_after_a_rotation_the_old_key_is_gone(fal: FalClient, hook: Hook) -> None:
    made = fal.submit_with_webhook(hook.url)
    fal.complete(made)
    before = published(fal)
    fal.control("keys", {"rotate": True}, method="PUT")
    assert not set(before) & set(published(fal))
    assert not verifies(fal, *hook.received[0])
    fal.complete(made)
    assert genuine(fal, *hook.received[1], made["request_id"])
    fal.control("reset")
    assert published(fal) == before


def test_the_keys_can_be_out_of_reach(fal: FalClient) -> None:
    fal.control("faults", {"path": "/.well-known/jwks.json", "status": 500, "times": 1})
    assert fal.http.get("/.well-known/jwks.json").status_code == 500
    assert fal.http.get("/.well-known/jwks.json").status_code == 200


def test_no_call_back_leaves_the_machine(fal: FalClient, hook: Hook) -> None:
    for url, status in (("https://example.com/hook", 400), ("http://169.254.169.254/", 400), (hook.url, 200)):
        assert fal.http.post("/fal-ai/veo3", json={}, params={"fal_webhook": url}).status_code == status


def until(holds: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)
