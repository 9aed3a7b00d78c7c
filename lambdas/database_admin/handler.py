"""Invoked by a deployment, with the access model as its input (infra/database.py)."""

from __future__ import annotations

from functools import cache
from typing import Any

from lambdas.database_admin.adapters import Adapters
from lambdas.database_admin.logic import apply
from lambdas.database_admin.plan import Plan
from lambdas.runtime.observability import begin_invocation, count, end_invocation, log


@cache
def _adapters() -> Adapters:
    return Adapters.build()


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Apply the plan in `event`; answer digests of what is applied now. An error fails the deployment."""
    invocation = getattr(context, "aws_request_id", "")
    begin_invocation(request_id=invocation, lambda_request_id=invocation)
    try:
        adapters, plan = _adapters(), Plan.of(event)
        plan.require_match(adapters.package, stack=adapters.stack, database=adapters.database)
        with adapters.master.connect() as connection:
            applied = apply(plan, adapters.package, connection)
        count("AccessModelApplied")
        log().info("access model applied", applied=applied.as_json())
        return applied.as_json()
    except Exception as error:
        count("AccessModelFailed")
        log().error("access model not applied", cause=str(error))
        raise
    finally:
        end_invocation()
