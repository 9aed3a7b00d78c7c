"""What people on call hear: calls of the on-call service, and the notifications that e-mail would bring.

Nothing here asks CloudWatch how an alarm is. A page is heard where the on-call service is called
(local/standins/pager); a notification by a queue that is subscribed to the notify topic for the drill's time, as a
person's address would be.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from infra.alarm_model import Severity
from local import daemons
from tests.stack.deployed import PREFIX, Deployed

_EVERY_SECONDS = 0.25
_QUEUE = "drill-notifications"
_RUNBOOK = "Runbook: "


@dataclass(frozen=True)
class Heard:
    """One message. `alarm` is its name below the stack's prefix, `at` when it arrived, `link` what it says to read."""

    severity: Severity
    alarm: str
    begins: bool
    at: float
    link: str


class Stopped(Exception):
    """The drill was interrupted."""


class Ears:
    """All that is heard while it listens, in order of arrival. Safe from any thread."""

    def __init__(self, stack: Deployed) -> None:
        self._stack = stack
        self._pager = daemons.url(stack.cloud.ports["pager"])
        self._sqs, self._sns = stack.root("sqs"), stack.root("sns")
        self._heard: list[Heard] = []
        self._changed = threading.Condition()
        self._calls_seen = 0
        self._failure: Exception | None = None

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen until the block ends; the subscription goes with it."""
        queue, subscription = self._subscribe()
        httpx.delete(f"{self._pager}/calls", trust_env=False).raise_for_status()
        over = threading.Event()
        thread = threading.Thread(target=self._listen, args=(queue, over), name="ears", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join(10)
            self._sns.unsubscribe(SubscriptionArn=subscription)
            self._sqs.delete_queue(QueueUrl=queue)

    def all(self, since: float = 0.0) -> list[Heard]:
        with self._changed:
            return [heard for heard in self._heard if heard.at >= since]

    def wait(self, alarm: str, *, begins: bool, since: float, seconds: float) -> Heard | None:
        """The first message of the alarm's begin or end after `since`; None when none came in time."""

        def found() -> Heard | None:
            if self._failure is not None:
                raise self._failure
            fits = (h for h in self._heard if h.alarm == alarm and h.begins is begins and h.at >= since)
            return next(fits, None)

        with self._changed:
            self._changed.wait_for(lambda: found() is not None, timeout=max(0.0, seconds))
            return found()

    def stop(self) -> None:
        """Whoever waits, waits no longer: the drill is over."""
        self._fail(Stopped())

    def _fail(self, error: Exception) -> None:
        with self._changed:
            self._failure = error
            self._changed.notify_all()

    def beats(self) -> list[float]:
        """When the outside monitor was called, since the drill began."""
        answer = httpx.get(f"{self._pager}/calls", trust_env=False).raise_for_status()
        return [float(call["at"]) for call in answer.json() if call["path"] == "/heartbeat"]

    def _subscribe(self) -> tuple[str, str]:
        topic = str(self._stack.outputs["notify_topic_arn"])
        arn = topic.replace(":sns:", ":sqs:").rpartition(":")[0] + f":{_QUEUE}"
        allowed = {
            "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage",
            "Resource": arn, "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
        }  # fmt: skip
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        queue = self._sqs.create_queue(QueueName=_QUEUE, Attributes={"Policy": policy})["QueueUrl"]
        made = self._sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, ReturnSubscriptionArn=True)
        return str(queue), str(made["SubscriptionArn"])

    def _listen(self, queue: str, over: threading.Event) -> None:
        while not over.wait(_EVERY_SECONDS):
            try:
                fresh = [*self._pages(), *self._notifications(queue)]
            except Exception as error:  # told to whoever waits: this thread has nobody
                self._fail(error)
                return
            if fresh:
                with self._changed:
                    self._heard = sorted([*self._heard, *fresh], key=lambda heard: heard.at)
                    self._changed.notify_all()

    def _pages(self) -> list[Heard]:
        calls = httpx.get(f"{self._pager}/calls", trust_env=False).raise_for_status().json()
        fresh, self._calls_seen = calls[self._calls_seen :], len(calls)
        return [page(call["message"], float(call["at"])) for call in fresh if call["path"] == "/alarms"]

    def _notifications(self, queue: str) -> list[Heard]:
        answer = self._sqs.receive_message(
            QueueUrl=queue, MaxNumberOfMessages=10, MessageSystemAttributeNames=["SentTimestamp"]
        )
        heard = []
        for message in answer.get("Messages", []):
            sent = float(message["Attributes"]["SentTimestamp"]) / 1000
            heard.append(notification(json.loads(json.loads(message["Body"])["Message"]), sent))
            self._sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return heard


def page(event: Mapping[str, Any], at: float) -> Heard:
    """A call as the on-call service takes it (PagerDuty's Events API v2)."""
    links = [str(link["href"]) for link in event.get("links", [])]
    begins = event["event_action"] == "trigger"
    return Heard(Severity.PAGE, _below_prefix(event["dedup_key"]), begins, at, links[0] if links else "")


def notification(message: Mapping[str, Any], at: float) -> Heard:
    """An alarm's message as SNS brings it to a subscriber."""
    link = str(message["AlarmDescription"]).partition(_RUNBOOK)[2].strip()
    begins = message["NewStateValue"] == "ALARM"
    return Heard(Severity.NOTIFY, _below_prefix(message["AlarmName"]), begins, at, link)


def _below_prefix(name: object) -> str:
    return str(name).removeprefix(f"{PREFIX}-")


def until(condition: Callable[[], bool], seconds: float, every: float = 0.5) -> bool:
    """Whether the condition became true in time."""
    deadline = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < deadline:
        time.sleep(every)
    return met
