"""Asks for the migration of old videos at a chosen rate, step by step. How far it is stands in the stack's database:
whoever stops it runs the same command again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

FUNCTION = "backfill-videos"
STEP_SECONDS = 5.0
MAXIMUM_STEP = 1000
ALIVE_SECONDS = 10.0


@dataclass(frozen=True)
class Backfill:
    """One run. `rate` is in videos a minute; `failed` asks again for those that failed before this run, too."""

    invoke: Callable[[Mapping[str, Any]], dict[str, Any]]
    console: Console
    rate: int
    failed: bool = False
    sleep: Callable[[float], None] = time.sleep

    def preview(self) -> None:
        """Say what a run would ask for; nothing changes."""
        answer = self.invoke({"limit": 1, "dry_run": True, "failed": self.failed})
        waiting = answer["queued"] + answer["remaining"]
        self._say(f"{waiting} videos wait; the oldest is of {answer['oldest'] or '-'}. Nothing was changed.")
        if waiting:
            self._say(f"At {self.rate} a minute that takes about {waiting / self.rate:.0f} minutes.")

    def run(self) -> int:
        """Ask until nothing remains; gives the number of videos asked for."""
        limit = max(1, min(MAXIMUM_STEP, round(self.rate * STEP_SECONDS / 60)))
        payload: dict[str, Any] = {"limit": limit, "failed": self.failed}
        asked, remaining, said = 0, 0, 0.0
        with self._bar() as bar:
            task = bar.add_task("asked for", total=None)
            while True:
                answer = self.invoke(payload)
                payload["failed_before"] = payload.get("failed_before", answer["as_of"])
                asked, remaining = asked + int(answer["queued"]), int(answer["remaining"])
                bar.update(task, completed=asked, total=asked + remaining)
                if not self.console.is_terminal and time.monotonic() - said >= ALIVE_SECONDS:
                    said = time.monotonic()
                    self._say(f"  … {asked} asked for, {remaining} remain")
                if remaining == 0 or answer["queued"] == 0:
                    break
                self.sleep(60 * answer["queued"] / self.rate)
        self._say(f"{asked} videos were asked for, {remaining} remain.")
        return asked

    def _bar(self) -> Progress:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        return Progress(*columns, console=self.console, disable=not self.console.is_terminal)

    def _say(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False)
