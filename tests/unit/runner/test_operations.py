"""A tool of people on call acts on the stack it is told to, and with the credentials of that stack's account alone."""

from __future__ import annotations

import json
from typing import Any, cast

import boto3
import pytest

from infra.function_catalogue import CATALOGUE
from local import operations
from local.errors import LocalError, Refused
from local.state import REPOSITORY


class Session:
    """In place of boto3's: credentials of one account."""

    def __init__(self, account: str) -> None:
        self._account = account

    def client(self, service: str, **_: Any) -> Session:
        assert service in {"sts", "lambda"}
        return self

    def get_caller_identity(self) -> dict[str, str]:
        return {"Account": self._account}


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_credentials_of_another_account_are_refused(stack: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boto3, "Session", lambda **_: Session("999999999999"))
    with pytest.raises(Refused, match="account 999999999999"):
        operations.function(stack, "backfill-videos")


def test_credentials_of_the_stacks_account_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: dict[str, Any] = {}
    session = cast("boto3.Session", Session("111111111111"))
    monkeypatch.setattr(boto3, "Session", lambda **given: chosen.update(given) or session)
    operations.function("dev", "backfill-videos")
    assert chosen == {"region_name": "us-east-1"}


@pytest.mark.parametrize("stack", ["nowhere", "../dev", ""])
def test_a_stack_that_is_none_is_named(stack: str) -> None:
    with pytest.raises(LocalError, match="There is no stack"):
        operations.function(stack, "backfill-videos")


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_a_profile_that_there_is_not_is_told_as_a_missing_login(stack: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    for ask in (operations.function, operations.client, operations.person):
        with pytest.raises(LocalError, match="AWS does not know who you are") as told:
            ask(stack, "sns")
        assert "nobody" in told.value.why
        assert "AWS_PROFILE" in told.value.fix


def test_a_client_is_more_patient_than_any_function_that_people_call() -> None:
    """A cold start comes on top of a function's limit; who gives up sooner never hears how it ended."""
    callable_by_people = set()
    for role in ("operator", "on-call"):
        document = json.loads((REPOSITORY / f"policies/previews/prod/roles/{role}/access.json").read_text())
        for statement in document["Statement"]:
            if "lambda:InvokeFunction" in statement["Action"]:
                named = statement["Resource"]
                callable_by_people |= {
                    arn.rpartition("rendio-prod-")[2] for arn in ([named] if isinstance(named, str) else named)
                }
    limits = {spec.id.replace("_", "-"): spec.timeout for spec in CATALOGUE}
    assert callable_by_people <= limits.keys()
    assert {"restore-videos", "redrive-dead-letters", "backfill-videos", "ask-database"} <= callable_by_people
    assert max(limits[name] for name in callable_by_people) + 30 <= operations.READ_SECONDS
