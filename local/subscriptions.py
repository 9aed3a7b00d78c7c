"""Who gets a stack's alarms: an e-mail address does once its owner followed the link in the mail that SNS sent.

SNS deletes a subscription that nobody confirmed within 48 hours, and one whose owner unsubscribed (SNS Developer
Guide). So what it lists is compared with what the stack's file asks for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.table import Table

from local import stack_config
from local.errors import LocalError
from local.state import REPOSITORY, STACK

TOPICS = ("page", "notify")
PAGER = "page-on-call"
_GONE = "Deleted"  # listed for three days after somebody unsubscribed


@dataclass(frozen=True)
class Subscription:
    """Whom a topic tells, and whether that was confirmed. `endpoint` is an address, or an ARN of our own.

    One that the stack's file asks for and SNS does not list is not `listed`; of a function, the name is then known.
    """

    topic: str
    protocol: str
    endpoint: str
    confirmed: bool
    listed: bool = True


def of(sns: Any, stack: str, *, repository: Path | None = None) -> list[Subscription]:
    """The subscriptions of the stack's topics and those that are missing; first those that tell nobody.

    Raises:
        LocalError: they cannot be listed, or the stack's file cannot be read.
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
        if (name := str(each["TopicArn"]).rpartition(":")[2]) in topics and each["SubscriptionArn"] != _GONE
    ]
    wanted = _wanted(stack, REPOSITORY if repository is None else repository)
    found += [each for each in wanted if not any(_tells(other, each) for other in found)]
    return sorted(found, key=lambda each: (each.confirmed, TOPICS.index(each.topic), each.endpoint))


def show(found: Sequence[Subscription], console: Console, stack: str) -> None:
    """All of them, and what to do about those that tell nobody."""
    table = Table("topic", "by", "to", "state", box=None, pad_edge=False, header_style="bold")
    for each in found:
        state = "waits for its confirmation" if each.listed else "is not subscribed"
        state = "confirmed" if each.confirmed else f"[red]{state}[/red]"
        table.add_row(each.topic, each.protocol, each.endpoint, state)
    console.print(table)
    warn(found, console, stack)


def warn(found: Sequence[Subscription], console: Console, stack: str) -> None:
    """Name each that waits or is missing; nothing when none does."""
    for each in found:
        if each.confirmed:
            continue
        told = f"{each.endpoint} gets no alarm of topic {each.topic}"
        if each.listed:
            console.print(f"{told} yet: follow the link in the mail that SNS sent there.", style="red")
        else:
            mend = "make up" if stack == STACK else f"pulumi up --refresh -s {stack}"
            console.print(f"{told}: it is not subscribed. `{mend}` subscribes it.", style="red")


def _wanted(stack: str, repository: Path) -> list[Subscription]:
    """Whom the stack's file asks for (infra/on_call.py subscribes them), as if none were listed."""
    on_call = stack_config.read(repository / f"Pulumi.{stack}.yaml").get("config", {}).get("rendio:on_call", {})
    mails = [(topic, address) for topic in TOPICS for address in on_call.get(f"{topic}_endpoints") or []]
    asked = [("page", "lambda", f"rendio-{stack}-{PAGER}"), *((topic, "email", address) for topic, address in mails)]
    return [Subscription(topic, by, str(to), confirmed=False, listed=False) for topic, by, to in asked]


def _tells(found: Subscription, wanted: Subscription) -> bool:
    """Whether it is the one that is asked for. SNS may write an address in its own way."""
    name = found.endpoint.rpartition(":")[2].casefold()
    return (found.topic, found.protocol, name) == (wanted.topic, wanted.protocol, wanted.endpoint.casefold())
