"""A topic's message that a function does not take is tried again, and then kept; each failed run counts as one."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.local.ministack.emulator import ACCOUNT, REGION, Emulator

FAILS = "def handler(event, context):\n    raise RuntimeError('no')\n"
RUNS = 3  # once, and twice more


def errors(running: Emulator) -> float:
    now = datetime.now(UTC)
    answer = running.root_client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Lambda", MetricName="Errors", StartTime=now - timedelta(minutes=10),
        EndTime=now + timedelta(minutes=1), Period=3600, Statistics=["Sum"],
    )  # fmt: skip
    return float(sum(point["Sum"] for point in answer["Datapoints"]))


def test_a_message_nobody_took_is_kept_and_every_try_counts(emulator: Emulator) -> None:
    queue = emulator.root_client("sqs").create_queue(QueueName="untaken")["QueueUrl"]
    function = emulator.function(FAILS)
    emulator.root_client("lambda").put_function_event_invoke_config(
        FunctionName=function,
        DestinationConfig={"OnFailure": {"Destination": f"arn:aws:sqs:{REGION}:{ACCOUNT}:untaken"}},
    )
    sns, before = emulator.root_client("sns"), errors(emulator)
    topic = sns.create_topic(Name="pages")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}")
    sns.publish(TopicArn=topic, Message="wake up")

    def message() -> Any:
        return emulator.root_client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages")

    kept = json.loads(emulator.wait_until(message, "the kept message", 15)[0]["Body"])
    assert kept["requestPayload"]["Records"][0]["Sns"]["Message"] == "wake up"
    assert errors(emulator) - before == RUNS
