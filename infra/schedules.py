"""What runs by the clock."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.dead_letters import DeadLetters
from infra.functions import Functions
from infra.names import FunctionId, Names
from infra.object_events import image_uploads, migrated_videos
from policies.model.documents import Documents

RETRIES = 2


@dataclass(frozen=True)
class Run:
    """One schedule: `function` gets `payload` at each tick of `rate`; a run older than `stale_seconds` is dropped.

    By the scheduler while Lambda does not take it, by Lambda while the function is throttled or fails; there a function
    with two schedules has the longer of them, and the two that objects start too have that of an object's event. Lambda
    takes 60 to 21,600 seconds.
    """

    name: str
    does: str
    function: FunctionId
    rate: str
    payload: dict[str, bool]
    stale_seconds: int


RUNS = (
    Run(
        "inspect-image-sweep",
        "Inspects uploads whose event was lost, and gives up those that never came",
        FunctionId.INSPECT_IMAGE,
        "rate(1 minute)",
        {"sweep": True},
        stale_seconds=60,
    ),
    Run(
        "sweep-videos",
        "Settles submissions, generations and video migrations that nobody else will",
        FunctionId.SWEEP_VIDEOS,
        "rate(1 minute)",
        {},
        stale_seconds=60,
    ),
    Run(
        "make-thumbnail-sweep",
        "Makes the thumbnails whose event was lost",
        FunctionId.MAKE_THUMBNAIL,
        "rate(15 minutes)",
        {"sweep": True},
        stale_seconds=900,
    ),
    Run(
        "clean-videos",
        "Removes videos that have outlived their retention",
        FunctionId.CLEAN_VIDEOS,
        "rate(1 hour)",
        {},
        stale_seconds=1800,
    ),
    Run(
        "clean-images",
        "Removes images that have outlived their retention",
        FunctionId.CLEAN_IMAGES,
        "rate(1 hour)",
        {},
        stale_seconds=1800,
    ),
    Run(
        "clean-identities",
        "Closes accounts nobody uses, and removes closed ones",
        FunctionId.CLEAN_IDENTITIES,
        "rate(1 hour)",
        {},
        stale_seconds=1800,
    ),
    Run(
        "monitor-storage",
        "Rolls the storage count up and reports it",
        FunctionId.MONITOR_STORAGE,
        "rate(5 minutes)",
        {},
        stale_seconds=300,
    ),
    Run(
        "reconcile-storage",
        "Compares the storage count with the buckets, and credits with their ledgers",
        FunctionId.MONITOR_STORAGE,
        "rate(1 day)",
        {"reconcile": True},
        stale_seconds=3600,
    ),
    Run(
        "access-drift",
        "Compares the database and the buckets with the access model",
        FunctionId.ACCESS_DRIFT,
        "rate(1 hour)",
        {},
        stale_seconds=1800,
    ),
    Run(
        "heartbeat",
        "Tells an outside monitor that a page would arrive",
        FunctionId.HEARTBEAT,
        "rate(5 minutes)",
        {},
        stale_seconds=120,
    ),
)


def stalest(names: Names) -> dict[FunctionId, int]:
    """The age in seconds at which Lambda drops a function's runs: the longest that one of its schedules allows.

    The scheduler's own limit ends once Lambda has taken a run, which would then wait up to six hours: after an hour of
    throttling sixty sweeps would run at once. A function has one such setting, so those that objects start keep theirs.
    """
    of_objects = {arrival.function for arrival in (image_uploads(names), migrated_videos(names))}
    found: dict[FunctionId, int] = {}
    for run in RUNS:
        if run.function not in of_objects:
            found[run.function] = max(run.stale_seconds, found.get(run.function, 0))
    return found


class Schedules(pulumi.ComponentResource):
    """A group of schedules and the role they start functions as. What could not be started is a dead letter.

    `after`: what functions need before they run by themselves; a sweep that no login lets in would page.
    """

    def __init__(
        self,
        resource_name: str,
        *,
        names: Names,
        documents: Documents,
        functions: Functions,
        after: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("rendio:schedules:Schedules", resource_name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        group = aws.scheduler.ScheduleGroup("schedules", name=names.schedule_group, tags=names.tags, opts=child)
        role = aws.iam.Role(
            "scheduler",
            name=names.scheduler_role,
            assume_role_policy=documents.render("iam/scheduler_trust.json.j2"),
            tags=names.tags,
            opts=child,
        )
        policy = aws.iam.RolePolicy(
            "scheduler", name="access", role=role.name, policy=documents.render("iam/scheduler.json.j2"), opts=child
        )
        letters = DeadLetters(
            "schedules",
            names=names,
            queue=names.schedules_dlq,
            sender=names.scheduler_role,
            documents=documents,
            opts=child,
        )
        drops = {
            function: aws.lambda_.FunctionEventInvokeConfig(
                function.replace("_", "-"),
                function_name=functions[function].name,
                maximum_retry_attempts=RETRIES,
                maximum_event_age_in_seconds=seconds,
                opts=child,
            )
            for function, seconds in stalest(names).items()
        }
        for run in RUNS:
            dropped = [drops[run.function]] if run.function in drops else []
            aws.scheduler.Schedule(
                run.name,
                name=run.name,
                group_name=group.name,
                description=run.does,
                schedule_expression=run.rate,
                flexible_time_window={"mode": "OFF"},
                target={
                    "arn": functions[run.function].arn,
                    "role_arn": role.arn,
                    "input": json.dumps(run.payload, sort_keys=True),
                    "retry_policy": {
                        "maximum_retry_attempts": RETRIES,
                        "maximum_event_age_in_seconds": run.stale_seconds,
                    },
                    "dead_letter_config": {"arn": letters.arn},
                },
                opts=pulumi.ResourceOptions(parent=self, depends_on=[policy, *letters.ready, *dropped, *after]),
            )
        self.register_outputs({"dead_letters": letters.arn})
