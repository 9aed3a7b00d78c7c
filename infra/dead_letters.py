"""Queues that keep what could not be done, for a person to look at."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from infra.names import Names, QueueName, RoleName
from policies.model.documents import Documents

KEPT_SECONDS = 14 * 24 * 3600  # the longest SQS offers


class DeadLetters(pulumi.ComponentResource):
    """An encrypted queue that one role sends to, and nobody else."""

    arn: pulumi.Output[str]
    url: pulumi.Output[str]
    ready: list[pulumi.Resource]

    def __init__(
        self,
        resource_name: str,
        *,
        names: Names,
        queue: QueueName,
        sender: RoleName,
        documents: Documents,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("rendio:dead-letters:DeadLetters", resource_name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        letters = aws.sqs.Queue(
            resource_name,
            name=queue,
            message_retention_seconds=KEPT_SECONDS,
            sqs_managed_sse_enabled=True,
            tags=names.tags,
            opts=child,
        )
        policy = aws.sqs.QueuePolicy(
            resource_name,
            queue_url=letters.url,
            policy=documents.render("queues/dead_letters.json.j2", queue=queue, sender=sender),
            opts=child,
        )
        self.arn, self.url, self.ready = letters.arn, letters.url, [letters, policy]
        self.register_outputs({"arn": self.arn, "url": self.url})
