"""What happens when an object arrives: a function runs, and what fails for good is kept as a dead letter."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.dead_letters import DeadLetters
from infra.functions import Function
from infra.names import BucketName, FunctionId, Names, QueueName
from infra.storage import UserBucket
from policies.model.documents import Documents

RETRIES = 2
OLDEST_EVENT_SECONDS = 3600


@dataclass(frozen=True)
class Arrival:
    """Objects of `bucket` whose keys begin and end so, the function that is told of each, and its dead letters."""

    name: str
    function: FunctionId
    bucket: BucketName
    prefix: str
    suffix: str | None
    dead_letters: QueueName


class ObjectEvents(pulumi.ComponentResource):
    """A bucket tells one function of every object that arrives. Events may come late, twice or never: a sweep stands
    behind them (schedules.py)."""

    def __init__(
        self,
        resource_name: str,
        *,
        names: Names,
        documents: Documents,
        arrival: Arrival,
        bucket: UserBucket,
        function: Function,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("rendio:storage:ObjectEvents", resource_name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        function_name = arrival.function.replace("_", "-")
        letters = DeadLetters(
            function_name,
            names=names,
            queue=arrival.dead_letters,
            sender=names.function_role(arrival.function),
            documents=documents,
            opts=child,
        )
        # Lambda checks at once that the role may send to the destination.
        kept = aws.lambda_.FunctionEventInvokeConfig(
            function_name,
            function_name=function.name,
            maximum_retry_attempts=RETRIES,
            maximum_event_age_in_seconds=OLDEST_EVENT_SECONDS,
            destination_config={"on_failure": {"destination": letters.arn}},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[function.policy, *letters.ready]),
        )
        may_call = aws.lambda_.Permission(
            f"{resource_name}-bucket",
            action="lambda:InvokeFunction",
            function=function.name,
            principal="s3.amazonaws.com",
            source_arn=names.arn.bucket(arrival.bucket),
            source_account=names.account,
            opts=child,
        )
        told: aws.s3.BucketNotificationLambdaFunctionArgsDict = {
            "id": arrival.name,
            "lambda_function_arn": function.arn,
            "events": ["s3:ObjectCreated:*"],
            "filter_prefix": arrival.prefix,
        }
        if arrival.suffix is not None:
            told["filter_suffix"] = arrival.suffix
        # S3 refuses a notification to a function it may not call. One such resource a bucket: a second overwrites it.
        aws.s3.BucketNotification(
            resource_name,
            bucket=bucket.name,
            lambda_functions=[told],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[may_call, kept]),
        )
        self.register_outputs({"dead_letters": letters.arn})


def image_uploads(names: Names) -> Arrival:
    """Uploads are inspected as they arrive (plan M3)."""
    return Arrival(
        name="inspect-incoming",
        function=FunctionId.INSPECT_IMAGE,
        bucket=names.images_bucket,
        prefix="incoming/",
        suffix=None,
        dead_letters=names.inspect_image_dlq,
    )


def migrated_videos(names: Names) -> Arrival:
    """Videos get a thumbnail as they arrive in own storage (plan N1)."""
    return Arrival(
        name="picture-videos",
        function=FunctionId.MAKE_THUMBNAIL,
        bucket=names.videos_bucket,
        prefix="videos/",
        suffix=".mp4",
        dead_letters=names.make_thumbnail_dlq,
    )
