"""Saved queries, and one request followed through lines of several functions."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.log_queries import LOG_QUERIES
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
        ('filter level = "ERROR" or @message like /^x|y and z/', True),
        ('filter @message like "x"', False),
        ("filter level = /x/", False),
        ('filter level = "ERROR" or', False),
        ('filter level = "ERROR" service = "a"', False),
    ],
)
def test_filters_on_fields_are_read(stage: str, known: bool) -> None:
    assert (predicate(stage) is not None) is known


LAMBDAS_OWN = (
    "[ERROR] Runtime.ImportModuleError: Unable to import module 'handler': No module named 'x'",
    "[ERROR] KeyError: 'id'\nTraceback (most recent call last):",
    "2026-11-25T10:00:00.000Z 0a0a0a0a-1111-4111-8111-000000000001 Task timed out after 3.00 seconds",
    "RequestId: 0a0a0a0a-1111-4111-8111-000000000001 Error: Runtime exited: signal: killed Runtime.ExitError",
)
OURS = (
    {"level": "ERROR", "service": "me", "message": "ours", "code": "broken", "detail": "not asked for"},
    {"level": "INFO", "service": "me", "message": "refused, [ERROR] is no part of it"},
    {"level": "WARNING", "service": "me", "message": "late"},
)


def test_failures_are_those_that_a_function_logs_and_those_that_lambda_tells(emulator: Emulator) -> None:
    """Lambda writes plain text: an import that fails, an exception that nobody caught, no memory, no time."""
    logs, now, group = emulator.root_client("logs"), int(1000 * time.time()), "/aws/lambda/rendio-local-failing"
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="one")
    told = [*LAMBDAS_OWN, *map(json.dumps, OURS), "START RequestId: 0a0a0a0a Version: $LATEST", "[INFO] an [ERROR]"]
    events = [{"timestamp": now, "message": line} for line in told]
    logs.put_log_events(logGroupName=group, logStreamName="one", logEvents=events)
    queries = {query.name: query for query in LOG_QUERIES}
    for name in ("failures", "failures-by-service"):
        text = queries[name].text
        logs.put_query_definition(name=f"rendio-local/{name}", queryString=text, logGroupNames=[group])
    rows = ask(logs, "local", "failures", identifier="", hours=1)
    assert sorted((row["logged_by"], row["said"]) for row in rows) == sorted(
        [("me", "ours"), *((group, line) for line in LAMBDAS_OWN)]
    )
    assert "not asked for" not in str(rows)
    assert len(ask(logs, "local", "failures-by-service", identifier="", hours=1)) == len(rows)


def test_failures_are_counted_by_the_group_too() -> None:
    """What Lambda tells names no service."""
    (text,) = (query.text for query in LOG_QUERIES if query.name == "failures-by-service")
    assert re.search(r"stats count\(\*\) as \w+ by .*@log", text)


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        ({"@message": "[ERROR] x"}, True),
        ({"@message": "x [ERROR]"}, False),
        ({"@message": "a / and b"}, True),
        ({"@message": '{"level": "ERROR", "service": "a"}'}, True),
        ({"@message": '{"level": "ERROR", "service": "b"}'}, False),
    ],
)
def test_a_pattern_is_one_term_of_several(line: dict[str, str], asked: bool) -> None:
    matches = predicate(r'filter level = "ERROR" and service = "a" or @message like /^\[ERROR\]|\/ and b/')
    assert matches is not None
    assert matches(line) is asked
