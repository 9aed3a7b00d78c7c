"""What the clean-ups share: how much one run does, when it stops, what it says of itself.

A clean-up goes through what its plan finds, oldest first, a batch at a time. Of each batch the objects go first and the
rows after them, so that a killed run leaves rows whose objects are gone, never objects that no row names: the next run
finds those rows again and ends what was begun. A dry run asks the same plan and removes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, Protocol, TypeVar

from lambdas.runtime.errors import ConfigurationError
from lambdas.runtime.observability import begin_invocation, count, end_invocation, log, seconds

# Nothing new is begun in the last seconds: a batch takes a few.
LAST_SECONDS = 15

Item = TypeVar("Item")


@dataclass(frozen=True)
class CleanUpSettings:
    """How a clean-up runs (configuration `clean_up`). Nothing goes before its retention and the grace are over."""

    clean_up_grace_hours: int
    clean_up_batch: int
    clean_up_cap: int
    clean_up_dry_run: str

    @property
    def dry_run(self) -> bool:
        return _yes(self.clean_up_dry_run, "CLEAN_UP_DRY_RUN")

    def age(self, days: int) -> timedelta:
        """How old what goes must be at least, by the database's clock."""
        return timedelta(days=days, hours=self.clean_up_grace_hours)


class Plan(Protocol[Item]):
    """What is to go. `after` is the last item seen: each call goes on behind it."""

    def batch(self, after: Item | None, limit: int) -> list[Item]: ...
    def left(self) -> int: ...


@dataclass(frozen=True)
class Cleaned:
    """`planned` were found, `removed` are gone; a dry run only plans."""

    planned: int = 0
    removed: int = 0


@dataclass(frozen=True)
class CleanUp(Generic[Item]):
    """One clean-up: `remove` removes a batch's objects and then its rows, and gives how many rows went."""

    plan: Plan[Item]
    remove: Callable[[Sequence[Item]], int]

    def run(self, *, batch: int, cap: int, dry_run: bool, may_go_on: Callable[[], bool]) -> Cleaned:
        """Remove up to `cap` items. Whatever fails ends the run with its error; what was done is done."""
        planned = removed = 0
        last: Item | None = None
        while planned < cap and may_go_on():
            items = self.plan.batch(last, min(batch, cap - planned))
            if not items:
                break
            planned, last = planned + len(items), items[-1]
            if not dry_run:
                removed += self.remove(items)
        return Cleaned(planned, removed)


def clock(context: Any) -> Callable[[], bool]:
    """Says whether this invocation has time for more."""
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    return lambda: remaining is None or remaining() > 1000 * LAST_SECONDS


@contextmanager
def scheduled(context: Any) -> Iterator[str]:
    """An invocation by the schedule: its request id, and at its good end the metric that it ran."""
    request_id = str(getattr(context, "aws_request_id", ""))
    begin_invocation(request_id=request_id, lambda_request_id=request_id)
    began = time.monotonic()
    try:
        yield request_id
        seconds("RunSeconds", time.monotonic() - began)
        count("ScheduleRan")
    finally:
        end_invocation()


def run_clean_up(
    clean_up: CleanUp[Item],
    settings: CleanUpSettings,
    *,
    paused: Callable[[], bool],
    metric: str,
    dry_run: bool,
    context: Any,
) -> dict[str, int | bool]:
    """Run one clean-up and report it; paused, it says so and does nothing. A pause stops it before its next batch.

    `metric` names what goes: `VideosCleaned`. `CleanUpRemaining` is what the cap or the time left for the next run.
    """
    if paused():
        log().warning("clean-ups are paused", metric=metric)
        return {"paused": True}
    dry_run = dry_run or settings.dry_run
    began, in_time = time.monotonic(), clock(context)
    done = clean_up.run(
        batch=settings.clean_up_batch,
        cap=settings.clean_up_cap,
        dry_run=dry_run,
        may_go_on=lambda: in_time() and not paused(),
    )
    left = clean_up.plan.left()
    count(metric, done.removed)
    count("CleanUpRemaining", left)
    seconds("CleanUpSeconds", time.monotonic() - began)
    log().info("cleaned up", metric=metric, planned=done.planned, removed=done.removed, left=left, dry_run=dry_run)
    return {"planned": done.planned, "removed": done.removed, "left": left, "dry_run": dry_run}


def _yes(text: str, variable: str) -> bool:
    if text not in ("true", "false"):
        raise ConfigurationError(f"{variable} is neither true nor false (infra/function_environments.py sets it)")
    return text == "true"
