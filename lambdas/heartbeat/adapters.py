"""The only place of the heartbeat that knows CloudWatch, SNS, SQS and the outside monitor."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import urllib3
from urllib3.exceptions import HTTPError

from lambdas.runtime import clients
from lambdas.runtime.environment import read_settings
from lambdas.runtime.errors import FunctionError
from lambdas.runtime.secrets import Secret

SECONDS = 5.0
FRESH = timedelta(minutes=10)
# Counted by every sweep, those that fail too: an outage of the database is no break in the way of a page.
WITNESS = "VideoSweeps"


class MonitorUnreachable(FunctionError):
    """The outside monitor did not answer; it will miss this beat, which is what it is for."""


@dataclass(frozen=True)
class Settings:
    stack: str
    page_topic_arn: str
    notify_topic_arn: str
    page_dlq: str
    heartbeat_secret: str
    page_subscribers: int
    notify_subscribers: int


@dataclass(frozen=True)
class AwsWay:
    """The way of a page on AWS."""

    settings: Settings

    def alarms(self) -> tuple[int, int]:
        paging = acting = 0
        pages = clients.cloudwatch().get_paginator("describe_alarms")
        prefix = f"rendio-{self.settings.stack}-"
        for page in pages.paginate(AlarmNamePrefix=prefix, AlarmTypes=["MetricAlarm", "CompositeAlarm"]):
            for alarm in [*page.get("MetricAlarms", []), *page.get("CompositeAlarms", [])]:
                if self.settings.page_topic_arn in alarm.get("AlarmActions", []):
                    paging += 1
                    acting += bool(alarm.get("ActionsEnabled", True))
        return paging, acting

    def subscribers(self, severity: str) -> tuple[int, int]:
        topics = {"page": self.settings.page_topic_arn, "notify": self.settings.notify_topic_arn}
        pages = clients.sns().get_paginator("list_subscriptions_by_topic")
        arns = [
            str(found["SubscriptionArn"])
            for page in pages.paginate(TopicArn=topics[severity])
            for found in page["Subscriptions"]
        ]
        confirmed = sum(arn.startswith("arn:") for arn in arns)
        # The third is "Deleted": SNS lists for three days whoever unsubscribed.
        return confirmed, arns.count("PendingConfirmation")

    def expected(self, severity: str) -> int:
        return {"page": self.settings.page_subscribers, "notify": self.settings.notify_subscribers}[severity]

    def undelivered(self) -> int:
        wanted = "ApproximateNumberOfMessages"
        sqs = clients.sqs()
        url = sqs.get_queue_url(QueueName=self.settings.page_dlq)["QueueUrl"]
        answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[wanted])
        return int(answer["Attributes"][wanted])

    def metrics_flow(self) -> bool:
        now = datetime.now(UTC)
        dimensions = {"service": "sweep_videos", "stack": self.settings.stack}
        answer = clients.cloudwatch().get_metric_statistics(
            Namespace="Rendio",
            MetricName=WITNESS,
            Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
            StartTime=now - FRESH,
            EndTime=now,
            Period=60,
            Statistics=["Sum"],
        )
        return bool(answer["Datapoints"])


@dataclass(frozen=True, repr=False)
class Monitor:
    """Calls the `url` of the secret, such as a check of healthchecks.io or PagerDuty's dead man's switch."""

    secret: Secret
    http: urllib3.PoolManager

    def beat(self) -> None:
        """Raises MonitorUnreachable, ConfigurationError. The address is not told."""
        try:
            url = str(self.secret.value().get("url", ""))
            answer = self.http.request("POST", url, body=b"{}", headers={"content-type": "application/json"})
        except (HTTPError, ValueError) as error:
            raise MonitorUnreachable(f"no answer: {type(error).__name__}") from None
        if not 200 <= answer.status < 300:
            raise MonitorUnreachable(f"answered {answer.status}")


@dataclass(frozen=True)
class Adapters:
    way: AwsWay
    monitor: Monitor

    @classmethod
    def build(cls) -> Adapters:
        settings = read_settings(Settings)
        http = urllib3.PoolManager(timeout=SECONDS, retries=False)
        return cls(AwsWay(settings), Monitor(Secret(settings.heartbeat_secret), http))
