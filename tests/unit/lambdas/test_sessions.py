"""The authorizer and the issuer as Lambda calls them; opening a session never fails a check-in."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from lambdas.device_check.sessions import KmsSessions, SessionSettings
from lambdas.runtime import tokens
from lambdas.runtime.claims import Claims
from lambdas.runtime.errors import SessionExpired, SessionRequired
from lambdas.session_authorizer import handler as authorizer
from lambdas.session_issuer import handler as issuer
from tests.unit.lambdas.keys import AUDIENCE, ISSUER, KEY_ID, SigningKey

Written = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch, ours: SigningKey) -> dict[str, bytes]:
    """What KMS holds; the functions are configured for `KEY_ID` and for a second key, which it may lack."""
    held = {"arn:a": ours.public_der}
    monkeypatch.setattr(tokens, "_public_key_from_kms", lambda arn: held[arn])
    monkeypatch.setenv("SESSION_ISSUER", ISSUER)
    monkeypatch.setenv("SESSION_AUDIENCE", AUDIENCE)
    monkeypatch.setenv("SESSION_KEYS", json.dumps({KEY_ID: "arn:a", "2026b": "arn:b"}))
    authorizer._verifier.cache_clear()
    return held


def authorize(authorization: str) -> dict[str, Any]:
    return authorizer.handler({"identitySource": [authorization], "requestContext": {"requestId": "r1"}}, None)


@pytest.mark.plan("M3")
@pytest.mark.usefixtures("keys")
def test_a_good_token_is_authorized_and_its_claims_travel_as_text(ours: SigningKey) -> None:
    user = str(uuid.uuid4())
    answer = authorize(f"Bearer {ours.token(sub=user)}")
    assert answer["isAuthorized"] is True
    assert answer["context"]["sub"] == user
    assert all(isinstance(value, str) for value in answer["context"].values())
    assert str(Claims.of_session(answer["context"]).sub) == user


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer ", "Basic abc", "Bearer abc", "Bearer a.b.c"])
def test_anything_else_is_not_authorized_and_tells_nothing(authorization: str) -> None:
    assert authorize(authorization) == {"isAuthorized": False, "context": {}}


@pytest.mark.usefixtures("keys")
def test_a_token_is_not_logged_when_refused(attackers: SigningKey, written: Written) -> None:
    token = attackers.token()
    authorize(f"Bearer {token}")
    lines = written()
    assert any(line.get("message") == "session refused" for line in lines)
    assert all(part not in json.dumps(lines) for part in token.split("."))


@pytest.mark.usefixtures("keys")
def test_an_unreachable_key_is_an_error_and_not_a_refusal_that_the_gateway_would_keep(ours: SigningKey) -> None:
    with pytest.raises(tokens.KeyUnreachable):
        authorize(f"Bearer {ours.token({'kid': '2026b'})}")


def get(path: str) -> tuple[int, dict[str, Any], dict[str, str]]:
    answer = issuer.handler({"rawPath": path, "requestContext": {"requestId": "r1"}}, None)
    return answer["statusCode"], json.loads(answer["body"]), answer["headers"]


def test_the_issuer_names_its_keys_and_publishes_no_private_part(keys: dict[str, bytes]) -> None:
    keys["arn:b"] = keys["arn:a"]
    _, configuration, _ = get("/.well-known/openid-configuration")
    assert (configuration["issuer"], configuration["jwks_uri"]) == (ISSUER, f"{ISSUER}/.well-known/jwks.json")
    status, published, headers = get("/.well-known/jwks.json")
    assert (status, headers["cache-control"]) == (200, "public, max-age=300")
    assert [key["kid"] for key in published["keys"]] == [KEY_ID, "2026b"]
    assert all(set(key) == {"kty", "n", "e", "use", "alg", "kid"} for key in published["keys"])


@pytest.mark.plan("M1")
@pytest.mark.parametrize("trouble", [TimeoutError, RuntimeError])
def test_no_trouble_with_the_key_fails_a_check_in(trouble: type[Exception], written: Written) -> None:
    def broken(_arn: str, _message: bytes) -> bytes:
        raise trouble("KMSInvalidStateException")

    assert KmsSessions(SessionSettings(ISSUER, AUDIENCE, 60, KEY_ID, "arn"), broken).try_open(uuid.uuid4()) is None
    lines = written()
    assert [line["level"] for line in lines if line.get("message") == "session not opened"] == ["ERROR"]
    assert [line["SessionOpenFailed"] for line in lines if "SessionOpenFailed" in line] == [[1.0]]


SESSION = {
    "sub": str(uuid.uuid4()),
    "role": "authenticated",
    "is_anonymous": "true",
    "exp": str(int(time.time()) + 60),
    "jti": "j",
}


def test_what_the_authorizer_says_is_understood() -> None:
    assert str(Claims.of_session(SESSION).sub) == SESSION["sub"]


@pytest.mark.plan("M3")
@pytest.mark.parametrize(
    "changed",
    [{"sub": ""}, {"sub": "x"}, {"role": "admin"}, {"exp": "soon"}, {"is_anonymous": "yes"}],
    ids=lambda changed: "-".join(changed),
)
def test_a_context_that_is_not_the_authorizers_opens_nothing(changed: dict[str, str]) -> None:
    with pytest.raises(SessionRequired):
        Claims.of_session({**SESSION, **changed})


def test_with_the_authorizer_removed_from_a_route_nobody_is_let_in() -> None:
    with pytest.raises(SessionRequired):
        Claims.of_session({})


def test_a_token_that_ended_while_the_gateway_remembered_it_opens_nothing() -> None:
    with pytest.raises(SessionExpired):
        Claims.of_session({**SESSION, "exp": str(int(time.time()) - 1)})
