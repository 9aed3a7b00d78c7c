"""The stack's outputs. Their names are stable: clients, runbooks and tests read them."""

from __future__ import annotations

import pulumi

from infra.api import Api
from infra.database import Database
from infra.names import DATABASE_NAME
from infra.on_call import OnCall
from infra.sessions import Sessions
from infra.storage import Storage


def export_outputs(*, api: Api, storage: Storage, sessions: Sessions, database: Database, on_call: OnCall) -> None:
    pulumi.export("api_url", api.url)
    pulumi.export("images_bucket", storage.images.name)
    pulumi.export("videos_bucket", storage.videos.name)
    pulumi.export("session_issuer", sessions.issuer)
    pulumi.export("database_endpoint", database.endpoint)
    pulumi.export("database_name", DATABASE_NAME)
    pulumi.export("page_topic_arn", on_call.page_topic_arn)
    pulumi.export("notify_topic_arn", on_call.notify_topic_arn)
