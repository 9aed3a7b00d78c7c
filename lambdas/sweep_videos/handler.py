"""The schedule's call, every minute: `{}`. Answers with what each part settled.

A part that fails does not stop the others; the invocation then fails at its end, so that it is seen. The next one goes
on, in a minute.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

from lambdas.runtime.errors import FunctionError
from lambdas.runtime.observability import begin_invocation, count, count_by, end_invocation, log, schedule_ran, seconds
from lambdas.sweep_videos.adapters import Adapters
from lambdas.sweep_videos.logic import Jobs

# Nothing new is begun in the last seconds: asking the generator takes a few.
_LAST_SECONDS = 15

_adapters = cache(Adapters.build)


class SweepFailed(FunctionError):
    """Some parts of the sweep failed; each is in the log. The next sweep tries again."""


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001  # the schedule says nothing
    request_id = str(getattr(context, "aws_request_id", ""))
    begin_invocation(request_id=request_id, lambda_request_id=request_id)
    try:
        sweeper = _adapters().sweeper(request_id)
        settled, failed = _run(sweeper.parts(now=datetime.now(UTC), may_go_on=_clock(context)))
        if not _report(sweeper.jobs):
            failed.append("backlog")
        count("VideoSweeps")
        log().info("videos swept", settled=settled, failed=failed)
        if failed:
            raise SweepFailed(f"failed: {', '.join(failed)}; see the log of this invocation")
        schedule_ran()
        return {"settled": settled}
    finally:
        end_invocation()


def _run(parts: dict[str, Callable[[], int]]) -> tuple[dict[str, int], list[str]]:
    """Run each part; what each settled, and which failed."""
    settled: dict[str, int] = {}
    failed: list[str] = []
    for name, part in parts.items():
        try:
            settled[name] = part()
        except Exception:  # the database's, storage's; the other parts may need neither
            log().exception("part of the sweep failed", part=name)
            count_by("VideoSweepPartsFailed", part=name)
            failed.append(name)
        else:
            count("".join(word.title() for word in name.split("_")) + "Swept", settled[name])
    return settled, failed


def _report(jobs: Jobs) -> bool:
    """Measure how far own storage lags behind; False when that failed."""
    try:
        backlog = jobs.backlog()
    except Exception:  # the database's
        log().exception("backlog not measured")
        return False
    seconds("OldestPendingVideoMigrationSeconds", backlog.oldest_due_seconds)
    count("VideoAddressesNearExpiry", backlog.near_expiry)
    return True


def _clock(context: Any) -> Callable[[], bool]:
    """Says whether there is time for more."""
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    return lambda: remaining is None or remaining() > 1000 * _LAST_SECONDS
