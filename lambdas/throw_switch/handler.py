"""`{"switch": "stop_submits", "because": …, "caller": …}` from `./rendio switch`; `"back": true` takes it back.

The answer says what was, what is, and who did it; `{"error"}` is the caller's to mend and fails no invocation.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from lambdas.runtime.callers import answers_people, caller_of
from lambdas.runtime.observability import count, log
from lambdas.throw_switch.adapters import Adapters
from lambdas.throw_switch.logic import Wish, carry_out

_adapters = cache(Adapters.build)


@answers_people("no switch thrown")
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    called_by = caller_of(event.get("caller"), context)
    log().append_keys(called_by=called_by)
    wish, adapters = Wish.parse(event), _adapters()
    with adapters.switches() as switches:
        done = carry_out(wish, called_by, switches, adapters.standing)
    log().warning("switch", why=wish.because, **{name: value for name, value in done.items() if name != "because"})
    if done["changed"]:
        count("SwitchesChanged")
    return {"called_by": called_by, **done}
