"""Schedules are looked at every second, not every ten, so that `at()` fires when it says.

EventBridge Scheduler promises a minute's precision; a test should not have to wait for it.
"""

from __future__ import annotations

from ministack.services import scheduler

_EVERY_SECONDS = 1


def install() -> None:
    """Set the pace; MiniStack reads it before each round."""
    scheduler._SCHEDULE_TICK_INTERVAL = _EVERY_SECONDS
