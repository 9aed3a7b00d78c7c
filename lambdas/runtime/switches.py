"""What people on call have switched off (docs/adr/0075-switches.md).

A switch is thrown by its row in the database, or stands in the stack's configuration; either is enough. Whoever cannot
read the row cannot work either: it is in the database that the work itself needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from lambdas.runtime.database import Cursor, Database
from lambdas.runtime.environment import read_settings


class Switch(StrEnum):
    """Each is off unless thrown; all of them stop something."""

    STOP_SUBMITS = "stop_submits"
    PAUSE_VIDEO_MIGRATION = "pause_video_migration"
    PAUSE_CLEAN_UPS = "pause_clean_ups"


@dataclass(frozen=True)
class SwitchSettings:
    """`switches_standing`: those that the configuration throws."""

    switches_standing: list[str]


def standing() -> frozenset[Switch]:
    """The switches that the stack's configuration throws.

    Raises:
        ConfigurationError: the environment does not say.
    """
    return frozenset(map(Switch, read_settings(SwitchSettings).switches_standing))


def thrown_in(cursor: Cursor, switch: Switch) -> bool:
    """Whether the switch's row says so, as this transaction sees it."""
    found = cursor.execute(
        "select from rendio.switches where name = %s and thrown_at is not null", (str(switch),)
    ).fetchone()
    return found is not None


@dataclass(frozen=True)
class Watched:
    """One switch, as a function looks at it before each piece of work."""

    database: Database
    switch: Switch
    standing: frozenset[Switch]

    @classmethod
    def build(cls, database: Database, switch: Switch) -> Watched:
        return cls(database, switch, standing())

    def thrown(self) -> bool:
        """Whether it is thrown now.

        Raises:
            DatabaseUnavailable
        """
        if self.switch in self.standing:
            return True
        with self.database.transaction() as cursor:
            return thrown_in(cursor, self.switch)
