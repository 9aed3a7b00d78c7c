"""What may be uploaded, and that nothing else ever becomes an image."""

from __future__ import annotations

import time
from typing import Any

import pytest

from local.journey.client import Phone, s3_code, told
from local.journey.photograph import photograph
from tests.stack.deployed import Deployed, eventually, side_by_side

JPEG = photograph(4, width=640, height=480)
HTML = b"<!doctype html><script>alert(1)</script>" * 50
ACCEPTED = (200, 201, 204)
SECONDS_UNTIL_GONE = 15.0


@pytest.fixture(scope="module")
def phone(stack: Deployed) -> Phone:
    return stack.phone()


def versions_under(stack: Deployed, prefix: str) -> list[str]:
    """Every object version there is, delete markers left out: a marker only hides what lies below it."""
    pages = stack.root("s3").get_paginator("list_object_versions").paginate(Bucket=stack.images_bucket, Prefix=prefix)
    return [version["Key"] for page in pages for version in page.get("Versions", [])]


def row_of(stack: Deployed, image_id: str) -> dict[str, Any]:
    return stack.query("select * from public.images where id = %s", image_id)[0]


@pytest.mark.plan("M3")
def test_the_form_takes_what_it_was_made_for(stack: Deployed, phone: Phone) -> None:
    form = phone.request_upload(len(JPEG))
    assert phone.send_form(form["upload"], JPEG).status_code in ACCEPTED
    assert phone.wait_for_image(form["image_id"])["status"] == "ready"


@pytest.mark.plan("M3")
@pytest.mark.parametrize(
    ("what", "content", "changed"),
    [
        ("one byte too large", JPEG + b"x", {}),
        ("another type", JPEG, {"Content-Type": "text/html"}),
        ("another key", JPEG, {"key": "incoming/00000000-0000-4000-8000-000000000000/x"}),
        ("a key among the images", JPEG, {"key": "images/x.jpg"}),
        ("one more condition", JPEG, {"acl": "public-read"}),
    ],
)
def test_s3_refuses_the_form_with(
    stack: Deployed, phone: Phone, what: str, content: bytes, changed: dict[str, str]
) -> None:
    form = phone.request_upload(len(JPEG))
    key = form["upload"]["fields"]["key"]
    refused = phone.send_form(form["upload"], content, **changed)
    assert refused.status_code in (400, 403), told(refused)
    assert s3_code(refused) in ("AccessDenied", "EntityTooLarge"), told(refused)
    assert versions_under(stack, changed.get("key", key)) == []
    assert row_of(stack, form["image_id"])["status"] == "pending"


@pytest.mark.plan("M3")
def test_s3_refuses_an_expired_form(stack: Deployed, phone: Phone) -> None:
    storage = stack.user_storage(phone.auth_user_id).client("s3", signature_version="s3v4")
    key = f"incoming/{phone.auth_user_id}/expired"

    def form(seconds: int) -> dict[str, Any]:
        made: dict[str, Any] = storage.generate_presigned_post(stack.images_bucket, key, ExpiresIn=seconds)
        return made

    expired = phone.send_form(form(-5), JPEG)
    assert (expired.status_code, s3_code(expired)) == (403, "AccessDenied")
    # The twin: the same form, still valid.
    assert phone.send_form(form(60), JPEG).status_code in ACCEPTED


@pytest.mark.plan("M3")
@pytest.mark.parametrize(
    ("what", "content", "reasons"),
    [
        ("a web page named .jpg", HTML, {"not_an_image"}),
        ("a truncated JPEG", JPEG[: len(JPEG) // 2], {"truncated"}),
        ("another kind of image", b"", {"type_mismatch"}),
    ],
)
def test_what_is_no_image_is_never_usable_and_soon_gone(
    stack: Deployed, phone: Phone, what: str, content: bytes, reasons: set[str]
) -> None:
    content = content or JPEG
    declared = "image/png" if "type_mismatch" in reasons else "image/jpeg"
    started = time.monotonic()
    form = phone.request_upload(len(content), declared)
    assert phone.send_form(form["upload"], content).status_code in ACCEPTED
    image = phone.wait_for_image(form["image_id"])
    assert (image["status"], image["image_url"]) == ("refused", None)
    assert image["reason"] in reasons
    assert row_of(stack, form["image_id"])["reason"] == image["reason"]
    key = form["upload"]["fields"]["key"]
    assert eventually(lambda: versions_under(stack, key) == [], seconds=SECONDS_UNTIL_GONE)
    assert versions_under(stack, f"images/{phone.auth_user_id}/{form['image_id']}") == []
    assert time.monotonic() - started < SECONDS_UNTIL_GONE


@pytest.mark.plan("M3")
def test_nothing_uploaded_is_never_usable(stack: Deployed, phone: Phone) -> None:
    form = phone.request_upload(1)
    sent = phone.send_form(form["upload"], b"")
    if sent.status_code in ACCEPTED:
        assert phone.wait_for_image(form["image_id"])["reason"] == "empty"
    else:
        assert s3_code(sent) == "EntityTooSmall"
        assert row_of(stack, form["image_id"])["status"] == "pending"
    refused = phone.call("POST", "/v1/images", json={"content_type": "image/jpeg", "content_length": 0})
    assert refused.status_code == 422


@pytest.mark.plan("M3")
def test_replaying_the_form_after_acceptance_changes_nothing_usable(stack: Deployed, phone: Phone) -> None:
    evil = HTML[: len(JPEG)]
    form = phone.request_upload(len(JPEG))
    assert phone.send_form(form["upload"], JPEG).status_code in ACCEPTED
    before = phone.wait_for_image(form["image_id"])
    row = row_of(stack, form["image_id"])
    assert (before["status"], phone.download(before["image_url"]).content) == ("ready", JPEG)

    assert phone.send_form(form["upload"], evil).status_code in ACCEPTED
    key = form["upload"]["fields"]["key"]
    assert eventually(lambda: versions_under(stack, key) == [], seconds=SECONDS_UNTIL_GONE), "the replay stays"
    after = phone.image(form["image_id"])
    assert (after["status"], phone.download(after["image_url"]).content) == ("ready", JPEG)
    assert row_of(stack, form["image_id"]) == row


@pytest.mark.plan("M3")
def test_a_race_of_two_contents_ends_with_row_and_object_of_one(stack: Deployed, phone: Phone) -> None:
    other = photograph(5, width=640, height=480)
    form = phone.request_upload(max(len(JPEG), len(other)))
    side_by_side(2, lambda number: phone.send_form(form["upload"], (JPEG, other)[number]))
    image = phone.wait_for_image(form["image_id"])
    loaded = phone.download(image["image_url"]).content
    assert loaded in (JPEG, other)
    assert row_of(stack, form["image_id"])["bytes"] == len(loaded)


@pytest.mark.plan("M5")
@pytest.mark.parametrize(
    ("what", "content", "content_type", "status", "code"),
    [
        ("a web page", HTML, "image/jpeg", 422, "not_an_image"),
        ("nothing", b"", "image/jpeg", 422, "empty"),
        ("half a JPEG", JPEG[: len(JPEG) // 2], "image/jpeg", 422, "truncated"),
        ("a JPEG as PNG", JPEG, "image/png", 422, "type_mismatch"),
        ("another type", JPEG, "text/html", 415, "unsupported_media_type"),
        ("too many bytes", JPEG + b"\0" * (4 * 1024 * 1024), "image/jpeg", 413, "image_too_large"),
    ],
)
def test_the_direct_route_refuses_at_once(
    stack: Deployed, phone: Phone, what: str, content: bytes, content_type: str, status: int, code: str
) -> None:
    before = versions_under(stack, f"images/{phone.auth_user_id}/")
    refused = phone.upload_direct(content, content_type)
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert versions_under(stack, f"images/{phone.auth_user_id}/") == before
    assert phone.upload_direct(JPEG).status_code == 201


@pytest.mark.plan("M4")
def test_an_app_with_no_session_is_served_apart_from_users(stack: Deployed, phone: Phone) -> None:
    answer = phone.upload_anonymous(JPEG)
    assert answer.status_code == 201
    image_id = answer.json()["image_id"]
    assert versions_under(stack, "anonymous/") != []
    assert stack.query("select 1 from public.images where id = %s", image_id) == []
    assert phone.call("GET", f"/v1/images/{image_id}").status_code == 404
    assert phone.upload_anonymous(HTML).status_code == 422
