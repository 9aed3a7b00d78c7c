"""Who gets a stack's alarms: an e-mail address does once its owner followed the link in the mail that SNS sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.table import Table

from local.errors import LocalError

TOPICS = ("page", "notify")


@dataclass(frozen=True)
class Subscription:
    """Whom a topic tells, and whether that was confirmed. `endpoint` is an address, or an ARN of our own."""

    topic: str
    protocol: str
    endpoint: str
    confirmed: bool


def of(sns: Any, stack: str) -> list[Subscription]:
    """The subscriptions of the stack's topics, those that wait first.

    Raises:
        LocalError: they cannot be listed.
    """
    topics = {f"rendio-{stack}-{topic}": topic for topic in TOPICS}
    try:
        listed = [each for page in sns.get_paginator("list_subscriptions").paginate() for each in page["Subscriptions"]]
    except (BotoCoreError, ClientError) as error:
        raise LocalError(
            "The subscriptions cannot be listed.", why=str(error), fix="May you call sns:ListSubscriptions?"
        ) from error
    found = [
        Subscription(topics[name], each["Protocol"], each["Endpoint"], each["SubscriptionArn"].startswith("arn:"))
        for each in listed
        if (name := str(each["TopicArn"]).rpartition(":")[2]) in topics
    ]
    return sorted(found, key=lambda each: (each.confirmed, TOPICS.index(each.topic), each.endpoint))


def show(found: Sequence[Subscription], console: Console) -> None:
    """All of them, and what to do about those that wait."""
    table = Table("topic", "by", "to", "state", box=None, pad_edge=False, header_style="bold")
    for each in found:
        state = "confirmed" if each.confirmed else "[red]waits for its confirmation[/red]"
        table.add_row(each.topic, each.protocol, each.endpoint, state)
    console.print(table)
    warn(found, console)


def warn(found: Sequence[Subscription], console: Console) -> None:
    """Name each that waits; nothing when none does."""
    for each in found:
        if not each.confirmed:
            told = f"{each.endpoint} gets no alarm of topic {each.topic} yet"
            console.print(f"{told}: follow the link in the mail that SNS sent there.", style="red")
