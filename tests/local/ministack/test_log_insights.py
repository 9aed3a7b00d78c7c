"""Saved queries, and one request followed through lines of several functions."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.insights import ask
from local.ministack.log_insights import predicate
from tests.local.ministack.emulator import Emulator

GROUPS = ["/aws/lambda/rendio-local-first", "/aws/lambda/rendio-local-second"]


def lines(running: Emulator) -> Any:
    logs, now = running.root_client("logs"), int(1000 * time.time())
    for number, group in enumerate(GROUPS):
        logs.create_log_group(logGroupName=group)
        logs.create_log_stream(logGroupName=group, logStreamName="one")
        told = [{"request_id": request, "message": f"{number} {request}"} for request in ("mine", "other")]
        events = [{"timestamp": now + number, "message": json.dumps(line)} for line in told]
        logs.put_log_events(logGroupName=group, logStreamName="one", logEvents=events)
    return logs


def test_a_saved_query_follows_one_request_through_all_functions(emulator: Emulator, unpatched: Emulator) -> None:
    logs, text = lines(emulator), 'fields message, request_id | filter request_id = "$id" | sort @timestamp asc'
    logs.put_query_definition(name="rendio-local/request", queryString=text, logGroupNames=GROUPS)
    assert [row["message"] for row in ask(logs, "local", "request", identifier="mine", hours=1)] == ["0 mine", "1 mine"]
    assert ask(logs, "local", "request", identifier="nobody", hours=1) == []
    with pytest.raises(ClientError):  # fixed: drop the query definitions
        unpatched.root_client("logs").describe_query_definitions()


@pytest.mark.parametrize(
    ("stage", "known"),
    [
        ('filter level = "ERROR"', True),
        ('filter service in ["a", "b"] and level != "INFO"', True),
        ("filter @message like /x/", False),
    ],
)
def test_filters_on_fields_are_read(stage: str, known: bool) -> None:
    assert (predicate(stage) is not None) is known
