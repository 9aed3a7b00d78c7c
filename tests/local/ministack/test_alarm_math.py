"""Alarms of metric math, and AWS's own metrics that they look at."""

from __future__ import annotations

from typing import Any

import pytest

from local.ministack.alarm_math import UnknownMath, evaluate
from tests.local.ministack.emulator import Emulator

VALUES = {"errors": 3.0, "requests": 60.0, "silent": None, "none": 0.0}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("100 * errors / requests", 5.0),
        ("errors / none", None),
        ("errors + silent", None),
        ("errors + FILL(silent, 2)", 5.0),
        ("IF(requests >= 20, 100 * errors / requests, 0)", 5.0),
        ("IF(requests > 60, errors, 0)", 0.0),
        ("IF(silent > 1, 1, 0)", None),
        ("IF(errors > 1 AND requests > 1, 7, 0)", 7.0),
        ("IF(errors > 5 || requests > 1, 7, 0)", 7.0),
        ("MAX([errors, silent, requests])", 60.0),
        ("SUM([errors, silent])", 3.0),
        ("MIN([silent])", None),
        ("-errors - 1", -4.0),
    ],
)
def test_math_is_cloudwatchs(expression: str, expected: float | None) -> None:
    assert evaluate(expression, VALUES) == expected


@pytest.mark.parametrize("expression", ["errors +", "other + 1", "RATE(errors)", "__import__('os')", "errors.real"])
def test_what_is_not_supported_is_said(expression: str) -> None:
    with pytest.raises(UnknownMath):
        evaluate(expression, VALUES)


def stat(name: str, metric: str) -> dict[str, Any]:
    metric_stat = {"Metric": {"Namespace": "Own", "MetricName": metric}, "Period": 60, "Stat": "Sum"}
    return {"Id": name, "MetricStat": metric_stat, "ReturnData": False}


def rate_alarm(running: Emulator) -> dict[str, Any]:
    cloudwatch = running.root_client("cloudwatch")
    for metric, value in (("Failed", 3), ("Asked", 30)):
        cloudwatch.put_metric_data(Namespace="Own", MetricData=[{"MetricName": metric, "Value": value}])
    cloudwatch.put_metric_alarm(
        AlarmName="rate", EvaluationPeriods=1, Threshold=5, ComparisonOperator="GreaterThanThreshold",
        Metrics=[
            {"Id": "rate", "Expression": "100 * failed / asked", "ReturnData": True},
            stat("failed", "Failed"), stat("asked", "Asked"),
        ],
    )  # fmt: skip
    return dict(cloudwatch.describe_alarms(AlarmNames=["rate"])["MetricAlarms"][0])


def test_an_alarm_of_metric_math_keeps_its_queries_and_fires(emulator: Emulator, unpatched: Emulator) -> None:
    fixed, plain = rate_alarm(emulator), rate_alarm(unpatched)
    assert "Metrics" not in plain, "fixed: drop the queries of alarms"
    assert {query["Id"] for query in fixed["Metrics"]} == {"rate", "failed", "asked"}
    assert (fixed["StateValue"], plain["StateValue"]) == ("ALARM", "INSUFFICIENT_DATA")
    assert "MetricName" not in fixed


def depth(running: Emulator, name: str) -> list[dict[str, Any]]:
    listed = running.root_client("cloudwatch").list_metrics(
        Namespace="AWS/SQS", MetricName="ApproximateNumberOfMessagesVisible",
        Dimensions=[{"Name": "QueueName", "Value": name}],
    )["Metrics"]  # fmt: skip
    return list(listed)


def test_a_queue_reports_its_depth(emulator: Emulator, unpatched: Emulator) -> None:
    for running in (emulator, unpatched):
        sqs = running.root_client("sqs")
        sqs.send_message(QueueUrl=sqs.create_queue(QueueName="depth")["QueueUrl"], MessageBody="{}")
    emulator.wait_until(lambda: depth(emulator, "depth"), "the metric", 8)
    assert not depth(unpatched, "depth"), "fixed: drop aws_metrics"


def test_errors_of_all_functions_are_counted_together(emulator: Emulator, unpatched: Emulator) -> None:
    for running, expected in ((emulator, 1), (unpatched, 0)):
        running.root_client("lambda").invoke(FunctionName=running.function("def handler(e, c): raise ValueError\n"))
        metrics = running.root_client("cloudwatch").list_metrics(Namespace="AWS/Lambda", MetricName="Errors")["Metrics"]
        assert len([metric for metric in metrics if not metric["Dimensions"]]) == expected
