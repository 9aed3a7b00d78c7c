"""The journey stops where it fails, says why, and its photograph is one."""

from __future__ import annotations

import io
from collections.abc import Callable

import httpx
import pytest
from PIL import Image
from rich.console import Console

from local.journey.client import Phone, PhoneError, s3_code, told
from local.journey.photograph import HEIGHT, WIDTH, photograph
from local.journey.role_session import Session
from local.journey.steps import Outcome, StepFailed, require, table, walk


def fails(error: Exception) -> Callable[[], str]:
    def step() -> str:
        raise error

    return step


@pytest.mark.parametrize(
    "error",
    [StepFailed("it is another user"), PhoneError("GET /v1/me: 500"), httpx.ConnectError("refused"), KeyError("k")],
)
def test_the_journey_stops_at_the_first_step_that_fails(error: Exception) -> None:
    outcomes = walk([("one", lambda: "seen"), ("two", fails(error)), ("three", lambda: "never")])
    assert [outcome.passed for outcome in outcomes] == [True, False, None]
    assert outcomes[0].detail == "seen"
    assert outcomes[1].detail
    assert outcomes[2].detail == "not reached"


def test_a_fault_of_the_journey_itself_is_not_swallowed() -> None:
    with pytest.raises(ZeroDivisionError):
        walk([("one", fails(ZeroDivisionError()))])


def test_the_table_names_step_status_and_time() -> None:
    console = Console(record=True, width=100, file=io.StringIO())
    console.print(table([Outcome("checks in", True, "10 credits", 12.4), Outcome("is refused", False, "it was 200")]))
    lines = [" ".join(line.split()) for line in console.export_text().splitlines()]
    assert lines == ["step status ms seen", "checks in ✓ 12 10 credits", "is refused ✗ 0 it was 200"]


def test_a_requirement_that_is_met_is_silent() -> None:
    require(True, "never said")
    with pytest.raises(StepFailed, match="said"):
        require(False, "said")


def test_the_photograph_is_a_jpeg_of_some_megabytes_and_always_the_same() -> None:
    made = photograph()
    with Image.open(io.BytesIO(made)) as image:
        image.load()
        assert (image.format, image.size) == ("JPEG", (WIDTH, HEIGHT))
    assert 1_000_000 < len(made) < 8_000_000
    photograph.cache_clear()
    assert photograph() == made
    assert photograph(1, width=80, height=60) != photograph(2, width=80, height=60)


def phone(handler: Callable[[httpx.Request], httpx.Response]) -> Phone:
    made = Phone("http://api/x", "http://apple")
    made.http = httpx.Client(transport=httpx.MockTransport(handler))
    return made


def test_the_phone_tries_again_after_503_and_not_after_401(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.journey.client.time.sleep", lambda _seconds: None)
    answers = iter([503, 429, 200, 401])
    calling = phone(lambda _request: httpx.Response(next(answers), json={}))
    assert calling.patiently("POST", "/v1/device-check").status_code == 200
    assert calling.retries == 2
    assert calling.patiently("POST", "/v1/device-check").status_code == 401


def test_the_phone_waits_as_long_as_it_was_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("local.journey.client.time.sleep", waits.append)
    answers = iter([httpx.Response(503, headers={"Retry-After": "1"}), httpx.Response(200)])
    phone(lambda _request: next(answers)).patiently("GET", "/v1/me")
    assert waits == [1.0]


def test_an_error_names_the_call_and_the_code_and_no_token() -> None:
    made = phone(lambda _request: httpx.Response(403, json={"code": "user_blocked"}))
    made.session = {"session_token": "canary"}
    with pytest.raises(PhoneError, match="403 user_blocked") as caught:
        made.me()
    assert "canary" not in str(caught.value)
    assert "canary" not in repr(made)


def test_codes_are_read_from_json_and_from_s3() -> None:
    refused = httpx.Response(403, text="<Error><Code>AccessDenied</Code></Error>")
    assert (s3_code(refused), told(refused)) == ("AccessDenied", "403 AccessDenied")
    assert told(httpx.Response(401, json={"message": "Unauthorized"})) == "401 Unauthorized"
    assert told(httpx.Response(502, json=[])) == "502"


def test_credentials_are_not_printed() -> None:
    assert "canary" not in repr(Session("http://x", "canary", "canary", "canary"))
