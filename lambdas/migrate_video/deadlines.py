"""The time a copy may take: each phase its own seconds, and the whole its own, by the monotonic clock.

The copying thread waits for one thing at a time, the source or storage, and that phase pays for the wait. So a slow
source never uses up storage's seconds, nor the other way round, although parts are read and sent side by side.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lambdas.migrate_video.errors import Cause, CopyFailedForNow, Phase


@dataclass(frozen=True)
class Limits:
    """What one copy may take (plan M6, M8)."""

    download_seconds: float = 15
    upload_seconds: float = 15
    total_seconds: float = 30
    maximum_bytes: int = 500 * 1024 * 1024


class Allowance:
    """The seconds of one phase. They run only inside `running()`; the copy's end counts always."""

    def __init__(self, phase: Phase, seconds: float, *, ends: float, now: Callable[[], float] = time.monotonic) -> None:
        self.phase = phase
        self._seconds, self._ends, self._now = seconds, ends, now
        self._spent = 0.0
        self._began: float | None = None

    @contextmanager
    def running(self) -> Iterator[None]:
        """This phase pays for what happens inside."""
        self._began = self._now()
        try:
            yield
        finally:
            self._spent, self._began = self.spent, None

    @property
    def spent(self) -> float:
        """Seconds that this phase has taken so far."""
        return self._spent if self._began is None else self._spent + self._now() - self._began

    def left(self) -> float:
        """Seconds until the phase must have ended, more than 0: the timeout for the next wait.

        Raises:
            CopyFailedForNow: there are none left.
        """
        seconds = min(self._seconds - self.spent, self._ends - self._now())
        if seconds <= 0:
            raise self.over()
        return seconds

    def over(self) -> CopyFailedForNow:
        """The error of a phase that has had its time."""
        return CopyFailedForNow(self.phase, Cause.OUT_OF_TIME, f"not done after {self.spent:.1f} s")


class Deadlines:
    """One copy's allowances; the whole copy's time begins now."""

    def __init__(self, limits: Limits, now: Callable[[], float] = time.monotonic) -> None:
        ends = now() + limits.total_seconds
        self.download = Allowance(Phase.DOWNLOAD, limits.download_seconds, ends=ends, now=now)
        self.upload = Allowance(Phase.UPLOAD, limits.upload_seconds, ends=ends, now=now)
