"""How fast the local cloud's clock goes for alarms and schedules: real time, unless a drill compresses it.

An alarm of an hour takes an hour, here as on AWS. A drill that waits for every alarm, or replays a day, starts the
emulator with another pace; the alarms and schedules stay those that are deployed everywhere. What code itself waits for
(a function's time limit, a message's delay, a lease in the database) stays real.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

MINUTE = 60.0
_MINUTE_NAME, _LONGEST_NAME = "RENDIO_MINUTE_SECONDS", "RENDIO_LONGEST_SECONDS"
_LOOK_SECONDS, _SHORTEST_LOOK_SECONDS = 5.0, 1.0


@dataclass(frozen=True)
class Pace:
    """
    Attributes:
        minute_seconds: how many real seconds a minute of an alarm's period or a schedule's rate lasts.
        longest_seconds: no period or rate lasts longer, so that a daily one can be waited for too.
    """

    minute_seconds: float = MINUTE
    longest_seconds: float = math.inf

    def __post_init__(self) -> None:
        if not 0 < self.minute_seconds <= MINUTE or self.longest_seconds < self.minute_seconds:
            raise ValueError(f"{self} is no pace: a minute lasts up to 60 s, and the longest period at least a minute")

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Pace:
        """The pace that `environment()` told a process."""
        return cls(
            float(environment.get(_MINUTE_NAME, MINUTE)),
            float(environment.get(_LONGEST_NAME, math.inf)),
        )

    def environment(self) -> dict[str, str]:
        """What tells a process its pace; nothing at real time."""
        named = {_MINUTE_NAME: str(self.minute_seconds), _LONGEST_NAME: str(self.longest_seconds)}
        return {} if self == REAL_TIME else named

    def compressed(self, seconds: float) -> float:
        """How long `seconds` of an alarm or a schedule really last."""
        return min(seconds * self.minute_seconds / MINUTE, self.longest_seconds)

    def stretched(self, seconds: float) -> float:
        """How old something is that has waited `seconds` of real time."""
        return seconds * MINUTE / self.minute_seconds

    @property
    def look_seconds(self) -> float:
        """How often alarms are judged without a new datapoint, and the metrics of queues made."""
        return min(_LOOK_SECONDS, max(_SHORTEST_LOOK_SECONDS, self.minute_seconds / 4))


REAL_TIME = Pace()
