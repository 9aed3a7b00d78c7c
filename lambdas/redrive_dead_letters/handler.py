"""`{"limit": 10, "dry_run": false, "caller": …}` from `./rendio redrive`, step by step.

The answer: `{"called_by", "moved", "left"}`; `{"error"}` is the caller's to mend and fails no invocation.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from lambdas.redrive_dead_letters.adapters import SqsLetters
from lambdas.redrive_dead_letters.logic import Request, redrive
from lambdas.runtime.callers import answers_people, caller_of
from lambdas.runtime.observability import log

_letters = cache(SqsLetters.build)


@answers_people("nothing redriven")
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    called_by = caller_of(event.get("caller"), context)
    request = Request.parse(event)
    moved = redrive(request, _letters())
    left = _letters().waiting()
    log().warning("dead letters redriven", called_by=called_by, moved=moved, left=left, dry_run=request.dry_run)
    return {"called_by": called_by, "moved": moved, "left": left}
