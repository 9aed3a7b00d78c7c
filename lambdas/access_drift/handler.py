"""Run by a schedule, and by whoever wants to know now."""

from __future__ import annotations

from functools import cache
from typing import Any

from lambdas.access_drift.adapters import connect
from lambdas.access_drift.expected import Expected, read_expected
from lambdas.access_drift.logic import find_drifts
from lambdas.runtime import clients
from lambdas.runtime.observability import begin_invocation, count, end_invocation, log, schedule_ran


@cache
def _expected() -> Expected:
    return read_expected()


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001  # Lambda passes an event; none is used
    """Answer `{"count", "drifts": [{"kind", "object", "expected", "actual"}]}`; the metric AccessDrift counts them.

    None is counted as 0: a check that does not report is not a check that found nothing.
    """
    invocation = getattr(context, "aws_request_id", "")
    begin_invocation(request_id=invocation, lambda_request_id=invocation)
    try:
        with connect() as connection:
            found = find_drifts(connection, clients.s3(), _expected())
        count("AccessDrift", len(found))
        for drift in found:
            log().warning("access drift", kind=drift.kind, object=drift.object)
        schedule_ran()
        return {"count": len(found), "drifts": [drift.as_json() for drift in found]}
    finally:
        end_invocation()
