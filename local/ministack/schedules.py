"""Schedules are looked at every second, not every ten, so that `at()` fires when it says; rates keep the pace.

EventBridge Scheduler promises a minute's precision; a test should not have to wait for it. A drill that compresses
alarms (local/pace.py) compresses the rates of what they watch alike.
"""

from __future__ import annotations

import os

from ministack.services import eventbridge, scheduler

from local.pace import REAL_TIME, Pace

_EVERY_SECONDS = 1


def install() -> None:
    """Set the pace; MiniStack reads it before each round."""
    scheduler._SCHEDULE_TICK_INTERVAL = _EVERY_SECONDS
    pace = Pace.of(os.environ)
    if pace == REAL_TIME:
        return
    parse = eventbridge._parse_rate_seconds

    def parsing(expression: str) -> float | None:
        seconds = parse(expression)
        return None if seconds is None else pace.compressed(seconds)

    eventbridge._parse_rate_seconds = parsing
