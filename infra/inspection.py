"""Uploads are inspected as they arrive; what fails for good is kept as a dead letter."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from infra.dead_letters import DeadLetters
from infra.functions import Function
from infra.names import FunctionId, Names
from infra.storage import UserBucket
from policies.model.documents import Documents

RETRIES = 2
OLDEST_EVENT_SECONDS = 3600


class ImageInspection(pulumi.ComponentResource):
    """The images bucket tells inspect_image of every object under incoming/. Events may come late, twice or never:
    a sweep stands behind them (schedules.py)."""

    def __init__(
        self,
        resource_name: str,
        *,
        names: Names,
        documents: Documents,
        images: UserBucket,
        inspect_image: Function,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("rendio:inspection:ImageInspection", resource_name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        letters = DeadLetters(
            "inspect-image",
            names=names,
            queue=names.inspect_image_dlq,
            sender=names.function_role(FunctionId.INSPECT_IMAGE),
            documents=documents,
            opts=child,
        )
        # Lambda checks at once that the role may send to the destination.
        kept = aws.lambda_.FunctionEventInvokeConfig(
            "inspect-image",
            function_name=inspect_image.name,
            maximum_retry_attempts=RETRIES,
            maximum_event_age_in_seconds=OLDEST_EVENT_SECONDS,
            destination_config={"on_failure": {"destination": letters.arn}},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[inspect_image.policy, *letters.ready]),
        )
        may_call = aws.lambda_.Permission(
            "images-bucket",
            action="lambda:InvokeFunction",
            function=inspect_image.name,
            principal="s3.amazonaws.com",
            source_arn=names.arn.bucket(names.images_bucket),
            source_account=names.account,
            opts=child,
        )
        # S3 refuses a notification to a function it may not call. One such resource a bucket: a second overwrites it.
        aws.s3.BucketNotification(
            "images",
            bucket=images.name,
            lambda_functions=[
                {
                    "id": "inspect-incoming",
                    "lambda_function_arn": inspect_image.arn,
                    "events": ["s3:ObjectCreated:*"],
                    "filter_prefix": "incoming/",
                }
            ],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[may_call, kept]),
        )
        self.register_outputs({"dead_letters": letters.arn})
