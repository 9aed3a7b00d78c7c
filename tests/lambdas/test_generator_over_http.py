"""fal.ai over real HTTP: each answer told apart, each call ended in time, nothing of it in a log or an error."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from lambdas.runtime.fal_calls import CallFailed, FalCalls, GeneratorMisconfigured, GeneratorUnavailable
from lambdas.runtime.generator import (
    Fal,
    FalStorage,
    Generation,
    GenerationRefused,
    Stage,
    SubmissionAmbiguous,
)
from tests.lambdas.videos import Key

APPLICATION, ID = "fal-ai/minimax", "0d9a8f2e"
STATUS, RESULT = f"/{APPLICATION}/requests/{ID}/status", f"/{APPLICATION}/requests/{ID}"
VIDEO = {"video": {"url": "https://v3.fal.media/files/x.mp4", "content_type": "video/mp4"}}
COMPLETED = {"status": "COMPLETED", "request_id": ID}


@pytest.fixture
def key() -> Any:
    return Key("id:canary-of-the-key")


class Replaced(Key):
    """A key that its keeper has known for a while, and that was replaced."""

    def __init__(self, old: str, new: str) -> None:
        super().__init__(old)
        self._new = new

    def forget(self) -> None:
        self.key = self._new


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was counted for the stack."""
    found: list[str] = []
    monkeypatch.setattr("lambdas.runtime.fal_calls.count_for_stack", found.append)
    return found


@pytest.fixture
def fal(httpserver: HTTPServer, key: Any) -> Fal:
    return Fal(queue_url=httpserver.url_for(""), key=key)


def failed(code: str) -> Generation:
    return Generation(Stage.FAILED, error_code=code)


class TestLooking:
    @pytest.mark.parametrize(
        ("status", "seen"),
        [
            ({"status": "IN_QUEUE", "queue_position": 3}, Generation(Stage.QUEUED)),
            ({"status": "IN_PROGRESS"}, Generation(Stage.PROCESSING)),
            ({**COMPLETED, "error": "boom", "error_type": "internal_error"}, failed("generation_failed")),
            ({**COMPLETED, "error": "boom"}, failed("generation_failed")),
            ({**COMPLETED, "error": "slow", "error_type": "request_timeout"}, failed("generation_timed_out")),
            ({**COMPLETED, "error": "no", "error_type": "bad_request"}, failed("input_refused")),
        ],
    )
    def test_a_status_says_it_all_until_it_is_completed(
        self, fal: Fal, httpserver: HTTPServer, status: dict[str, Any], seen: Generation
    ) -> None:
        httpserver.expect_request(STATUS).respond_with_json(status)
        assert fal.look(APPLICATION, ID) == seen

    @pytest.mark.parametrize("status", ["PENDING", "completed", "", None, 1])
    def test_an_unknown_status_is_no_verdict(self, fal: Fal, httpserver: HTTPServer, status: Any) -> None:
        httpserver.expect_request(STATUS).respond_with_json({"status": status})
        with pytest.raises(GeneratorUnavailable):
            fal.look(APPLICATION, ID)

    @pytest.mark.parametrize(
        ("status", "body", "headers", "seen"),
        [
            (200, VIDEO, {}, Generation(Stage.COMPLETED, video_url="https://v3.fal.media/files/x.mp4")),
            (200, {}, {}, failed("no_video")),
            (200, {"video": None}, {}, failed("no_video")),
            (200, {"video": {"url": "file:///etc/passwd"}}, {}, failed("no_video")),
            (200, {"video": {"url": "https://x/" + "y" * 3000}}, {}, failed("no_video")),
            (422, {"detail": [{"loc": ["body"], "msg": "m", "type": "image_too_small"}]}, {}, failed("input_refused")),
            (422, {"detail": [{"type": "content_policy_violation"}]}, {}, failed("content_refused")),
            (422, {"detail": "a text"}, {}, failed("input_refused")),
            (422, {"detail": [{"type": "file_download_error"}]}, {}, failed("generation_failed")),
            (400, {"detail": [{"type": "downstream_service_error"}]}, {}, failed("generation_failed")),
            (504, {"detail": [{"type": "generation_timeout"}], "error_type": "x"}, {}, failed("generation_timed_out")),
            (500, {"detail": "m"}, {"X-Fal-Error-Type": "runner_server_error"}, failed("generation_failed")),
            (504, {"detail": "m", "error_type": "request_timeout"}, {}, failed("generation_timed_out")),
        ],
    )
    def test_a_completed_one_is_a_video_or_a_failure(
        self, fal: Fal, httpserver: HTTPServer, status: int, body: Any, headers: dict[str, str], seen: Generation
    ) -> None:
        httpserver.expect_request(STATUS).respond_with_json(COMPLETED)
        httpserver.expect_request(RESULT).respond_with_json(body, status=status, headers=headers)
        assert fal.look(APPLICATION, ID) == seen
        assert fal.collect(APPLICATION, ID) == seen

    @pytest.mark.parametrize(
        ("detail", "seen"),
        [
            ([{"type": "content_policy_violation"}], failed("content_refused")),
            ([{"type": "image_too_small"}], failed("input_refused")),
            ([{"type": "file_download_error"}], failed("generation_failed")),
        ],
    )
    def test_a_status_that_names_no_kind_leaves_the_verdict_to_the_result(
        self, fal: Fal, httpserver: HTTPServer, detail: Any, seen: Generation
    ) -> None:
        httpserver.expect_request(STATUS).respond_with_json({**COMPLETED, "error": "Unprocessable Entity"})
        httpserver.expect_request(RESULT).respond_with_json({"detail": detail}, status=422)
        assert fal.look(APPLICATION, ID) == seen
        assert fal.collect(APPLICATION, ID) == seen

    def test_a_failure_that_was_asked_for_too_early_is_no_refusal(self, fal: Fal, httpserver: HTTPServer) -> None:
        httpserver.expect_request(RESULT).respond_with_json({"detail": "Request is still in progress"}, status=400)
        httpserver.expect_request(STATUS).respond_with_json({**COMPLETED, "error": "m", "error_type": "internal_error"})
        assert fal.collect(APPLICATION, ID) == failed("generation_failed")

    @pytest.mark.parametrize("status", [301, 404, 408, 429, 500, 502, 503])
    def test_what_may_pass_is_no_verdict(self, fal: Fal, httpserver: HTTPServer, status: int) -> None:
        httpserver.expect_request(RESULT).respond_with_data("later", status=status)
        httpserver.expect_ordered_request(STATUS).respond_with_json(COMPLETED)
        with pytest.raises(GeneratorUnavailable) as error:
            fal.look(APPLICATION, ID)
        assert type(error.value) is GeneratorUnavailable

    def test_one_that_is_said_to_have_ended_and_has_not_goes_on(self, fal: Fal, httpserver: HTTPServer) -> None:
        httpserver.expect_request(RESULT).respond_with_json({"detail": "Request is still in progress"}, status=400)
        httpserver.expect_request(STATUS).respond_with_json({"status": "IN_PROGRESS"})
        assert fal.collect(APPLICATION, ID) == Generation(Stage.PROCESSING)

    def test_a_request_id_is_part_of_one_path_and_no_other(self, fal: Fal, httpserver: HTTPServer) -> None:
        httpserver.expect_request("/fal-ai/minimax/requests/..%2F..%2Fx/status").respond_with_json({})
        httpserver.expect_request(STATUS).respond_with_json({"status": "IN_QUEUE"})
        with pytest.raises(GeneratorUnavailable):
            fal.look(APPLICATION, f"{ID}/../{ID}")


class TestSubmitting:
    @pytest.mark.parametrize(
        ("status", "body", "error"),
        [
            (400, {"detail": "no"}, GenerationRefused),
            (422, {"detail": []}, GenerationRefused),
            (429, {}, GeneratorUnavailable),
            (503, {}, GeneratorUnavailable),
            (500, {"error_type": "internal_error"}, GeneratorUnavailable),
            (401, {}, GeneratorMisconfigured),
            (402, {}, GeneratorMisconfigured),
            (403, {}, GeneratorMisconfigured),
            (404, {}, GeneratorMisconfigured),
            (408, {}, SubmissionAmbiguous),
            (500, {}, SubmissionAmbiguous),
            (502, {}, SubmissionAmbiguous),
            (504, {}, SubmissionAmbiguous),
            (200, {}, SubmissionAmbiguous),
            (200, {"request_id": 1}, SubmissionAmbiguous),
            (200, {"request_id": "x" * 129}, SubmissionAmbiguous),
            (302, {}, SubmissionAmbiguous),
        ],
    )
    def test_a_submission_was_taken_or_not_or_nobody_knows(
        self, fal: Fal, httpserver: HTTPServer, status: int, body: Any, error: type[Exception]
    ) -> None:
        httpserver.expect_request("/fal-ai/x").respond_with_json(body, status=status, headers={"Location": "/y"})
        with pytest.raises(error) as raised:
            fal.submit("fal-ai/x", {}, webhook="https://api.test/w", lifetime_seconds=9)
        assert type(raised.value) is error

    @pytest.mark.parametrize(("status", "counted"), [(401, 1), (402, 1), (403, 1), (404, 1), (429, 0), (503, 0)])
    def test_a_refusal_that_is_ours_is_counted_for_the_alarm(
        self, fal: Fal, httpserver: HTTPServer, counts: list[str], status: int, counted: int
    ) -> None:
        httpserver.expect_request("/fal-ai/x").respond_with_json({}, status=status)
        with pytest.raises(GeneratorUnavailable):
            fal.submit("fal-ai/x", {}, webhook="https://api.test/w", lifetime_seconds=9)
        assert counts == ["GeneratorRefusesUs"] * counted

    def test_a_key_that_was_replaced_costs_no_order(self, httpserver: HTTPServer, counts: list[str]) -> None:
        key: Any = Replaced("id:old", "id:new")  # stands in for a Secret
        httpserver.expect_request("/fal-ai/x", headers={"Authorization": "Key id:new"}).respond_with_json(
            {"request_id": "r1"}
        )
        httpserver.expect_request("/fal-ai/x").respond_with_json({}, status=401)
        fal = Fal(queue_url=httpserver.url_for(""), key=key)
        assert fal.submit("fal-ai/x", {}, webhook="https://api.test/w", lifetime_seconds=9) == "r1"
        assert counts == []

    def test_a_taken_one_says_where_to_call_back_and_how_long_to_keep(self, fal: Fal, httpserver: HTTPServer) -> None:
        seen: list[Request] = []

        def answer(request: Request) -> Response:
            seen.append(request)
            return Response(json.dumps({"request_id": "r1"}), content_type="application/json")

        httpserver.expect_request("/fal-ai/x/y", method="POST").respond_with_handler(answer)
        webhook = "https://api.test/v1/webhooks/fal?job_id=1"
        assert fal.submit("fal-ai/x/y", {"prompt": "p"}, webhook=webhook, lifetime_seconds=604_800) == "r1"
        assert seen[0].args["fal_webhook"] == webhook
        assert json.loads(seen[0].headers["X-Fal-Object-Lifecycle-Preference"]) == {
            "expiration_duration_seconds": 604_800
        }
        assert seen[0].headers["Authorization"] == "Key id:canary-of-the-key"


class TestUploading:
    @pytest.mark.parametrize(
        "given",
        [{}, {"upload_url": 1, "file_url": "http://x"}, {"upload_url": "file:///x", "file_url": "http://x"}, []],
    )
    def test_an_upload_that_cannot_begin_is_an_outage(self, httpserver: HTTPServer, key: Any, given: Any) -> None:
        httpserver.expect_request("/storage/upload/initiate").respond_with_json(given)
        storage = FalStorage(storage_url=httpserver.url_for(""), key=key)
        with pytest.raises(GeneratorUnavailable):
            storage.upload(b"x", content_type="image/png", file_name="i.png", lifetime_seconds=9)

    def test_nothing_goes_by_plain_http_when_the_generator_has_https(self, key: Any) -> None:
        storage = FalStorage(storage_url="https://rest.fal.test", key=key)
        assert storage._is_address("https://v3.fal.media/x")
        assert not storage._is_address("http://v3.fal.media/x")


@contextmanager
def peer(speak: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that accepts and then does as `speak` says, until it is left alone."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            try:
                connection, _ = listening.accept()
                with connection:
                    speak(connection)
            except OSError:
                pass

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def silence(connection: socket.socket) -> None:
    time.sleep(3)


def drip_of_headers(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for number in range(30):
        connection.sendall(f"X-{number}: y\r\n".encode())
        time.sleep(0.1)  # the trouble itself


def drip_of_body(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n")
    for _ in range(30):
        connection.sendall(b" ")
        time.sleep(0.1)  # the trouble itself


@pytest.mark.parametrize("speak", [silence, drip_of_headers, drip_of_body])
def test_a_call_ends_in_time_whatever_the_other_side_does(key: Any, speak: Callable[[socket.socket], None]) -> None:
    with peer(speak) as url:
        began = time.monotonic()
        with pytest.raises(CallFailed) as error:
            FalCalls(key).json("GET", url, seconds=0.4)
        assert time.monotonic() - began < 0.9
        assert error.value.sent


def test_a_peer_that_was_not_reached_was_sent_nothing(key: Any) -> None:
    with pytest.raises(CallFailed) as error:
        FalCalls(key).json("POST", "http://127.0.0.1:1/x", body={}, seconds=1)
    assert not error.value.sent


def test_nothing_of_a_call_is_in_its_error(key: Any, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/fal-ai/x").respond_with_data("canary-of-the-answer", status=500)
    fal = Fal(queue_url=httpserver.url_for(""), key=key)
    with pytest.raises(SubmissionAmbiguous) as error:
        fal.submit("fal-ai/x", {"prompt": "canary-of-the-prompt"}, webhook="https://canary/w", lifetime_seconds=1)
    assert "canary" not in repr(error.value) + str(error.value.__cause__)
    with pytest.raises(CallFailed) as unreached:
        FalCalls(key).json("GET", "http://127.0.0.1:1/canary", seconds=1)
    assert "canary" not in repr(unreached.value) + str(unreached.value.__cause__)
