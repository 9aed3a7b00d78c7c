"""A tool of people on call acts on the stack it is told to, and with the credentials of that stack's account alone."""

from __future__ import annotations

from typing import Any, cast

import boto3
import pytest

from local import operations
from local.errors import LocalError, Refused


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
