"""Requests are read, answers and problems written, and nothing secret is logged on the way."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from lambdas.runtime import observability
from lambdas.runtime.environment import read_settings
from lambdas.runtime.errors import (
    ApiError,
    ConfigurationError,
    DatabaseUnavailable,
    InvalidRequest,
    Unprocessable,
    UserBlocked,
)
from lambdas.runtime.http import MAXIMUM_JSON_BYTES, HttpEvent, Response, api_handler, ok
from lambdas.upload_image_anonymous.logic import app_version

Written = Callable[[], list[dict[str, Any]]]


def call(answer: Callable[[HttpEvent], Response], **event: Any) -> tuple[int, dict[str, Any], dict[str, str]]:
    handler = api_handler(lambda: None)(lambda request, _: answer(request))
    given = handler({"requestContext": {"requestId": "req-1"}, **event}, SimpleNamespace(aws_request_id="lambda-1"))
    return given["statusCode"], json.loads(given["body"]), given["headers"]


def raising(error: Exception) -> Callable[[HttpEvent], Response]:
    def answer(_: HttpEvent) -> Response:
        raise error

    return answer


def test_an_answer_is_json_and_is_not_kept_by_anyone() -> None:
    status, body, headers = call(lambda _: ok({"a": 1}))
    assert (status, body) == (200, {"a": 1})
    assert (headers["content-type"], headers["cache-control"]) == ("application/json", "no-store")


@pytest.mark.plan("M14")
def test_every_answer_names_its_request(written: Written) -> None:
    def answer(_: HttpEvent) -> Response:
        return ok({})

    for said in (answer, raising(Unprocessable("too long")), raising(RuntimeError("x"))):
        _, _, headers = call(said)
        assert headers["x-request-id"] == "req-1"
    assert {line["request_id"] for line in written() if "request_id" in line} == {"req-1"}


@pytest.mark.plan("M14")
def test_lines_about_a_job_name_its_order_and_lines_about_the_next_one_do_not(written: Written) -> None:
    ordered, older = uuid.uuid4(), uuid.uuid4()
    observability.about_job(ordered, "order-1")
    observability.log().info("first")
    observability.about_job(older)
    observability.log().info("second")
    assert [(line["job_id"], line.get("order_request_id")) for line in written()] == [
        (str(ordered), "order-1"),
        (str(older), None),
    ]


@pytest.mark.plan("N2")
def test_an_error_of_ours_is_a_problem_with_code_field_and_request_id(written: Written) -> None:
    status, body, headers = call(raising(Unprocessable("too long", field="prompt")))
    assert (status, headers["content-type"]) == (422, "application/problem+json")
    assert body == {
        "type": "about:blank", "title": "Unprocessable", "status": 422, "detail": "too long",
        "code": "invalid_field", "request_id": "req-1", "field": "prompt",
    }  # fmt: skip
    counted = [line for line in written() if "UserErrorsByCode" in line]
    assert [(line["code"], line["stack"]) for line in counted] == [("invalid_field", "local")]


def test_an_outage_says_when_to_come_back() -> None:
    status, _, headers = call(raising(DatabaseUnavailable()))
    assert (status, int(headers["retry-after"]) > 0) == (503, True)


def test_any_other_error_tells_the_client_its_request_id_and_nothing_else(written: Written) -> None:
    status, body, _ = call(raising(RuntimeError("could not open /secret/path for user 7")))
    assert (status, body["code"], body["request_id"]) == (500, "internal_error", "req-1")
    assert "secret/path" not in json.dumps(body)
    assert any("secret/path" in line.get("exception", "") for line in written()), "the log has the rest"


def test_a_function_that_cannot_be_configured_is_an_outage_and_counted(written: Written) -> None:
    def build() -> None:
        read_settings(Wanted, {})

    handler = api_handler(build)(lambda _request, _adapters: ok({}))
    given = handler({}, None)
    assert (given["statusCode"], json.loads(given["body"])["code"]) == (503, "unavailable")
    assert "NAME is not set" not in given["body"]
    assert any("ConfigurationErrors" in line for line in written())


def test_latency_and_request_ids_are_measured_and_logged(written: Written) -> None:
    call(lambda _: ok({}))
    lines = written()
    answered = next(line for line in lines if line.get("message") == "answered")
    assert (answered["request_id"], answered["lambda_request_id"], answered["status"]) == ("req-1", "lambda-1", 200)
    assert any("Latency" in line for line in lines)


@pytest.mark.parametrize("body", ["", "{", "[1]", "null", '"x"', "[" * 5000, "x" * (MAXIMUM_JSON_BYTES + 1)])
def test_a_body_that_is_no_json_object_is_refused(body: str) -> None:
    status, problem, _ = call(lambda request: ok(request.json()), body=body)
    assert (status, problem["status"]) == (400, 400)


def test_a_base64_body_is_decoded_and_a_broken_one_refused() -> None:
    encoded = base64.b64encode(b'{"a":1}').decode()
    assert call(lambda request: ok(request.json()), body=encoded, isBase64Encoded=True)[1] == {"a": 1}
    assert call(lambda request: ok(request.json()), body="%%%", isBase64Encoded=True)[0] == 400


def test_problems_of_a_blocked_user_and_of_no_session_differ() -> None:
    assert call(raising(UserBlocked()))[1]["code"] == "user_blocked"
    status, body, _ = call(lambda request: ok({"sub": str(request.claims().sub)}))
    assert (status, body["code"]) == (401, "session_required")


def test_every_code_is_a_word_and_every_error_has_a_title() -> None:
    def all_of(kind: type[ApiError]) -> list[type[ApiError]]:
        return [kind, *(deeper for further in kind.__subclasses__() for deeper in all_of(further))]

    for kind in all_of(ApiError):
        assert kind.code.replace("_", "").isalpha()
        assert kind.title
        assert 400 <= kind.status < 600


@dataclass(frozen=True)
class Wanted:
    name: str
    seconds: int
    keys: dict[str, str]


def test_settings_are_read_by_name() -> None:
    assert read_settings(Wanted, {"NAME": "n", "SECONDS": "3", "KEYS": '{"a":"b"}'}) == Wanted("n", 3, {"a": "b"})


def test_all_problems_of_settings_are_told_at_once_without_their_values() -> None:
    with pytest.raises(ConfigurationError) as error:
        read_settings(Wanted, {"SECONDS": "s3cr3t", "KEYS": '{"a": 1}'})
    assert all(name in str(error.value) for name in ("NAME", "SECONDS", "KEYS"))
    assert "s3cr3t" not in str(error.value)


TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJlY2FuYXJ5"
CANARIES = {
    "a token in a sentence": (f"refused {TOKEN} again", TOKEN),
    "an authorization header": ({"Authorization": "Bearer canary-0123456789abcdef"}, "canary"),
    "bearer in a sentence": ("sent Bearer canary-0123456789abcdef", "canary"),
    "fal's key": ("Authorization: Key canary:0123456789abcdef", "canary"),
    "a device id": ({"device_id": "canary"}, "canary"),
    "a device id in a sentence": ("bad device_id=canary", "canary"),
    "a device token deep inside": ({"request": [{"deviceToken": "canary"}]}, "canary"),
    "a presigned address": ("https://b.s3.amazonaws.com/k?X-Amz-Date=1&X-Amz-Signature=canary&x=1", "canary"),
    "a session token in an address": ("https://b/k?X-Amz-Security-Token=canary%2F", "canary"),
    "a private key": ("-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----", "canary"),
    "a password": ("connection failed: password=canary host=x", "canary"),
    "a generator's address": ("GET https://v3.fal.media/files/canary.mp4 failed", "canary"),
    "a prompt": ({"prompt": "canary"}, "canary"),
    "raw bytes": ({"hash": b"canary"}, "canary"),
    "a form": ({"upload": {"fields": {"policy": "canary"}}}, "canary"),
}  # fmt: skip


@pytest.mark.plan("M14")
@pytest.mark.parametrize(("said", "canary"), CANARIES.values(), ids=CANARIES)
def test_what_opens_a_door_is_never_logged(said: Any, canary: str, written: Written) -> None:
    observability.log().info(said if isinstance(said, str) else "said", said=said)
    try:
        raise InvalidRequest(said if isinstance(said, str) else "said")
    except InvalidRequest:
        observability.log().exception("failed")
    lines = written()
    assert len(lines) == 2
    assert canary not in json.dumps(lines)


def test_the_rest_of_a_line_survives(written: Written) -> None:
    observability.log().info("answered", status=200, auth_user_id="5b0c", key="incoming/a/b")
    (line,) = written()
    assert (line["status"], line["auth_user_id"], line["key"]) == (200, "5b0c", "incoming/a/b")


@pytest.mark.plan("M4")
@pytest.mark.parametrize(
    ("header", "version"),
    [
        ("1.4.2", "1.4"), ("9.29", "9.29"), (" 2.0 ", "2.0"), (None, "none"), ("", "none"),
        ("10.1", "other"), ("1.30", "other"), ("1", "other"), ("x" * 5000, "other"), ("1.4.2; drop", "other"),
    ],
)  # fmt: skip
def test_an_app_version_becomes_one_of_few(header: str | None, version: str) -> None:
    assert app_version(header) == version
