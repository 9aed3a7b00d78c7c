"""What happens to what runs: schedules, queues, functions, the database; and what AWS alone reports."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager

from infra.alarm_model import Alarm
from local.postgres.server import Server
from tests.drill.scene import Scene
from tests.stack.deployed import PREFIX

GROUP = PREFIX
_POISON = "no message that names a job"


@contextmanager
def database_stopped(scene: Scene) -> Iterator[None]:
    """Postgres is stopped while phones use the API"""
    server = Server(scene.stack.cloud.state)
    # Whoever would start it waits for this lock: it stays down until the fault is taken back.
    with server.alone():
        scene.strikes()
        server.stop()
        try:
            yield
        finally:
            server.start()


@contextmanager
def schedules_disabled(scene: Scene) -> Iterator[None]:
    """Every schedule is disabled"""
    scheduler = scene.aws("scheduler")
    with ExitStack() as back:
        scene.strikes()
        for listed in scheduler.list_schedules(GroupName=GROUP)["Schedules"]:
            found = scheduler.get_schedule(GroupName=GROUP, Name=listed["Name"])
            kept = {name: value for name, value in found.items() if name in _OF_A_SCHEDULE}
            back.callback(scheduler.update_schedule, **kept)
            scheduler.update_schedule(**{**kept, "State": "DISABLED"})
        yield


_OF_A_SCHEDULE = {
    "Name", "GroupName", "ScheduleExpression", "FlexibleTimeWindow", "Target", "State", "Description",
}  # fmt: skip


@contextmanager
def poisoned_messages(scene: Scene) -> Iterator[None]:
    """A message that no worker can read, and events of uploads that no function can read"""
    sqs = scene.aws("sqs")
    queue = scene.queue_url("video-migration")
    waits = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["VisibilityTimeout"])["Attributes"]
    letters = [scene.queue_url(name) for name in POISONED]
    sender = scene.stack.role("fal_webhook").client("sqs")  # the queue takes messages of its senders alone
    try:
        scene.strikes()
        # Five receives, six of the worker's time limits apart, are half an hour: only that pause is shortened.
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "1"})
        sender.send_message(QueueUrl=queue, MessageBody=_POISON)
        for function in ("inspect-image", "make-thumbnail"):
            event = json.dumps({"Records": [{"no": "object"}]}).encode()
            scene.aws("lambda").invoke(FunctionName=f"{PREFIX}-{function}", InvocationType="Event", Payload=event)
        yield
    finally:
        sqs.set_queue_attributes(QueueUrl=queue, Attributes=waits)
        for url in letters:
            sqs.purge_queue(QueueUrl=url)


POISONED = ("video-migration-dlq", "inspect-image-dlq", "make-thumbnail-dlq")


@contextmanager
def a_setting_is_lost(scene: Scene) -> Iterator[None]:
    """A deployment loses a setting of inspect_image, which runs every minute"""
    functions, name = scene.aws("lambda"), f"{PREFIX}-inspect-image"
    right = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    wrong = {key: value for key, value in right.items() if not key.startswith("DATABASE_")}
    scene.strikes()
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": wrong})
    try:
        yield
    finally:
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": right})


def synthetic(alarms: Sequence[Alarm]) -> Callable[[Scene], AbstractContextManager[None]]:
    """A fault that is told and not made: values past the threshold, in metrics that AWS alone makes.

    Raises:
        ValueError: we make such a metric ourselves.
    """
    for alarm in alarms:
        if not alarm.of_aws_alone:
            raise ValueError(f"{alarm.name} looks at a metric that we make move: it is to be fired by a real fault")

    @contextmanager
    def reported(scene: Scene) -> Iterator[None]:
        cloudwatch = scene.aws("cloudwatch")
        names = [f"{PREFIX}-{alarm.name}" for alarm in alarms]
        deployed = cloudwatch.describe_alarms(AlarmNames=names, MaxRecords=100)["MetricAlarms"]

        def report() -> None:
            for alarm in deployed:
                low = alarm["ComparisonOperator"] == "LessThanThreshold"
                value = alarm["Threshold"] / 2 if low else alarm["Threshold"] * 1.1
                # Of metric math it is one metric that is looked at, too.
                queries = [query["MetricStat"]["Metric"] for query in alarm.get("Metrics", ()) if "MetricStat" in query]
                metric = queries[0] if queries else alarm
                point = {"MetricName": metric["MetricName"], "Dimensions": metric["Dimensions"], "Value": value}
                cloudwatch.put_metric_data(Namespace=metric["Namespace"], MetricData=[point])

        scene.strikes()
        with scene.keeps(report, every=2.0):
            yield

    return reported


@contextmanager
def on_call_service_is_away(scene: Scene) -> Iterator[None]:
    """The on-call service answers 500, and somebody runs database_admin by hand: a call is not taken"""
    letters = scene.queue_url("page-dlq")
    with scene.on_call_service({"path": "/alarms", "status": 500, "times": None}):
        scene.strikes()
        scene.invoke("database-admin", {"not": "a deployment"})
        yield
    scene.aws("sqs").purge_queue(QueueUrl=letters)
