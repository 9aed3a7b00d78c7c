"""All fixes, in the order in which they are put in place."""

from __future__ import annotations

from local.ministack import (
    alarms,
    arn_operators,
    aws_metrics,
    embedded_metrics,
    function_credentials,
    functions,
    kms_conditions,
    log_insights,
    policy_variables,
    principal_arn,
    rds_connect,
    schedules,
    secure_transport,
    snapshots,
    subscriptions,
    topic_deliveries,
)

ALL = (
    principal_arn,
    policy_variables,
    arn_operators,
    kms_conditions,
    secure_transport,
    rds_connect,
    functions,
    embedded_metrics,
    function_credentials,
    alarms,
    aws_metrics,
    log_insights,
    schedules,
    subscriptions,
    topic_deliveries,
    snapshots,
)


def install() -> None:
    """Put every fix in place; to be called once, before MiniStack serves."""
    for fix in ALL:
        fix.install()
