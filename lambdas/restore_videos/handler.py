"""`{"user_id": …, "days": 7, "dry_run": false, "caller": …}` or `{"video_id": …}` from `./rendio restore`.

The answer: `{"called_by", "restored", "gone"}`; `{"error"}` is the caller's to mend and fails no invocation.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from lambdas.restore_videos.adapters import Adapters
from lambdas.restore_videos.logic import Request, restore
from lambdas.runtime.callers import caller_of
from lambdas.runtime.errors import ApiError
from lambdas.runtime.observability import begin_invocation, count, end_invocation, log

_adapters = cache(Adapters.build)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    request_id = str(getattr(context, "aws_request_id", ""))
    begin_invocation(request_id=request_id, lambda_request_id=request_id)
    try:
        called_by, adapters = caller_of(event.get("caller"), context), _adapters()
        request = Request.parse(event, maximum_days=adapters.maximum_days)
        done = restore(request, adapters.videos, adapters.objects)
        log().warning(
            "videos restored",
            called_by=called_by,
            dry_run=request.dry_run,
            restored=done["restored"],
            gone=done["gone"],
        )
        if not request.dry_run:
            count("VideosRestored", len(done["restored"]))
        return {"called_by": called_by, **done}
    except ApiError as error:
        log().warning("nothing restored", code=error.told_code, reason=error.told)
        return {"error": error.told}
    finally:
        end_invocation()
