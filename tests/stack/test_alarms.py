"""Real faults reach the on-call service as pages, with the runbook's link, by the way every page takes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from local import daemons, subscriptions
from local.insights import ask
from tests.stack.deployed import PREFIX, Deployed, eventually


def calls(stack: Deployed) -> list[dict[str, Any]]:
    answer = httpx.get(f"{pager(stack)}/calls", trust_env=False)
    return list(answer.json())


def pager(stack: Deployed) -> str:
    return daemons.url(stack.cloud.ports["pager"])


def page(stack: Deployed, alarm: str) -> dict[str, Any] | None:
    """The call that begins an incident of `alarm`, if it came."""
    begun = [
        call["message"]
        for call in calls(stack)
        if call["path"] == "/alarms" and call["message"].get("event_action") == "trigger"
    ]
    return next((event for event in begun if event["dedup_key"] == f"{PREFIX}-{alarm}"), None)


@pytest.fixture(autouse=True)
def no_calls_yet(stack: Deployed) -> None:
    httpx.delete(f"{pager(stack)}/calls", trust_env=False).raise_for_status()


def invoke(stack: Deployed, function: str, payload: object) -> dict[str, Any]:
    answer = stack.root("lambda").invoke(FunctionName=f"{PREFIX}-{function}", Payload=json.dumps(payload).encode())
    return dict(json.loads(answer["Payload"].read()))


@pytest.mark.plan("M15")
def test_an_unplanned_change_of_access_pages_with_its_runbook(stack: Deployed) -> None:
    # Another test may have done the same within the alarm's window: what is on already begins nothing.
    stack.root("cloudwatch").set_alarm_state(
        AlarmName=f"{PREFIX}-ACCESS-MODEL-UNPLANNED", StateValue="OK", StateReason="a scene is set"
    )
    assert "errorMessage" in invoke(stack, "database-admin", {"not": "a deployment"})
    event = eventually(lambda: page(stack, "ACCESS-MODEL-UNPLANNED"), seconds=20)
    assert event is not None
    assert event["links"][0]["href"].endswith("/docs/runbooks/ACCESS-MODEL-UNPLANNED.md")


@contextmanager
def silenced(stack: Deployed) -> Iterator[None]:
    names = [f"{PREFIX}-CHECK-IN-FAILING"]
    cloudwatch = stack.root("cloudwatch")
    cloudwatch.disable_alarm_actions(AlarmNames=names)
    try:
        yield
    finally:
        cloudwatch.enable_alarm_actions(AlarmNames=names)


def beats(stack: Deployed) -> int:
    return sum(call["path"] == "/heartbeat" for call in calls(stack))


@pytest.mark.plan("M15")
def test_the_heartbeat_comes_while_pages_would_arrive_and_stays_away_else(stack: Deployed) -> None:
    assert eventually(lambda: invoke(stack, "heartbeat", {})["faults"] == [], seconds=90)
    sound = beats(stack)
    assert sound >= 1
    with silenced(stack):
        (fault,) = invoke(stack, "heartbeat", {})["faults"]
    assert "paging alarms may act" in fault
    assert beats(stack) == sound


@contextmanager
def address(stack: Deployed, topic: str) -> Iterator[str]:
    """An e-mail address that is subscribed and was not confirmed by anybody."""
    endpoint, sns = f"{topic}@example.org", stack.root("sns")
    arn = sns.subscribe(
        TopicArn=stack.outputs[f"{topic}_topic_arn"], Protocol="email", Endpoint=endpoint, ReturnSubscriptionArn=True
    )["SubscriptionArn"]
    try:
        yield endpoint
    finally:
        sns.unsubscribe(SubscriptionArn=arn)


@pytest.mark.plan("M15")
@pytest.mark.parametrize("topic", ["page", "notify"])
def test_an_address_that_nobody_confirmed_is_named_and_silences_the_heartbeat(stack: Deployed, topic: str) -> None:
    def waiting() -> list[str]:
        return [each.endpoint for each in subscriptions.of(stack.root("sns"), "local") if not each.confirmed]

    def faults() -> list[str]:
        return [fault for fault in invoke(stack, "heartbeat", {})["faults"] if "subscribers" in fault]

    assert (waiting(), faults()) == ([], [])
    with address(stack, topic) as endpoint:
        assert waiting() == [endpoint]
        (fault,) = faults()
        assert f"of the {topic} topic are confirmed, 1 are not" in fault
    assert (waiting(), faults()) == ([], [])


@pytest.mark.plan("M15")
def test_what_no_alarm_wrote_calls_nobody(stack: Deployed) -> None:
    event = {"Records": [{"Sns": {"Message": "not an alarm's"}}]}
    assert invoke(stack, "page-on-call", event)["errorType"] == "NotAnAlarm"
    assert not [call for call in calls(stack) if call["path"] == "/alarms"]


@pytest.mark.plan("M16")
def test_a_request_is_followed_by_one_query(stack: Deployed) -> None:
    logs = stack.root("logs")
    for group in ("me", "view-video"):
        event = {"requestContext": {"requestId": f"trace-{group}"}, "rawPath": "/"}
        invoke(stack, group, event)
    rows = eventually(lambda: ask(logs, "local", "request", identifier="trace-me", hours=1))
    assert rows
    assert {row["request_id"] for row in rows} == {"trace-me"}
    assert {row["service"] for row in rows} == {"me"}
