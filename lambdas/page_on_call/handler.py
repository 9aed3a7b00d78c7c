"""Run by the page topic. A failed call is tried twice more by Lambda, then kept in a queue that heartbeat watches."""

from __future__ import annotations

from functools import cache
from typing import Any

from lambdas.page_on_call.adapters import Pager
from lambdas.page_on_call.logic import call_of
from lambdas.runtime.observability import begin_invocation, count, end_invocation, log


@cache
def _pager() -> Pager:
    return Pager.build()


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer `{"calls": n}` once the on-call service has taken every one."""
    request_id = str(getattr(context, "aws_request_id", ""))
    begin_invocation(request_id=request_id, lambda_request_id=request_id)
    try:
        calls = [call_of(str(record["Sns"]["Message"])) for record in event.get("Records") or ()]
        for call in calls:
            _pager().send(call)
            count("PagesSent")
            log().info("called", alarm=call.alarm, action=call.action)
        return {"calls": len(calls)}
    finally:
        end_invocation()
