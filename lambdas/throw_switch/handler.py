"""`{"switch": "stop_submits", "because": …, "caller": …}` from `./rendio switch`; `"back": true` takes it back.

The answer says what was, what is, and who did it; `{"error"}` is the caller's to mend and fails no invocation.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from lambdas.runtime.callers import caller_of
from lambdas.runtime.errors import ApiError
from lambdas.runtime.observability import begin_invocation, count, end_invocation, log
from lambdas.throw_switch.adapters import Adapters
from lambdas.throw_switch.logic import Wish, carry_out

_adapters = cache(Adapters.build)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    request_id = str(getattr(context, "aws_request_id", ""))
    begin_invocation(request_id=request_id, lambda_request_id=request_id)
    try:
        return _carried_out(event, context)
    except ApiError as error:
        log().warning("no switch thrown", code=error.told_code, reason=error.told)
        return {"error": error.told}
    finally:
        end_invocation()


def _carried_out(event: dict[str, Any], context: Any) -> dict[str, Any]:
    called_by = caller_of(event.get("caller"), context)
    log().append_keys(called_by=called_by)
    wish, adapters = Wish.parse(event), _adapters()
    with adapters.switches() as switches:
        done = carry_out(wish, called_by, switches, adapters.standing)
    log().warning("switch", why=wish.because, **{name: value for name, value in done.items() if name != "because"})
    if done["changed"]:
        count("SwitchesChanged")
    return {"called_by": called_by, **done}
