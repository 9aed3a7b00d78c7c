"""`{"limit": 100, "dry_run": false, "failed": false, "failed_before": null}` from a person, by `make backfill`.

The answer: `{"queued", "remaining", "oldest", "as_of", "dry_run"}`, times in ISO 8601.
"""

from __future__ import annotations

from functools import cache, partial
from typing import Any

from lambdas.backfill_videos.adapters import Adapters
from lambdas.backfill_videos.logic import Request, backfill
from lambdas.runtime.observability import begin_invocation, count, end_invocation, log

_adapters = cache(Adapters.build)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    request_id = str(getattr(context, "aws_request_id", ""))
    begin_invocation(request_id=request_id, lambda_request_id=request_id)
    try:
        request, adapters = Request.parse(event), _adapters()
        answer = backfill(request, jobs=adapters.jobs, send=partial(adapters.queue.send_all, request_id=request_id))
        log().info("back-fill", queued=answer.queued, remaining=answer.remaining, dry_run=request.dry_run)
        if not request.dry_run:
            count("VideosBackfilled", answer.queued)
        return {
            "queued": answer.queued,
            "remaining": answer.remaining,
            "oldest": answer.oldest.isoformat() if answer.oldest else None,
            "as_of": answer.as_of.isoformat(),
            "dry_run": request.dry_run,
        }
    finally:
        end_invocation()
