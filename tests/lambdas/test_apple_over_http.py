"""What is really sent to Apple, and how long Apple is waited for."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import urllib3
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc import jwt
from joserfc.jwk import ECKey
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from lambdas.device_check import apple
from lambdas.device_check.apple import AppleDeviceCheck
from lambdas.device_check.logic import DeviceBits
from lambdas.runtime.errors import (
    ConfigurationError,
    DeviceCheckMisconfigured,
    DeviceCheckUnavailable,
    DeviceNotGenuine,
)

QUERY = "/v1/query_two_bits"
SET = '{"bit0":true,"bit1":false,"last_update_time":"2026-10"}'


class Key:
    """In place of the secret in Secrets Manager."""

    def __init__(self) -> None:
        private = ec.generate_private_key(ec.SECP256R1())
        self.public = ECKey.import_key(
            private.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )
        self.secret = {
            "key_id": "ABC123",
            "private_key": private.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ).decode(),
        }
        self.forgotten = 0

    def value(self) -> dict[str, Any]:
        return self.secret

    def forget(self) -> None:
        self.forgotten += 1


@pytest.fixture
def key() -> Key:
    return Key()


@pytest.fixture
def client(httpserver: HTTPServer, key: Key) -> AppleDeviceCheck:
    secret: Any = key
    return AppleDeviceCheck(url=httpserver.url_for(""), team_id="TEAM1", apple=secret)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apple, "_TRY", urllib3.Timeout(connect=0.2, read=0.2))
    monkeypatch.setattr(apple, "DEADLINE_SECONDS", 0.6)
    monkeypatch.setattr(apple, "_BACKOFF_SECONDS", 0.01)


@pytest.mark.plan("M1")
def test_a_query_is_signed_for_our_team_and_carries_token_time_and_transaction(
    client: AppleDeviceCheck, httpserver: HTTPServer, key: Key
) -> None:
    seen: list[Request] = []

    def answer(request: Request) -> Response:
        seen.append(request)
        return Response(SET)

    httpserver.expect_request(QUERY, method="POST").respond_with_handler(answer)
    assert client.query("device-token") == DeviceBits(bit0=True, bit1=False)
    assert client.query("device-token") == DeviceBits(bit0=True, bit1=False)
    bodies = [json.loads(request.data) for request in seen]
    assert [body["device_token"] for body in bodies] == ["device-token"] * 2
    assert len({body["transaction_id"] for body in bodies}) == 2
    assert abs(bodies[0]["timestamp"] - time.time() * 1000) < 60_000
    token = jwt.decode(seen[0].headers["Authorization"].removeprefix("Bearer "), key.public, algorithms=["ES256"])
    assert (token.header["kid"], token.claims["iss"]) == ("ABC123", "TEAM1")
    assert abs(token.claims["iat"] - time.time()) < 60


@pytest.mark.plan("M17")
def test_a_mark_sets_bit0_and_keeps_bit1(client: AppleDeviceCheck, httpserver: HTTPServer) -> None:
    seen: list[dict[str, Any]] = []

    def answer(request: Request) -> Response:
        seen.append(json.loads(request.data))
        return Response("")

    httpserver.expect_request("/v1/update_two_bits", method="POST").respond_with_handler(answer)
    client.mark_granted("t", DeviceBits(bit0=False, bit1=True))
    assert (seen[0]["bit0"], seen[0]["bit1"]) == (True, True)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_passing_failure_is_tried_again(client: AppleDeviceCheck, httpserver: HTTPServer, status: int) -> None:
    httpserver.expect_ordered_request(QUERY).respond_with_data("later", status=status, headers={"Retry-After": "60"})
    httpserver.expect_ordered_request(QUERY).respond_with_data(SET)
    assert client.query("t").bit0


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("trouble", ["unreachable", "busy", "silent"])
def test_apple_is_waited_for_no_longer_than_the_deadline(key: Key, trouble: str) -> None:
    secret: Any = key
    with HTTPServer(threaded=True) as server:  # its own: requests given up on arrive late
        client = AppleDeviceCheck(url=server.url_for(""), team_id="TEAM1", apple=secret)
        if trouble == "unreachable":
            server.stop()
        elif trouble == "busy":
            server.expect_request(QUERY).respond_with_data("busy", status=503)
        else:
            server.expect_request(QUERY).respond_with_handler(silent)
        began = time.monotonic()
        with pytest.raises(DeviceCheckUnavailable) as error:
            client.query("t")
        assert type(error.value) is DeviceCheckUnavailable
        assert time.monotonic() - began < 2
        if trouble == "unreachable":
            server.start()


def silent(_: Request) -> Response:
    time.sleep(0.5)  # the trouble itself: longer than one try waits
    return Response(SET)


@pytest.mark.parametrize(
    ("status", "text", "error"),
    [
        (400, "Missing or incorrectly formatted device token payload", DeviceNotGenuine),
        (400, "Missing or incorrectly formatted time stamp", DeviceCheckMisconfigured),
        (401, "Unable to verify authorization token", DeviceCheckMisconfigured),
        (403, "", DeviceCheckMisconfigured),
        (302, "", DeviceCheckMisconfigured),
    ],
)
def test_a_lasting_refusal_is_not_tried_again(
    client: AppleDeviceCheck, httpserver: HTTPServer, key: Key, status: int, text: str, error: type[Exception]
) -> None:
    asked: list[Request] = []

    def answer(request: Request) -> Response:
        asked.append(request)
        return Response(text, status=status, headers={"Location": "/elsewhere"})

    httpserver.expect_request(QUERY).respond_with_handler(answer)
    with pytest.raises(error):
        client.query("t")
    assert len(asked) == 1
    assert key.forgotten == (status in (401, 403)), "a replaced key is read at the next check-in"


def test_an_endless_answer_is_not_read_to_its_end(client: AppleDeviceCheck, httpserver: HTTPServer) -> None:
    httpserver.expect_request(QUERY).respond_with_data("x" * 10_000_000)
    with pytest.raises(DeviceCheckUnavailable):
        client.query("t")


RSA_KEY = (
    rsa.generate_private_key(65537, 2048)
    .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    .decode()
)


@pytest.mark.parametrize(
    "secret",
    [
        {},
        {"key_id": "A", "private_key": "no PEM"},
        {"key_id": "A", "private_key": RSA_KEY},
        ConfigurationError("no value yet"),
    ],
    ids=["empty", "no-pem", "rsa", "no-value"],
)
def test_a_key_of_ours_that_is_no_key_is_our_fault(
    client: AppleDeviceCheck, key: Key, secret: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def value() -> dict[str, Any]:
        if isinstance(secret, Exception):
            raise secret
        given: dict[str, Any] = secret
        return given

    monkeypatch.setattr(key, "value", value)
    with pytest.raises(DeviceCheckMisconfigured):
        client.query("t")
