"""Who never confirmed that he gets alarms is named, whichever topic it is."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from local import subscriptions
from local.subscriptions import Subscription

_ARN = "arn:aws:sns:us-east-1:222222222222:"
LISTED = [
    ("rendio-prod-page", "lambda", f"{_ARN}f", f"{_ARN}rendio-prod-page:1"),
    ("rendio-prod-notify", "email", "late@example.org", "PendingConfirmation"),
    ("rendio-prod-notify", "email", "ready@example.org", f"{_ARN}rendio-prod-notify:2"),
    ("rendio-dev-page", "email", "other@example.org", "PendingConfirmation"),
    ("someone-elses", "email", "other@example.org", "PendingConfirmation"),
]


class Sns:
    """Lists subscriptions of the whole account, a page for each."""

    def get_paginator(self, _operation: str) -> Sns:
        return self

    def paginate(self) -> list[dict[str, Any]]:
        return [
            {"Subscriptions": [{"TopicArn": _ARN + t, "Protocol": p, "Endpoint": e, "SubscriptionArn": arn}]}
            for t, p, e, arn in LISTED
        ]


def test_those_of_the_stack_are_found_and_those_that_wait_come_first() -> None:
    assert subscriptions.of(Sns(), "prod") == [
        Subscription("notify", "email", "late@example.org", confirmed=False),
        Subscription("page", "lambda", f"{_ARN}f", confirmed=True),
        Subscription("notify", "email", "ready@example.org", confirmed=True),
    ]


def test_who_waits_is_warned_of_by_name_and_nobody_else_is() -> None:
    told = io.StringIO()
    subscriptions.warn(subscriptions.of(Sns(), "prod"), Console(file=told, width=200))
    assert told.getvalue().splitlines() == [
        "late@example.org gets no alarm of topic notify yet: follow the link in the mail that SNS sent there."
    ]
