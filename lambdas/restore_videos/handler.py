"""`{"user_id": …, "days": 7, "dry_run": false, "caller": …}` or `{"video_id": …}` from `./rendio restore`.

The answer: `{"called_by", "restored", "gone"}`; `{"error"}` is the caller's to mend and fails no invocation.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from lambdas.restore_videos.adapters import Adapters
from lambdas.restore_videos.logic import Request, restore
from lambdas.runtime.callers import answers_people, caller_of
from lambdas.runtime.observability import count, log

_adapters = cache(Adapters.build)


@answers_people("nothing restored")
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
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
