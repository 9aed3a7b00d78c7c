"""At a drill's pace an alarm's minute and a schedule's are as short as each other, and a message is as much older."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from local.pace import Pace
from tests.local.ministack.emulator import ACCOUNT, REGION, Emulator, role_arn

RUNS = "def handler(event, context):\n    print('ran')\n"


@pytest.fixture(scope="module")
def hurried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """An emulator whose minute is a second, and whose longest period is three."""
    running = Emulator(tmp_path_factory.mktemp("hurried"), **Pace(1, 3).environment())
    running.start()
    yield running
    running.end()


def alarm(running: Emulator, name: str, **settings: Any) -> None:
    running.root_client("cloudwatch").put_metric_alarm(
        **{
            "AlarmName": name, "Namespace": "Own", "MetricName": name, "Statistic": "Maximum", "Period": 60,
            "EvaluationPeriods": 1, "Threshold": 1, "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "TreatMissingData": "notBreaching", **settings,
        }
    )  # fmt: skip


def state(running: Emulator, name: str) -> str:
    return str(running.root_client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["StateValue"])


@pytest.mark.parametrize("period", [60, 86400])
def test_an_alarm_is_over_when_its_short_period_is(hurried: Emulator, period: int) -> None:
    name = f"over-{period}"
    alarm(hurried, name, Period=period)
    hurried.root_client("cloudwatch").put_metric_data(Namespace="Own", MetricData=[{"MetricName": name, "Value": 5}])
    assert state(hurried, name) == "ALARM"
    hurried.wait_until(lambda: state(hurried, name) == "OK", "the alarm is over", 6)


def test_a_schedule_of_every_minute_runs_every_short_minute(hurried: Emulator) -> None:
    function = hurried.function(RUNS)
    hurried.root_client("scheduler").create_schedule(
        Name="often", ScheduleExpression="rate(1 minute)", FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}", "RoleArn": role_arn(hurried.role())},
    )  # fmt: skip

    hurried.wait_until(lambda: hurried.lines(function).count("ran") >= 3, "three runs", 12)


def test_a_message_is_as_old_as_the_alarms_minutes_say(hurried: Emulator) -> None:
    sqs = hurried.root_client("sqs")
    sqs.send_message(QueueUrl=sqs.create_queue(QueueName="waits")["QueueUrl"], MessageBody="m")
    alarm(
        hurried, "age", Namespace="AWS/SQS", MetricName="ApproximateAgeOfOldestMessage", Threshold=180,
        Dimensions=[{"Name": "QueueName", "Value": "waits"}],
    )  # fmt: skip
    hurried.wait_until(lambda: state(hurried, "age") == "ALARM", "a message of three minutes", 6)
