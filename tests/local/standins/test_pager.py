"""The pager remembers alarm calls, confirms subscriptions on loopback alone, and fails when told to."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from pytest_httpserver import HTTPServer
from starlette.applications import Starlette

from local.standins.pager import Pager, on_loopback

Serve = Callable[[Starlette], httpx.Client]
ALARM = {"Type": "Notification", "TopicArn": "arn:aws:sns:us-east-1:000000000000:page", "Subject": "s", "Message": "m"}


@pytest.fixture
def pager(serve: Serve) -> httpx.Client:
    return serve(Pager().application())


def test_calls_are_remembered_until_forgotten(pager: httpx.Client) -> None:
    pager.post("/alarms", json=ALARM)
    calls = pager.get("/calls").json()
    assert [(call["path"], call["topic"], call["message"]) for call in calls] == [("/alarms", ALARM["TopicArn"], "m")]
    assert pager.delete("/calls").json() == []
    assert pager.get("/calls").json() == []


def test_a_failing_pager_takes_no_call(pager: httpx.Client) -> None:
    pager.post("/_control/faults", json={"status": 500})
    assert [pager.post("/alarms", json=ALARM).status_code for _ in range(2)] == [500, 200]
    assert len(pager.get("/calls").json()) == 1


def test_a_subscription_is_confirmed_on_loopback(pager: httpx.Client, httpserver: HTTPServer) -> None:
    httpserver.expect_oneshot_request("/", query_string={"Action": "ConfirmSubscription"}).respond_with_data("")
    url = httpserver.url_for("/?Action=ConfirmSubscription")
    assert pager.post("/alarms", json={"Type": "SubscriptionConfirmation", "SubscribeURL": url}).status_code == 200
    httpserver.check()
    assert len(httpserver.log) == 1
    assert pager.get("/calls").json() == []


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription",
        "http://169.254.169.254/latest",
        "http://127.0.0.1.example.com/",
        "http://127.0.0.1@example.com/",
        "file:///etc/passwd",
        "http://[::",
    ],
)
def test_a_subscription_elsewhere_is_not_fetched(pager: httpx.Client, url: str) -> None:
    refused = pager.post("/alarms", json={"Type": "SubscriptionConfirmation", "SubscribeURL": url})
    assert refused.status_code == 400
    assert not on_loopback(url)


def test_what_is_no_alarm_is_refused(pager: httpx.Client) -> None:
    assert [pager.post("/alarms", content=body).status_code for body in (b"", b"[]", b"<xml>")] == [400, 400, 400]
