"""Run by a schedule. It calls the outside monitor only if the whole way of a page is sound."""

from __future__ import annotations

from functools import cache
from typing import Any

from lambdas.heartbeat.adapters import Adapters
from lambdas.heartbeat.logic import faults
from lambdas.runtime.observability import begin_invocation, count, end_invocation, log, schedule_ran

_adapters = cache(Adapters.build)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001  # the schedule says nothing
    """Answer `{"faults": [...]}`; with none, the monitor was called."""
    request_id = str(getattr(context, "aws_request_id", ""))
    begin_invocation(request_id=request_id, lambda_request_id=request_id)
    try:
        adapters = _adapters()
        found = faults(adapters.way)
        for fault in found:
            log().error("the way of a page is broken", fault=fault)
        if not found:
            adapters.monitor.beat()
            count("Heartbeats")
            schedule_ran()
        return {"faults": found}
    finally:
        end_invocation()
