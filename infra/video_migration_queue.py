"""The queue between a finished video and its copy in own storage (plan M6, M7)."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from infra.config import VideoMigration as VideoMigrationConfig
from infra.dead_letters import KEPT_SECONDS as DEAD_LETTERS_KEPT_SECONDS
from infra.names import Names
from policies.model.documents import Documents

# A sweep asks again for what is lost, so a message need not outlive a few days of trouble.
KEPT_SECONDS = 4 * 24 * 3600
# AWS asks for six times the function's timeout (Lambda Developer Guide, "Using Lambda with Amazon SQS").
VISIBILITY_TIMEOUTS = 6
# Throttled receives count too, so five is AWS's least; how often a video is tried is counted in its row.
RECEIVES = 5


def worker_timeout(config: VideoMigrationConfig) -> int:
    """Seconds a run of the worker may take: the copy's own limit, and time to settle the row before and after it."""
    return config.total_seconds + 20


def _text(document: Mapping[str, object]) -> str:
    return json.dumps(document, sort_keys=True)


class VideoMigrationQueue(pulumi.ComponentResource):
    """An encrypted queue of videos to copy, and the queue of those messages that the worker never managed to take."""

    arn: pulumi.Output[str]
    url: pulumi.Output[str]
    dlq_url: pulumi.Output[str]
    ready: list[pulumi.Resource]

    def __init__(
        self,
        resource_name: str,
        *,
        names: Names,
        config: VideoMigrationConfig,
        documents: Documents,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("rendio:video-migration:VideoMigrationQueue", resource_name, None, opts)
        self._child = pulumi.ResourceOptions(parent=self)
        self._documents = documents
        dead_letters = aws.sqs.Queue(
            "video-migration-dlq",
            name=names.video_migration_dlq,
            message_retention_seconds=DEAD_LETTERS_KEPT_SECONDS,
            sqs_managed_sse_enabled=True,
            redrive_allow_policy=_text(
                {"redrivePermission": "byQueue", "sourceQueueArns": [names.arn.queue(names.video_migration_queue)]}
            ),
            tags=names.tags,
            opts=self._child,
        )
        queue = aws.sqs.Queue(
            "video-migration",
            name=names.video_migration_queue,
            message_retention_seconds=KEPT_SECONDS,
            visibility_timeout_seconds=VISIBILITY_TIMEOUTS * worker_timeout(config),
            sqs_managed_sse_enabled=True,
            redrive_policy=dead_letters.arn.apply(
                lambda arn: _text({"deadLetterTargetArn": arn, "maxReceiveCount": RECEIVES})
            ),
            tags=names.tags,
            opts=self._child,
        )
        self.ready = [
            self._policy("video-migration", queue, "queues/video_migration.json.j2"),
            self._policy("video-migration-dlq", dead_letters, "queues/video_migration_dlq.json.j2"),
        ]
        self.arn, self.url, self.dlq_url = queue.arn, queue.url, dead_letters.url
        self.register_outputs({"url": self.url, "dlq_url": self.dlq_url})

    def _policy(self, resource_name: str, queue: aws.sqs.Queue, template: str) -> pulumi.Resource:
        return aws.sqs.QueuePolicy(
            resource_name, queue_url=queue.url, policy=self._documents.render(template), opts=self._child
        )
