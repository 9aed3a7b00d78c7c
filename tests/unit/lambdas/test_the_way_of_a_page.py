"""What is told to the on-call service, and when the heartbeat keeps silent."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest

from lambdas.heartbeat.adapters import AwsWay, Settings
from lambdas.heartbeat.logic import faults
from lambdas.page_on_call.logic import NotAnAlarm, call_of
from lambdas.runtime import clients, observability
from lambdas.runtime.errors import DatabaseUnavailable
from lambdas.sweep_videos import handler as sweep_videos
from local.ministack.embedded_metrics import read

MESSAGE = {
    "AlarmName": "rendio-local-MIGRATION-STALLED",
    "AlarmDescription": "Videos wait.\nRunbook: https://example.org/runbooks/MIGRATION-STALLED.md",
    "NewStateValue": "ALARM",
    "NewStateReason": "Threshold Crossed",
}


def test_an_alarm_is_a_call_with_its_symptom_and_its_runbook() -> None:
    event = call_of(json.dumps(MESSAGE)).as_event("key")
    assert event["event_action"] == "trigger"
    assert event["routing_key"] == "key"
    assert event["payload"]["summary"] == "rendio-local-MIGRATION-STALLED: Videos wait."
    assert event["links"] == [{"href": "https://example.org/runbooks/MIGRATION-STALLED.md", "text": "Runbook"}]


def test_its_end_resolves_the_same_incident() -> None:
    began, ended = (call_of(json.dumps(MESSAGE | {"NewStateValue": state})) for state in ("ALARM", "OK"))
    assert (began.action, ended.action) == ("trigger", "resolve")
    assert began.as_event(None)["dedup_key"] == ended.as_event(None)["dedup_key"]
    assert "routing_key" not in began.as_event(None)


@pytest.mark.parametrize("message", ["", "[]", "{}", '{"AlarmName": "x"}'])
def test_what_no_alarm_wrote_is_refused(message: str) -> None:
    with pytest.raises(NotAnAlarm):
        call_of(message)


@dataclass(frozen=True)
class Sound:
    """A way on which a page arrives."""

    alarming: tuple[int, int] = (12, 12)
    subscribed: tuple[int, int] = (2, 0)
    notified: tuple[int, int] = (1, 0)
    kept: int = 0
    flowing: bool = True

    def alarms(self) -> tuple[int, int]:
        return self.alarming

    def subscribers(self, severity: str) -> tuple[int, int]:
        return self.subscribed if severity == "page" else self.notified

    def expected(self, severity: str) -> int:
        return 2 if severity == "page" else 1

    def undelivered(self) -> int:
        return self.kept

    def metrics_flow(self) -> bool:
        return self.flowing


def test_a_sound_way_has_no_faults() -> None:
    assert faults(Sound()) == []


def test_a_subscriber_more_than_the_configuration_asks_for_is_no_fault() -> None:
    """Such as a drill's queue."""
    assert faults(Sound(subscribed=(3, 0), notified=(2, 0))) == []


def test_whoever_unsubscribed_neither_is_a_subscriber_nor_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """SNS goes on listing it for three days; one that the configuration dropped would silence the heartbeat so long."""

    class Sns:
        def get_paginator(self, _operation: str) -> Sns:
            return self

        def paginate(self, TopicArn: str) -> list[dict[str, Any]]:  # noqa: N803  # the API's name
            arns = (f"{TopicArn}:1", "PendingConfirmation", "Deleted")
            return [{"Subscriptions": [{"SubscriptionArn": arn}]} for arn in arns]

    monkeypatch.setattr(clients, "sns", Sns)
    way = AwsWay(Settings("local", "arn:aws:sns:us-east-1:000000000000:page", "notify", "dlq", "secret", 1, 0))
    assert way.subscribers("page") == (1, 1)


def test_what_the_configuration_asks_for_is_told_by_topic() -> None:
    way = AwsWay(Settings("local", "page", "notify", "dlq", "secret", page_subscribers=3, notify_subscribers=1))
    assert (way.expected("page"), way.expected("notify")) == (3, 1)


@pytest.mark.parametrize(
    ("broken", "word"),
    [
        ({"alarming": (12, 11)}, "11 of 12"),
        ({"alarming": (0, 0)}, "0 of 0"),
        ({"subscribed": (0, 0)}, "0 of 2 subscribers of the page topic are confirmed, 0 are not"),
        ({"subscribed": (1, 0)}, "1 of 2 subscribers of the page topic are confirmed, 0 are not"),
        ({"subscribed": (1, 1)}, "1 of 2 subscribers of the page topic are confirmed, 1 are not"),
        ({"subscribed": (2, 1)}, "2 of 2 subscribers of the page topic are confirmed, 1 are not"),
        ({"notified": (0, 0)}, "0 of 1 subscribers of the notify topic are confirmed, 0 are not"),
        ({"notified": (1, 1)}, "1 of 1 subscribers of the notify topic are confirmed, 1 are not"),
        ({"kept": 2}, "2 calls"),
        ({"flowing": False}, "no metric"),
    ],
)
def test_each_break_is_named(broken: dict[str, object], word: str) -> None:
    (fault,) = faults(replace(Sound(), **broken))  # type: ignore[arg-type]  # one field of each case
    assert word in fault


class CloudWatch:
    """Has the metrics of these log lines, as CloudWatch would read them."""

    def __init__(self, lines: str) -> None:
        self.metrics = [metric for line in lines.splitlines() for metric in read(line)]

    def get_metric_statistics(self, **asked: Any) -> dict[str, Any]:
        dimensions = {dimension["Name"]: dimension["Value"] for dimension in asked["Dimensions"]}
        wanted = (asked["Namespace"], asked["MetricName"], dimensions)
        return {"Datapoints": [metric for metric in self.metrics if (metric[0], metric[1], metric[4]) == wanted]}


class Away:
    """A sweeper, and its jobs, whose database is away."""

    def __init__(self) -> None:
        self.jobs = self

    def sweeper(self, _request_id: str) -> Away:
        return self

    def parts(self, **_: Any) -> dict[str, Any]:
        return {"lost_submissions": self.backlog}

    def backlog(self) -> int:
        raise DatabaseUnavailable


def test_metrics_flow_while_the_database_is_away(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """DATABASE-DOWN tells of it; the monitor would tell people to trust no alarm, of the same cause."""
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "sweep_videos")
    observability.log.cache_clear()
    # The service's name is read once a process.
    monkeypatch.setattr(observability, "_metrics", cache(observability._metrics.__wrapped__))
    monkeypatch.setattr(sweep_videos, "_adapters", Away)
    with pytest.raises(sweep_videos.SweepFailed):
        sweep_videos.handler({}, SimpleNamespace(aws_request_id="1"))
    way, written = AwsWay(Settings("local", "page", "notify", "dlq", "secret", 1, 0)), capsys.readouterr().out
    monkeypatch.setattr(clients, "cloudwatch", lambda: CloudWatch(written))
    assert way.metrics_flow()
    monkeypatch.setattr(clients, "cloudwatch", lambda: CloudWatch(""))
    assert not way.metrics_flow()
