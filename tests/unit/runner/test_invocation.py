"""One call of a function: a sleeping one is woken, and what cannot be answered is told as what it is."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from local.errors import LocalError
from local.invocation import PAUSE_SECONDS, WAKING_SECONDS, invoke

NAME = "rendio-dev-restore-videos"
ASLEEP = ("CodeArtifactUserPendingException", "ENINotReadyException", "ResourceNotReadyException",
          "ResourceConflictException")  # fmt: skip


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "It will be ready to invoke shortly."}}, "Invoke")


class Lambda:
    """Fails with each of `failures`, then answers `{"number": …}`, the call's number."""

    def __init__(self, *failures: Exception, answer: Mapping[str, Any] | None = None) -> None:
        self.failures, self.answer = list(failures), answer
        self.heard: list[Any] = []

    def invoke(self, *, FunctionName: str, Payload: bytes) -> Mapping[str, Any]:  # noqa: N803  # boto3's names
        assert FunctionName == NAME
        self.heard.append(json.loads(Payload))
        if self.failures:
            raise self.failures.pop(0)
        return self.answer or {"Payload": io.BytesIO(json.dumps({"number": len(self.heard)}).encode())}


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []
    monkeypatch.setattr("local.invocation.time.sleep", found.append)
    return found


def call(functions: Lambda) -> dict[str, Any]:
    """A call whose payload says how often it was made."""
    made: list[int] = []

    def payload() -> dict[str, Any]:
        made.append(len(made) + 1)
        return {"proof": made[-1]}

    return invoke(lambda: functions, NAME, payload)


@pytest.mark.parametrize("code", ASLEEP)
def test_a_sleeping_function_is_called_until_it_answers(
    code: str, pauses: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    functions = Lambda(refusal(code), refusal(code))

    assert call(functions) == {"number": 3}

    assert functions.heard == [{"proof": 1}, {"proof": 2}, {"proof": 3}], "a proof lasts a minute: each try has its own"
    assert pauses == [PAUSE_SECONDS, PAUSE_SECONDS]
    told = capsys.readouterr()
    assert told.out == "", "standard output is the answer's"
    assert told.err.count("waking up") == 1


def test_a_function_that_does_not_wake_up_is_given_up(pauses: list[float]) -> None:
    functions = Lambda(*[refusal(ASLEEP[0])] * 1000)
    with pytest.raises(LocalError) as told:
        call(functions)
    assert sum(pauses) == WAKING_SECONDS == 120
    assert f"{NAME} does not wake up" in told.value.what
    assert "ready to invoke shortly" in told.value.why
    assert "run it again" in told.value.fix.lower()
    assert NAME in told.value.fix


@pytest.mark.parametrize("code", ["AccessDeniedException", "TooManyRequestsException", "ResourceNotFoundException"])
def test_what_waiting_does_not_mend_is_told_at_once(code: str, pauses: list[float]) -> None:
    functions = Lambda(refusal(code))
    with pytest.raises(LocalError, match="cannot be called") as told:
        call(functions)
    assert isinstance(told.value.__cause__, ClientError)
    assert (len(functions.heard), pauses) == (1, [])


class Silent:
    """An answer that begins and does not end."""

    def read(self) -> bytes:
        raise ReadTimeoutError(endpoint_url="https://lambda.test/")


@pytest.mark.parametrize(
    "functions",
    [Lambda(ReadTimeoutError(endpoint_url="https://lambda.test/")), Lambda(answer={"Payload": Silent()})],
    ids=["no answer", "half an answer"],
)
def test_a_function_that_may_still_be_running_is_told_as_that(functions: Lambda, pauses: list[float]) -> None:
    with pytest.raises(LocalError) as told:
        call(functions)
    assert told.value.what == f"{NAME} has not answered in time."
    assert "may still be running" in told.value.fix
    assert "run it again, it goes on where it was" in told.value.fix
    assert len(functions.heard) == 1, "it is not called beside itself"


def test_a_function_out_of_reach_cannot_be_called(pauses: list[float]) -> None:
    with pytest.raises(LocalError, match="cannot be called"):
        call(Lambda(EndpointConnectionError(endpoint_url="https://lambda.test/")))
