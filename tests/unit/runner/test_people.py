"""A person on call stays the role for as long as a command lasts, and each call carries a proof of its own."""

from __future__ import annotations

import datetime as dt
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
import time_machine
from botocore.exceptions import ClientError

from local import operations
from local.errors import Refused
from local.people import Person

BEGIN = dt.datetime(2026, 11, 25, 8, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)


class Aws:
    """STS and Lambda: gives sessions `session-1`, `session-2`… and lets those in that have not ended."""

    def __init__(self, *, session: dt.timedelta, acting: str = "user/someone") -> None:
        self._session, self._arn = session, f"arn:aws:iam::111111111111:{acting}"
        self.ends: dict[str, dt.datetime] = {}
        self.refusal = ""
        self.asleep_until = BEGIN
        self.denied = False
        self.invoked: list[str] = []

    def new_client(self, service: str, **credentials: str) -> Any:
        token = credentials.get("aws_session_token", "")
        return Sts(self, token) if service == "sts" else Functions(self, token)

    def assume(self) -> dict[str, Any]:
        if self.refusal:
            raise ClientError({"Error": {"Code": self.refusal, "Message": "no"}}, "AssumeRole")
        token = f"session-{len(self.ends) + 1}"
        self.ends[token] = dt.datetime.now(dt.UTC) + self._session
        keys = {"AccessKeyId": f"ASIA{token}", "SecretAccessKey": "secret", "SessionToken": token}
        return {"Credentials": {**keys, "Expiration": self.ends[token]}}

    def identity(self) -> dict[str, str]:
        return {"Arn": self._arn, "Account": "111111111111"}

    def person(self) -> Person:
        return Person("dev", "operator", self.new_client)


class Sts:
    def __init__(self, aws: Aws, token: str) -> None:
        keys = {"aws_access_key_id": "ASIA", "aws_secret_access_key": "secret", "aws_session_token": token}
        self._aws, self._real = aws, boto3.client("sts", region_name="us-east-1", **keys)
        self.meta, self.generate_presigned_url = self._real.meta, self._real.generate_presigned_url

    def get_caller_identity(self) -> dict[str, str]:
        return self._aws.identity()

    def assume_role(self, **_: Any) -> dict[str, Any]:
        return self._aws.assume()


class Functions:
    def __init__(self, aws: Aws, token: str) -> None:
        self._aws, self._token = aws, token

    def invoke(self, **asked: Any) -> dict[str, Any]:
        if self._aws.denied:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "Invoke")
        if dt.datetime.now(dt.UTC) < self._aws.asleep_until:
            raise ClientError({"Error": {"Code": "CodeArtifactUserPendingException", "Message": "shortly"}}, "Invoke")
        if self._token and dt.datetime.now(dt.UTC) >= self._aws.ends[self._token]:
            raise ClientError({"Error": {"Code": "ExpiredTokenException", "Message": "expired"}}, "Invoke")
        self._aws.invoked.append(self._token)
        return {"Payload": Body(asked["Payload"])}


class Body:
    """Answers what was asked."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def read(self) -> bytes:
        return self._content


def signed_by(answer: dict[str, Any]) -> str:
    """The session whose proof a call carried."""
    (token,) = parse_qs(urlsplit(str(answer["caller"])).query)["X-Amz-Security-Token"]
    return token


def test_a_command_that_lasts_hours_stays_the_role() -> None:
    aws = Aws(session=60 * MINUTE)
    person = aws.person()
    with time_machine.travel(BEGIN, tick=False) as clock:
        for _ in range(3 * 60):
            answer = person.call("redrive-dead-letters", {})
            assert signed_by(answer) == aws.invoked[-1]
            clock.shift(MINUTE)
    assert len(aws.ends) == 4, "it is renewed a quarter of an hour before its end, and not at each call"


def test_a_back_fill_of_hours_stays_the_role(monkeypatch: pytest.MonkeyPatch) -> None:
    aws = Aws(session=60 * MINUTE)
    monkeypatch.setattr(operations, "_clients", lambda _: aws.new_client)
    with time_machine.travel(BEGIN, tick=False) as clock:
        invoke = operations.function("dev", "backfill-videos", role="operator")
        for _ in range(3 * 60):
            assert invoke({"limit": 1}) == {"limit": 1}
            clock.shift(MINUTE)
    assert len(aws.ends) == 4


def test_a_short_session_is_renewed_while_it_still_lasts() -> None:
    aws = Aws(session=2 * MINUTE)
    person = aws.person()
    with time_machine.travel(BEGIN, tick=False) as clock:
        for _ in range(10):
            person.call("restore-videos", {})
            clock.shift(MINUTE)


def test_a_login_that_ended_meanwhile_is_told_as_that() -> None:
    aws = Aws(session=60 * MINUTE)
    person = aws.person()
    with time_machine.travel(BEGIN, tick=False) as clock:
        person.call("restore-videos", {})
        aws.refusal = "ExpiredToken"
        clock.shift(48 * MINUTE)
        person.call("restore-videos", {})  # the session still lasts, and the login may come back
        clock.shift(5 * MINUTE)
        with pytest.raises(Refused, match="Log in again, and run the same command again"):
            person.call("restore-videos", {})


def test_whom_the_stack_does_not_name_is_told_that() -> None:
    aws = Aws(session=60 * MINUTE)
    aws.refusal = "AccessDenied"
    with pytest.raises(Refused, match="The stack's file names who may"):
        aws.person().call("restore-videos", {})


def test_who_may_not_call_a_function_is_told_that() -> None:
    aws = Aws(session=60 * MINUTE)
    aws.denied = True
    with pytest.raises(Refused, match="rendio-dev-operator may not call rendio-dev-ask-database"):
        aws.person().call("ask-database", {})


def test_a_shell_that_is_the_role_already_keeps_its_own_session() -> None:
    aws = Aws(session=60 * MINUTE, acting="assumed-role/rendio-dev-operator/someone")
    aws.person().call("restore-videos", {})
    assert (aws.ends, aws.invoked) == ({}, [""])


def test_a_person_waits_for_a_sleeping_function_and_proves_itself_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    aws = Aws(session=60 * MINUTE)
    with time_machine.travel(BEGIN, tick=False) as clock:
        monkeypatch.setattr("local.invocation.time.sleep", lambda seconds: clock.shift(seconds))
        aws.asleep_until = BEGIN + dt.timedelta(seconds=90)
        answer = aws.person().call("ask-database", {})
    signed_at = parse_qs(urlsplit(str(answer["caller"])).query)["X-Amz-Date"]
    assert signed_at == ["20261125T080130Z"]
