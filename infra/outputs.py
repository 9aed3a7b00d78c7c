"""The stack's outputs. Their names are stable: clients, runbooks and tests read them."""

from __future__ import annotations

import pulumi

from infra.api import Api
from infra.dashboard import Dashboard
from infra.database import Database
from infra.names import DATABASE_NAME
from infra.on_call import OnCall
from infra.sessions import Sessions
from infra.storage import Storage
from infra.video_migration_queue import VideoMigrationQueue


def stack_outputs(
    *,
    api: Api,
    storage: Storage,
    sessions: Sessions,
    database: Database,
    video_migrations: VideoMigrationQueue,
    on_call: OnCall,
    dashboard: Dashboard,
) -> dict[str, pulumi.Input[str]]:
    return {
        "api_url": api.url,
        "images_bucket": storage.images.name,
        "videos_bucket": storage.videos.name,
        "session_issuer": sessions.issuer,
        "database_endpoint": database.endpoint,
        "database_name": DATABASE_NAME,
        "video_migration_queue_url": video_migrations.url,
        "video_migration_dlq_url": video_migrations.dlq_url,
        "page_topic_arn": on_call.page_topic_arn,
        "notify_topic_arn": on_call.notify_topic_arn,
        "dashboard_url": dashboard.url,
    }
