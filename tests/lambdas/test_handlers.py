"""The handlers as Lambda calls them: built from their environment alone, on the real database."""

from __future__ import annotations

import base64
import importlib
import json
import time
import uuid
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from lambdas.runtime import clients
from tests.database.scene import Database as Scene
from tests.database.scene import Person
from tests.lambdas.catalogue import FUNCTIONS
from tests.unit.lambdas.pictures import encoded, in_half

CONTEXT = SimpleNamespace(aws_request_id="lambda-1", get_remaining_time_in_millis=lambda: 60_000)
Call = Callable[..., tuple[int, dict[str, Any]]]
Given = Callable[[str], Any]


class Storage:
    """S3 and STS for the functions that write one object and sign addresses."""

    def __init__(self) -> None:
        self.put: list[dict[str, Any]] = []
        self.tags: list[dict[str, str]] = []
        self.removed: list[str] = []

    def assume_role(self, **asked: Any) -> dict[str, Any]:
        self.tags += asked["Tags"]
        return {"Credentials": {"AccessKeyId": "ASIA1", "SecretAccessKey": "s", "SessionToken": "t"}}

    def put_object(self, **asked: Any) -> dict[str, Any]:
        self.put.append(asked)
        return {"VersionId": "v1"}

    def delete_object(self, **asked: Any) -> None:
        self.removed.append(asked["Key"])

    def generate_presigned_url(self, operation: str, **asked: Any) -> str:
        return f"https://storage.test/{operation}/{asked['Params']['Key']}"

    def generate_presigned_post(self, _bucket: str, key: str, **_: Any) -> dict[str, Any]:
        return {"url": "https://storage.test", "fields": {"key": key}}


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> Storage:
    storage = Storage()
    monkeypatch.setattr(clients, "sts", lambda: storage)
    monkeypatch.setattr(clients, "s3", lambda: storage)
    monkeypatch.setattr(clients, "s3_as", lambda *_: storage)
    return storage


@pytest.fixture
def handler_of(scene: Scene, storage: Storage, monkeypatch: pytest.MonkeyPatch) -> Given:
    """A fresh handler with the environment that infra/function_environments.py gives it."""

    def load(function: str) -> Any:
        for name, value in {
            "DATABASE_HOST": str(scene.server.sockets),
            "DATABASE_PORT": "5432",
            "DATABASE_NAME": "rendio",
            "DATABASE_USER": f"rendio_local_{function}",
            "DATABASE_SSLMODE": "disable",
            "SESSION_ISSUER": "https://issuer.test",
            "SESSION_AUDIENCE": "rendio-local",
            "SESSION_LIFETIME_SECONDS": "86400",
            "SESSION_SIGNING_KEY_ID": "2026a",
            "SESSION_SIGNING_KEY_ARN": "arn:aws:kms:us-east-1:000000000000:key/x",
            "SESSION_KEYS": '{"2026a": "arn:aws:kms:us-east-1:000000000000:key/x"}',
            "APPLE_DEVICECHECK_URL": "http://127.0.0.1:1",
            "APPLE_TEAM_ID": "TEAM1",
            "APPLE_SECRET": "rendio/local/apple-devicecheck",
            "DEVICE_HASH_SECRET": "rendio/local/device-hash-keys",
            "FREE_CREDITS": "10",
            "IMAGES_BUCKET": "rendio-local-images-000000000000",
            "USER_STORAGE_ROLE_ARN": "arn:aws:iam::000000000000:role/rendio-local-user-storage",
            "USER_IMAGE_WRITER_ROLE_ARN": "arn:aws:iam::000000000000:role/rendio-local-user-image-writer",
            "IMAGE_MAX_BYTES": "15728640",
            "IMAGE_UPLOAD_SECONDS": "300",
            "IMAGE_URL_SECONDS": "900",
            "FAL_QUEUE_URL": "http://127.0.0.1:1",
            "FAL_STORAGE_URL": "http://127.0.0.1:1",
            "FAL_JWKS_URL": "http://127.0.0.1:1/.well-known/jwks.json",
            "FAL_WEBHOOK_USER_ID": "rendioai-local",
            "FAL_SECRET": "rendio/local/fal",
            "FAL_RESULT_DAYS": "7",
            "SWITCHES_STANDING": "[]",
            "WEBHOOK_URL": "http://127.0.0.1:1/v1/webhooks/fal",
            "VIDEOS_BUCKET": "rendio-local-videos-000000000000",
            "USER_VIDEO_REMOVER_ROLE_ARN": "arn:aws:iam::000000000000:role/rendio-local-user-video-remover",
            "VIDEO_URL_SECONDS": "900",
            "VIDEO_MIGRATION_QUEUE_URL": "http://127.0.0.1:1/000000000000/rendio-local-video-migration",
            "VIDEO_MIGRATION_MODE": "queued",
            "VIDEO_MIGRATION_INLINE_SECONDS": "5",
            "VIDEO_MIGRATION_FUNCTION": "rendio-local-migrate-video",
        }.items():
            monkeypatch.setenv(name, value)
        return importlib.reload(importlib.import_module(f"lambdas.{function}.handler"))

    return load


def session(person: Person, **changed: str) -> dict[str, str]:
    return {
        "sub": str(person.auth_user_id),
        "role": "authenticated",
        "is_anonymous": "true",
        "exp": str(int(time.time()) + 60),
        "jti": "j",
        **changed,
    }


@pytest.fixture
def call(handler_of: Given) -> Call:
    def answer(function: str, claims: dict[str, str] | None = None, **event: Any) -> tuple[int, dict[str, Any]]:
        authorizer = {"authorizer": {"lambda": claims}} if claims is not None else {}
        given = handler_of(function).handler(
            {"version": "2.0", "requestContext": {"requestId": "r1", **authorizer}, **event}, CONTEXT
        )
        return given["statusCode"], json.loads(given["body"] or "{}")

    return answer


IN_BASE64 = {"isBase64Encoded": True}
JPEG = base64.b64encode(encoded("JPEG")).decode()


@pytest.mark.plan("M2", "M3")
def test_me(call: Call, alice: Person) -> None:
    assert call("me", session(alice)) == (200, {"user_id": str(alice.user_id), "credits_remaining": 3})


@pytest.mark.plan("M3")
@pytest.mark.parametrize("function", ["me", "upload_image", "view_image", "upload_image_direct"])
def test_no_user_function_serves_a_caller_whom_no_authorizer_has_seen(call: Call, alice: Person, function: str) -> None:
    event = {"pathParameters": {"image_id": str(uuid.uuid4())}, "body": JPEG, **IN_BASE64}
    assert call(function, **event)[0] == 401
    status, problem = call(function, session(alice, exp=str(int(time.time()) - 1)), **event)
    assert (status, problem["code"]) == (403, "session_expired")


@pytest.mark.plan("M3", "M10")
def test_a_form_then_the_image_of_its_user_alone(call: Call, storage: Storage, alice: Person, bob: Person) -> None:
    status, upload = call("upload_image", session(alice), body='{"content_type":"image/jpeg","content_length":9}')
    assert status == 201
    key = f"incoming/{alice.auth_user_id}/{upload['image_id']}"
    assert upload["upload"] == {"url": "https://storage.test", "fields": {"key": key}}
    assert storage.tags == [{"Key": "auth_user_id", "Value": str(alice.auth_user_id)}]
    wanted = {"pathParameters": {"image_id": upload["image_id"]}}
    status, image = call("view_image", session(alice), **wanted)
    assert (status, image["status"], image["image_url"]) == (200, "pending", None)
    status, problem = call("view_image", session(bob), **wanted)
    assert (status, problem["code"]) == (404, "image_not_found")


@pytest.mark.plan("M5")
def test_an_image_in_one_request_is_ready_and_seen(call: Call, storage: Storage, alice: Person) -> None:
    status, stored = call("upload_image_direct", session(alice), body=JPEG, **IN_BASE64)
    key = f"images/{alice.auth_user_id}/{stored['image_id']}.jpg"
    assert (status, stored["status"]) == (201, "ready")
    assert [(put["Key"], put["ContentType"]) for put in storage.put] == [(key, "image/jpeg")]
    _, image = call("view_image", session(alice), pathParameters={"image_id": stored["image_id"]})
    assert (image["status"], image["image_url"]) == ("ready", f"https://storage.test/get_object/{key}")


@pytest.mark.plan("M4", "M5")
@pytest.mark.parametrize("function", ["upload_image_direct", "upload_image_anonymous"])
def test_what_is_no_image_is_not_stored(call: Call, storage: Storage, alice: Person, function: str) -> None:
    half = base64.b64encode(in_half(encoded("JPEG"))).decode()
    status, problem = call(function, session(alice), body=half, **IN_BASE64)
    assert (status, problem["code"]) == (422, "truncated")
    assert storage.put == []


@pytest.mark.plan("M4")
def test_a_caller_with_no_session_is_served_in_a_prefix_of_its_own(call: Call, storage: Storage) -> None:
    status, stored = call("upload_image_anonymous", body=JPEG, headers={"X-App-Version": "1.4.2"}, **IN_BASE64)
    assert status == 201
    assert [put["Key"] for put in storage.put] == [f"anonymous/{stored['image_id']}.jpg"]
    assert storage.tags == [], "there is no user to act for"


@pytest.mark.parametrize(
    "body", ["{}", '{"device_id":"short","device_token":"dA=="}', '{"device_id":"' + "a" * 22 + '"}']
)
def test_a_check_in_that_cannot_be_read_names_the_field_and_not_its_value(call: Call, body: str) -> None:
    status, problem = call("device_check", body=body)
    assert (status, problem["code"]) == (400, "invalid_field")
    assert problem["field"] in {"device_id", "device_token"}
    assert "short" not in json.dumps(problem)


def test_s3s_test_event_and_an_empty_sweep_find_nothing_to_do(handler_of: Given, storage: Storage) -> None:
    inspect_image = handler_of("inspect_image")
    assert inspect_image.handler({"Service": "Amazon S3", "Event": "s3:TestEvent"}, CONTEXT) == {"outcomes": {}}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_an_environment_that_lacks_everything_is_no_crash_at_import(
    function: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DATABASE_HOST", "IMAGES_BUCKET", "SESSION_KEYS"):
        monkeypatch.delenv(name, raising=False)
    importlib.reload(importlib.import_module(f"lambdas.{function}.handler"))
