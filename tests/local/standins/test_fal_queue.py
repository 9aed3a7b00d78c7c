"""The stand-in for fal.ai's queue checks keys and headers and moves a generation on, with its pictures fetched."""

from __future__ import annotations

import base64
import io
import json
import time
from typing import Any

import httpx
import pytest
from PIL import Image
from pytest_httpserver import HTTPServer
from werkzeug import Response

from tests.local.standins.conftest import FalClient

MODEL = "/fal-ai/kling-video/v2/text-to-video"
LIFETIME = "X-Fal-Object-Lifecycle-Preference"


def picture(kind: str = "PNG", side: int = 16) -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((side, side), 50).save(buffer, kind)
    return buffer.getvalue()


def upload(fal: FalClient, content: bytes, content_type: str = "image/png", **headers: str) -> str:
    """The address of a file that was uploaded as fal's own clients do."""
    begun = fal.http.post(
        "/storage/upload/initiate",
        params={"storage_type": "fal-cdn-v3"},
        json={"file_name": "a picture.png", "content_type": content_type},
        headers=headers,
    ).json()
    put = httpx.put(begun["upload_url"], content=content, headers={"Content-Type": content_type}, trust_env=False)
    assert put.status_code == 200
    return str(begun["file_url"])


def test_a_generation_goes_from_the_queue_to_a_video(fal: FalClient) -> None:
    lifetime = {LIFETIME: json.dumps({"expiration_duration_seconds": 86400})}
    made = fal.http.post(MODEL, json={"prompt": "a canary"}, headers=lifetime).json()
    # The sub-path is used at submit only.
    assert made["status_url"].endswith(f"/fal-ai/kling-video/requests/{made['request_id']}/status")
    assert fal.http.get(made["response_url"]).status_code == 400
    assert [fal.http.get(made["status_url"]).json()["status"] for _ in range(4)] == [
        "IN_QUEUE",
        "IN_PROGRESS",
        "COMPLETED",
        "COMPLETED",
    ]
    video = fal.video(made)
    assert video["url"].startswith(f"{fal.cdn}/")
    assert fal.told(made)["lifetime_seconds"] == 86400


def test_what_it_tells_has_no_prompt_and_no_address(fal: FalClient) -> None:
    made = fal.submit_with_webhook(
        "http://127.0.0.1:9/hook-canary", prompt="a canary", image_url="http://127.0.0.1:9/c"
    )
    fal.complete(made)
    told = json.dumps(fal.control("requests", method="GET"))
    assert "canary" not in told
    assert "127.0.0.1" not in told
    assert '"fields": ["image_url", "prompt"]' in told


@pytest.mark.parametrize("authorization", ["", "Key", "Key wrong:key", "Bearer {key}", "Key {key}x"])
@pytest.mark.parametrize("path", [MODEL, "/storage/upload/initiate"])
def test_without_the_key_nothing_is_done(fal: FalClient, path: str, authorization: str) -> None:
    body = {"file_name": "a.png", "content_type": "image/png"}
    headers = {"Authorization": authorization.format(key=fal.key)}
    assert fal.http.post(path, json=body, headers=headers).status_code == 401
    assert fal.control("requests", method="GET") == fal.control("uploads", method="GET") == []
    assert fal.http.post(path, json=body).status_code == 200


@pytest.mark.parametrize("header", ["3600", "{}", '{"expiration_duration_seconds": "1h"}', "not json"])
@pytest.mark.parametrize(("path", "name"), [(MODEL, LIFETIME), ("/storage/upload/initiate", "X-Fal-Object-Lifecycle")])
def test_a_wrong_lifetime_is_refused(fal: FalClient, path: str, name: str, header: str) -> None:
    body = {"file_name": "a.png", "content_type": "image/png"}
    refused = fal.http.post(path, json=body, headers={name: header})
    assert (refused.status_code, refused.headers["x-fal-error-type"]) == (400, "bad_request")
    assert fal.http.post(path, json=body, headers={name: '{"expiration_duration_seconds": 60}'}).status_code == 200


def test_a_completed_generation_can_be_a_failure(fal: FalClient) -> None:
    fal.control("outcomes", {"error": "no GPU", "error_type": "startup_timeout"})
    made = fal.submit()
    status = [fal.http.get(made["status_url"]).json() for _ in range(3)][-1]
    assert (status["status"], status["error"], status["error_type"]) == ("COMPLETED", "no GPU", "startup_timeout")
    assert fal.http.get(made["response_url"]).headers["x-fal-error-type"] == "startup_timeout"
    # The outcome was for one submit.
    assert fal.completed()["content_type"] == "video/mp4"


def test_a_generation_with_a_time_completes_by_itself(fal: FalClient) -> None:
    fal.control("outcomes", {"after_ms": 300, "times": None})
    made = fal.submit()
    seen = [fal.http.get(made["status_url"]).json()["status"]]
    deadline = time.monotonic() + 10
    while seen[-1] != "COMPLETED" and time.monotonic() < deadline:
        seen.append(fal.http.get(made["status_url"]).json()["status"])
    assert [status for place, status in enumerate(seen) if status not in seen[:place]] == [
        "IN_QUEUE",
        "IN_PROGRESS",
        "COMPLETED",
    ]


def test_an_outcome_can_be_for_one_model_alone(fal: FalClient) -> None:
    fal.control("outcomes", [{"model": "fal-ai/veo3", "error": "no GPU"}])
    plain, named = fal.submit(), fal.submit("/fal-ai/veo3/fast")
    for made in (plain, named):
        fal.complete(made)
    assert [fal.told(made)["error"] for made in (plain, named)] == ["", "no GPU"]


def test_an_outcome_can_be_for_a_share_of_all_and_is_drawn_alike_each_time(fal: FalClient) -> None:
    def failed() -> list[bool]:
        fal.control("reset")
        fal.control("outcomes", [{"times": None, "share": 0.25, "seed": 1, "error": "no GPU"}, {"times": None}])
        made = [fal.submit() for _ in range(80)]
        for one in made:
            fal.complete(one)
        return [bool(fal.told(one)["error"]) for one in made]

    first = failed()
    assert 10 <= sum(first) <= 30
    assert failed() == first


def test_a_cancelled_request_is_gone(fal: FalClient) -> None:
    made = fal.submit()
    assert fal.http.put(made["cancel_url"]).status_code == 202
    assert fal.http.get(made["status_url"]).status_code == 404


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_the_picture_is_fetched_before_the_video_is_made(fal: FalClient, kind: str) -> None:
    content = picture(kind)
    lifetime = {"X-Fal-Object-Lifecycle": json.dumps({"expiration_duration_seconds": 3600})}
    made = fal.submit(image_url=upload(fal, content, **lifetime))
    fal.complete(made)
    assert fal.told(made)["images"] == [{"field": "image_url", "fetched": True, "bytes": len(content), "format": kind}]
    assert fal.video(made)["file_size"] > 0
    (uploaded,) = fal.control("uploads", method="GET")
    assert (uploaded["lifetime_seconds"], uploaded["size"], uploaded["downloads"]) == (3600, len(content), 1)


def test_a_picture_can_come_in_the_request_itself(fal: FalClient) -> None:
    made = fal.submit(image_url="data:image/png;base64," + base64.b64encode(picture()).decode())
    fal.complete(made)
    assert fal.told(made)["images"][0]["fetched"]
    assert fal.told(made)["error"] == ""


@pytest.fixture
def bad_pictures(fal: FalClient, httpserver: HTTPServer) -> dict[str, Any]:
    httpserver.expect_request("/403").respond_with_response(Response("expired", 403))
    httpserver.expect_request("/moved").respond_with_response(
        Response(picture(), 302, {"Location": upload(fal, picture())})
    )
    httpserver.expect_request("/there").respond_with_response(Response(picture()))
    return {
        "not there": f"{fal.cdn}/files/unknown/a.png",
        "refused": httpserver.url_for("/403"),
        "redirect": httpserver.url_for("/moved"),
        "nobody listens": "http://127.0.0.1:1/a.png",
        "off the machine": "https://example.com/a.png",
        # It would be answered: what is no loopback address is not asked.
        "any address": f"http://0.0.0.0:{httpserver.port}/there",
        "no picture": upload(fal, b"GIF89a but no picture"),
        "half a picture": upload(fal, picture("JPEG", 200)[:5000]),
        "a page": upload(fal, b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        "data without base64": "data:image/png,abc",
        "data that is no picture": "data:image/png;base64,AAAA",
        "no address": 7,
    }


def test_a_generation_fails_without_its_picture(fal: FalClient, bad_pictures: dict[str, Any]) -> None:
    for why, address in bad_pictures.items():
        made = fal.submit(image_url=address)
        status = [fal.http.get(made["status_url"]).json() for _ in range(3)][-1]
        assert (status["status"], status.get("error_type")) == ("COMPLETED", "bad_request"), why
        result = fal.http.get(made["response_url"])
        assert (result.status_code, result.json()["detail"][0]["loc"]) == (422, ["body", "image_url"]), why
        assert result.headers["x-fal-retryable"] == "false", why
        assert str(address) not in result.text


def test_a_picture_may_lie_anywhere_on_this_machine(fal: FalClient, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/there").respond_with_response(Response(picture()))
    made = fal.submit(tail_image_url=f"http://127.0.0.1:{httpserver.port}/there")
    fal.complete(made)
    assert [(image["field"], image["fetched"]) for image in fal.told(made)["images"]] == [("tail_image_url", True)]


def test_an_upload_keeps_to_its_type_and_its_lifetime(fal: FalClient) -> None:
    ask = {"file_name": "a.png", "content_type": "image/png"}
    begun = fal.http.post("/storage/upload/initiate", json=ask).json()
    assert httpx.get(begun["file_url"], trust_env=False).status_code == 404
    for content_type, status in (("text/html", 403), ("image/png", 200)):
        put = httpx.put(begun["upload_url"], content=b"x", headers={"Content-Type": content_type}, trust_env=False)
        assert put.status_code == status
    got = httpx.get(begun["file_url"], trust_env=False)
    assert (got.status_code, got.content, got.headers["content-type"]) == (200, b"x", "image/png")
    fal.control("uploads", method="DELETE")
    assert httpx.get(begun["file_url"], trust_env=False).status_code == 404


@pytest.mark.parametrize(
    ("query", "body", "status"),
    [
        ("?storage_type=gcs", {"file_name": "a", "content_type": "image/png"}, 400),
        ("", {"file_name": "a"}, 422),
        ("", ["a"], 422),
        ("?storage_type=fal-cdn-v3", {"file_name": "a", "content_type": "image/png"}, 200),
    ],
)
def test_an_upload_begins_as_fals_clients_begin_it(fal: FalClient, query: str, body: Any, status: int) -> None:
    assert fal.http.post(f"/storage/upload/initiate{query}", json=body).status_code == status


def test_a_control_it_does_not_know_is_refused(fal: FalClient) -> None:
    for path, content in (
        ("outcomes", {"vdeo_bytes": 1}),
        ("outcomes", {"video_bytes": 1}),
        ("downloads", {"kind": "explode"}),
        ("requests/none/complete", {}),
    ):
        assert fal.http.post(f"/_control/{path}", json=content).status_code in (400, 404)
    assert fal.control("outcomes", {"video_bytes": 400_000})[0]["video_bytes"] == 400_000


def test_a_fault_of_the_queue_is_a_fault_of_the_queue_alone(fal: FalClient) -> None:
    fal.control("faults", {"path": "/fal-ai/", "status": 503, "times": None})
    assert fal.http.post(MODEL, json={}).status_code == 503
    assert fal.http.get("/.well-known/jwks.json").status_code == 200
