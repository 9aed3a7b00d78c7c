"""Saved queries of CloudWatch Logs Insights: what people on call ask the logs (plan M16).

`make insights NAME=… STACK=…` runs one and puts ID= in the place of `$id`; in the console they are saved under the
stack's name. Each asks every function at once, so that one id is followed wherever it went.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.names import Names

_FOLLOW = (
    "fields @timestamp, service, level, message, outcome, request_id, order_request_id, job_id, auth_user_id, status,"
    " code, cause"
)
# Lambda writes plain text without a level: a failed import, an exception that nobody caught, no memory, no time.
# Only such lines are shown whole: ours have a message.
_FAILURES = r'filter level = "ERROR" or @message like /^\[ERROR\]|Task timed out|Runtime\./'


@dataclass(frozen=True)
class LogQuery:
    """One query. `text` may hold `$id`, the id that is looked for."""

    name: str
    does: str
    text: str


LOG_QUERIES = (
    LogQuery(
        "request",
        "Follows one request of the API through what it set going: an order's until the video is stored",
        f'{_FOLLOW} | filter request_id = "$id" or order_request_id = "$id" | sort @timestamp asc | limit 500',
    ),
    LogQuery(
        "job",
        "Follows one video job from its order through generator, queue and worker to the stored video",
        f'{_FOLLOW} | filter job_id = "$id" | sort @timestamp asc | limit 500',
    ),
    LogQuery(
        "user",
        "Everything about one user",
        f'{_FOLLOW} | filter auth_user_id = "$id" | sort @timestamp desc | limit 500',
    ),
    LogQuery(
        "failures",
        "The latest errors, with their cause; what Lambda itself tells, too",
        "fields @timestamp, coalesce(service, @log) as logged_by, coalesce(message, @message) as said, code, cause,"
        f" exception_name, request_id, job_id | {_FAILURES} | sort @timestamp desc | limit 100",
    ),
    LogQuery(
        "failures-by-service",
        "How many errors each function had; what Lambda itself tells names no service and no message",
        f"{_FAILURES} | stats count(*) as errors by @log, service, message, code | sort errors desc | limit 50",
    ),
    LogQuery(
        "user-errors",
        "What users are refused, by code",
        'filter message = "refused" | stats count(*) as refusals by code, service | sort refusals desc',
    ),
    LogQuery(
        "migrations",
        "Video migrations that did not succeed at once",
        "fields @timestamp, service, message, job_id, outcome, cause, attempt"
        ' | filter service in ["migrate_video", "sweep_videos"] and level != "INFO" | sort @timestamp desc | limit 100',
    ),
    LogQuery(
        "drifts",
        "What access_drift found",
        'fields @timestamp, kind, object | filter message = "access drift" | sort @timestamp desc | limit 100',
    ),
    LogQuery(
        "slow",
        "Invocations that took longest",
        'filter @type = "REPORT" | stats max(@duration) as longest, count(*) as runs by @log | sort longest desc',
    ),
    LogQuery(
        "page",
        "What the way of a page did and found",
        "fields @timestamp, service, message, fault, alarm, action"
        ' | filter service in ["page_on_call", "heartbeat"] | sort @timestamp desc | limit 50',
    ),
)  # fmt: skip


class LogQueries(pulumi.ComponentResource):
    """The saved queries, under the stack's name.

    `groups` are those that there are: CloudWatch refuses the whole query because of one that does not exist.
    """

    def __init__(
        self,
        resource_name: str,
        *,
        names: Names,
        groups: Sequence[pulumi.Input[str]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("rendio:log-queries:LogQueries", resource_name, None, opts)
        for query in LOG_QUERIES:
            aws.cloudwatch.QueryDefinition(
                query.name,
                name=f"{names.prefix}/{query.name}",
                query_string=query.text,
                log_group_names=groups,
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({})
