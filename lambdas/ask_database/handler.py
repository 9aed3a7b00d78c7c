"""`{"name": "job", "parameters": {"id": …}, "caller": …}` from `./rendio query`; `{"list": true}` names the questions.

The answer: `{"asked_by", "columns", "rows", "more", "seconds"}`, or `{"error"}`, which is the asker's to mend and
fails no invocation: no alarm shall fire because somebody mistyped a name.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from lambdas.ask_database.adapters import Adapters
from lambdas.ask_database.logic import Asked, answer, catalogue
from lambdas.runtime.callers import answers_people, caller_of
from lambdas.runtime.observability import log

_adapters = cache(Adapters.build)


@answers_people("not answered")
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    if event.get("list") is True:
        return {"queries": catalogue()}
    asked_by = caller_of(event.get("caller"), context)
    log().append_keys(asked_by=asked_by, query=str(event.get("name")))
    asked = Asked.parse(event)
    found = answer(asked, _adapters().rows)
    values = {name: str(value) for name, value in asked.values.items()}
    log().info("asked", parameters=values, rows=len(found["rows"]), seconds=found["seconds"])
    return {"asked_by": asked_by, **found}
