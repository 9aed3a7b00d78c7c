"""The worker behind the video-migration queue (plan M6, M7)."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from infra.config import VideoMigration as VideoMigrationConfig
from infra.functions import Function
from infra.names import Names
from infra.video_migration_queue import VideoMigrationQueue


class VideoMigration(pulumi.ComponentResource):
    """The worker takes one message at a time, so that one slow video holds up no other; so many run at once at most."""

    def __init__(
        self,
        resource_name: str,
        *,
        names: Names,
        config: VideoMigrationConfig,
        queue: VideoMigrationQueue,
        migrate_video: Function,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("rendio:video-migration:VideoMigration", resource_name, None, opts)
        # Lambda checks at once that the role may take messages.
        aws.lambda_.EventSourceMapping(
            "video-migration",
            event_source_arn=queue.arn,
            function_name=migrate_video.name,
            batch_size=1,
            function_response_types=["ReportBatchItemFailures"],
            scaling_config={"maximum_concurrency": config.concurrency},
            tags=names.tags,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*queue.ready, *migrate_video.ready]),
        )
        self.register_outputs({})
