"""A form is bound to its key, type, size and time, and signed in its user's own session."""

from __future__ import annotations

import base64
import io
import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.exceptions import ClientError

from lambdas.runtime import clients
from lambdas.runtime.claims import Claims
from lambdas.runtime.errors import ApiError, TooLarge, Unprocessable, UnsupportedMediaType
from lambdas.runtime.image_keys import IncomingKey
from lambdas.runtime.user_storage import StorageUnavailable, UserStorage
from lambdas.upload_image.logic import UploadRequest, begin_upload

USER = uuid.uuid4()
CLAIMS = Claims(sub=USER, is_anonymous=True, exp=0, jti="j")


class Sts:
    """Remembers what was asked of it; each session has keys of its own."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def assume_role(self, **asked: Any) -> dict[str, Any]:
        self.asked.append(asked)
        number = len(self.asked)
        return {"Credentials": {"AccessKeyId": f"ASIA{number}", "SecretAccessKey": "s", "SessionToken": f"t{number}"}}


@pytest.fixture
def sts(monkeypatch: pytest.MonkeyPatch) -> Sts:
    sts = Sts()
    monkeypatch.setattr(clients, "sts", lambda: sts)
    return sts


@pytest.fixture
def clock() -> SimpleNamespace:
    return SimpleNamespace(now=0.0)


@pytest.fixture
def storage(sts: Sts, clock: SimpleNamespace) -> UserStorage:
    return UserStorage(role_arn="arn:aws:iam::0:role/user-storage", bucket="images", now=lambda: clock.now)


def policy(fields: Mapping[str, str]) -> list[Any]:
    conditions: list[Any] = json.loads(base64.b64decode(fields["policy"]))["conditions"]
    return conditions


@pytest.mark.plan("M3")
def test_a_form_is_bound_to_exact_key_exact_type_and_size(storage: UserStorage) -> None:
    key = str(IncomingKey(USER, uuid.uuid4()))
    form = storage.upload_form(USER, key, content_type="image/png", maximum_bytes=1234, seconds=300)
    conditions = policy(form.fields)
    assert {"key": key} in conditions
    assert {"Content-Type": "image/png"} in conditions
    assert ["content-length-range", 0, 1234] in conditions
    assert {"bucket": "images"} in conditions
    assert not [condition for condition in conditions if isinstance(condition, list) and condition[0] == "starts-with"]
    assert form.fields["key"] == key


@pytest.mark.plan("M10")
def test_it_is_signed_in_a_session_tagged_with_the_user(storage: UserStorage, sts: Sts) -> None:
    form = storage.upload_form(USER, "incoming/x", content_type="image/png", maximum_bytes=1, seconds=300)
    assert sts.asked[0]["Tags"] == [{"Key": "auth_user_id", "Value": str(USER)}]
    assert form.fields["x-amz-credential"].startswith("ASIA1/")
    assert form.fields["x-amz-algorithm"] == "AWS4-HMAC-SHA256"
    assert form.url == "https://images.s3.us-east-1.amazonaws.com/"


def test_sessions_are_kept_for_their_user_and_renewed_before_what_they_sign_ends(
    storage: UserStorage, sts: Sts, clock: SimpleNamespace
) -> None:
    def credential(user: uuid.UUID) -> str:
        address = storage.address(user, "images/x", seconds=900)
        return parse_qs(urlsplit(address).query)["X-Amz-Credential"][0].split("/")[0]

    assert [credential(USER), credential(USER), credential(uuid.uuid4())] == ["ASIA1", "ASIA1", "ASIA2"]
    clock.now = 3600 - 899
    assert credential(USER) == "ASIA3"


@pytest.mark.parametrize("user", ["", "*", "../other", str(USER)])
def test_only_a_uuid_becomes_a_tag(storage: UserStorage, sts: Sts, user: Any) -> None:
    with pytest.raises(TypeError):
        storage.address(user, "images/x", seconds=1)
    assert sts.asked == []


def test_the_row_comes_first_and_a_failing_row_leaves_no_form(storage: UserStorage, sts: Sts) -> None:
    class Images:
        def add_pending(self, *_: Any) -> None:
            assert sts.asked == [], "nothing is signed yet"
            raise Unprocessable

    with pytest.raises(Unprocessable):
        begin_upload(
            CLAIMS,
            UploadRequest("image/jpeg", 10),
            images=Images(),
            storage=storage,
            seconds=300,
            now=lambda: datetime.now(UTC),
        )
    assert sts.asked == []


def test_a_good_request_is_read() -> None:
    body = {"content_type": "image/heic", "content_length": 15}
    assert UploadRequest.of(body, maximum_bytes=15) == UploadRequest("image/heic", 15)


@pytest.mark.parametrize(
    ("body", "error", "field"),
    [
        ({}, UnsupportedMediaType, "content_type"),
        ({"content_type": "text/html", "content_length": 1}, UnsupportedMediaType, "content_type"),
        ({"content_type": ["image/png"], "content_length": 1}, UnsupportedMediaType, "content_type"),
        ({"content_type": "image/png"}, Unprocessable, "content_length"),
        ({"content_type": "image/png", "content_length": 0}, Unprocessable, "content_length"),
        ({"content_type": "image/png", "content_length": -1}, Unprocessable, "content_length"),
        ({"content_type": "image/png", "content_length": True}, Unprocessable, "content_length"),
        ({"content_type": "image/png", "content_length": "9"}, Unprocessable, "content_length"),
        ({"content_type": "image/png", "content_length": 16}, TooLarge, "content_length"),
    ],
)
def test_a_bad_request_is_refused_and_the_field_named(body: dict[str, Any], error: type[ApiError], field: str) -> None:
    with pytest.raises(error) as refused:
        UploadRequest.of(body, maximum_bytes=15)
    assert refused.value.field == field


@pytest.mark.parametrize(
    "key", ["incoming/", "incoming/a/b", f"images/{USER}/{USER}", f"incoming/{USER}/{USER}/x", f"incoming/{USER}/../x"]
)
def test_keys_that_are_not_ours_have_no_parts(key: str) -> None:
    assert IncomingKey.of(key) is None
    assert str(IncomingKey.of(f"incoming/{USER}/{USER}")) == f"incoming/{USER}/{USER}"


class Objects:
    """S3 that answers a read as it is told."""

    def __init__(self, answer: bytes | str) -> None:
        self._answer = answer

    def get_object(self, **_: Any) -> dict[str, Any]:
        if isinstance(self._answer, str):
            raise ClientError({"Error": {"Code": self._answer}}, "GetObject")
        return {"Body": io.BytesIO(self._answer)}


@pytest.mark.parametrize(
    ("answer", "found"), [(b"image", b"image"), (b"", b""), ("NoSuchKey", None), ("AccessDenied", None)]
)
def test_what_is_not_there_is_none_also_where_listing_is_not_allowed(
    storage: UserStorage, monkeypatch: pytest.MonkeyPatch, answer: bytes | str, found: bytes | None
) -> None:
    monkeypatch.setattr(clients, "s3_as", lambda *_: Objects(answer))
    assert storage.get(USER, "images/x", maximum_bytes=5) == found


@pytest.mark.parametrize("answer", [b"larger", "SlowDown", "InternalError", "ExpiredToken"])
def test_what_cannot_be_read_now_is_an_outage(
    storage: UserStorage, monkeypatch: pytest.MonkeyPatch, answer: bytes | str
) -> None:
    monkeypatch.setattr(clients, "s3_as", lambda *_: Objects(answer))
    with pytest.raises(StorageUnavailable):
        storage.get(USER, "images/x", maximum_bytes=5)
