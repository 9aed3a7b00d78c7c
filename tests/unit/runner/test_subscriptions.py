"""Who never confirmed that he gets alarms is named, whichever topic it is."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console
from typer.testing import CliRunner

from local import cli_on_call, operations, questions, subscriptions
from local.subscriptions import Subscription

_ARN = "arn:aws:sns:us-east-1:222222222222:"
PAGER = "arn:aws:lambda:us-east-1:222222222222:function:rendio-prod-page-on-call"
LISTED = [
    ("rendio-prod-page", "lambda", PAGER, f"{_ARN}rendio-prod-page:1"),
    ("rendio-prod-notify", "email", "late@example.org", "PendingConfirmation"),
    ("rendio-prod-notify", "email", "ready@example.org", f"{_ARN}rendio-prod-notify:2"),
    ("rendio-dev-page", "email", "other@example.org", "PendingConfirmation"),
    ("someone-elses", "email", "other@example.org", "PendingConfirmation"),
]


class Sns:
    """Lists subscriptions of the whole account, a page for each."""

    def __init__(self, listed: list[tuple[str, str, str, str]] = LISTED) -> None:
        self.listed = listed

    def get_paginator(self, _operation: str) -> Sns:
        return self

    def paginate(self) -> list[dict[str, Any]]:
        return [
            {"Subscriptions": [{"TopicArn": _ARN + t, "Protocol": p, "Endpoint": e, "SubscriptionArn": arn}]}
            for t, p, e, arn in self.listed
        ]


@pytest.fixture
def asked(tmp_path: Path) -> Path:
    """A repository whose stack asks for a mail to each of the two."""
    on_call = {"page_endpoints": [], "notify_endpoints": ["late@example.org", "Ready@example.org"]}
    (tmp_path / "Pulumi.prod.yaml").write_text(yaml.safe_dump({"config": {"rendio:on_call": on_call}}))
    return tmp_path


def told(found: list[Subscription]) -> list[str]:
    text = io.StringIO()
    subscriptions.warn(found, Console(file=text, width=200), "prod")
    return text.getvalue().splitlines()


def test_those_of_the_stack_are_found_and_those_that_wait_come_first(asked: Path) -> None:
    assert subscriptions.of(Sns(), "prod", repository=asked) == [
        Subscription("notify", "email", "late@example.org", confirmed=False),
        Subscription("page", "lambda", PAGER, confirmed=True),
        Subscription("notify", "email", "ready@example.org", confirmed=True),
    ]


def test_who_waits_is_warned_of_by_name_and_nobody_else_is(asked: Path) -> None:
    assert told(subscriptions.of(Sns(), "prod", repository=asked)) == [
        "late@example.org gets no alarm of topic notify yet: follow the link in the mail that SNS sent there."
    ]


def test_who_is_asked_for_and_not_subscribed_is_named(asked: Path) -> None:
    """SNS forgets an address that nobody confirmed in two days, and one whose owner unsubscribed."""
    found = subscriptions.of(Sns(LISTED[3:]), "prod", repository=asked)
    assert [(each.topic, each.endpoint, each.confirmed) for each in found] == [
        ("page", "rendio-prod-page-on-call", False),
        ("notify", "Ready@example.org", False),
        ("notify", "late@example.org", False),
    ]
    assert told(found)[1] == (
        "Ready@example.org gets no alarm of topic notify: it is not subscribed."
        " `pulumi up --refresh -s prod` subscribes it."
    )


def test_who_unsubscribed_does_not_wait_though_sns_lists_him(asked: Path) -> None:
    gone = [("rendio-prod-notify", "email", to, "Deleted") for to in ("late@example.org", "nobody@example.org")]
    found = subscriptions.of(Sns([LISTED[0], LISTED[2], *gone]), "prod", repository=asked)
    assert [(each.endpoint, each.listed) for each in found if not each.confirmed] == [("late@example.org", False)]


def test_an_address_counts_for_the_topic_that_it_is_asked_for(asked: Path) -> None:
    page = [("rendio-prod-page", "email", "ready@example.org", f"{_ARN}rendio-prod-page:3")]
    found = subscriptions.of(Sns([*LISTED[:2], *page]), "prod", repository=asked)
    assert ("notify", "Ready@example.org") in [(each.topic, each.endpoint) for each in found if not each.confirmed]


def test_the_command_looks_as_the_role_on_call_and_fails_while_one_is_missing(
    monkeypatch: pytest.MonkeyPatch, asked: Path
) -> None:
    class Reader:
        def client(self, service: str) -> Sns:
            assert service == "sns"
            return Sns(listed)

    def person(stack: str, role: str) -> Reader:
        assert (stack, role) == ("prod", questions.ROLE)
        return Reader()

    listed = [LISTED[0], LISTED[2], ("rendio-prod-notify", "email", "late@example.org", f"{_ARN}rendio-prod-notify:4")]
    monkeypatch.setattr(operations, "person", person)
    monkeypatch.setattr(subscriptions, "REPOSITORY", asked)
    command = ["subscriptions", "--stack", "prod"]
    assert CliRunner().invoke(cli_on_call.app, command).exit_code == 0
    listed.pop()
    assert CliRunner().invoke(cli_on_call.app, command).exit_code == 1
