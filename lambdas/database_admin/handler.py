"""Invoked by a deployment, with the access model as its input (infra/database.py).

Whoever invokes it otherwise is counted as DatabaseAdminInvocationsUnplanned (docs/adr/0052-drift.md).
"""

from __future__ import annotations

from functools import cache
from typing import Any

from lambdas.database_admin.adapters import Adapters
from lambdas.database_admin.logic import Applied, apply
from lambdas.database_admin.plan import Plan, PlanRefused
from lambdas.runtime.observability import begin_invocation, count, end_invocation, log

UNPUBLISHED = "$LATEST"


@cache
def _adapters() -> Adapters:
    return Adapters.build()


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Apply the plan in `event`; answer digests of what is applied now. An error fails the deployment."""
    invocation, version = getattr(context, "aws_request_id", ""), getattr(context, "function_version", UNPUBLISHED)
    begin_invocation(request_id=invocation, lambda_request_id=invocation)
    unplanned = "a deployment names a published version" if version == UNPUBLISHED else ""
    try:
        applied = _apply(event, version)
        if applied.was_repeated:
            unplanned = unplanned or "the same version had applied the same plan, and there was nothing to mend"
        count("AccessModelApplied")
        log().info("access model applied", applied=applied.as_json())
        return applied.as_json()
    except Exception as error:
        if isinstance(error, PlanRefused):
            unplanned = unplanned or "the input is not the packaged plan"
        count("AccessModelFailed")
        log().error("access model not applied", cause=str(error))
        raise
    finally:
        count("DatabaseAdminInvocations")
        count("DatabaseAdminInvocationsUnplanned", 1 if unplanned else 0)
        if unplanned:
            log().warning("database_admin was invoked, and by no deployment", because=unplanned)
        end_invocation()


def _apply(event: dict[str, Any], version: str) -> Applied:
    adapters, plan = _adapters(), Plan.of(event)
    plan.require_match(adapters.package, stack=adapters.stack, database=adapters.database)
    with adapters.master.connect() as connection:
        return apply(plan, adapters.package, connection, applied_by=version)
