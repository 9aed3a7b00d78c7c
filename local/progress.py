"""What a person sees while something takes long: one line a step, alive on a terminal, plain elsewhere.

rich honours NO_COLOR and TERM=dumb; a pipe gets plain lines, and a sign of life every ten seconds.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.status import Status

ALIVE_SECONDS = 10.0


class Step:
    """A step under way."""

    def __init__(self, title: str, console: Console, status: Status | None) -> None:
        self._title, self._console, self._status = title, console, status
        self._last = time.monotonic()
        self.detail = ""

    def say(self, detail: str) -> None:
        """Show what it does now; what was said last stays beside the finished step."""
        self.detail = detail
        if self._status is not None:
            self._status.update(f"{escape(self._title)}  [dim]{escape(detail)}[/dim]")
        elif detail and time.monotonic() - self._last >= ALIVE_SECONDS:
            self._last = time.monotonic()
            self._console.print(f"  … {self._title}: {detail}", markup=False, highlight=False)


class Progress:
    """Reports steps on a console."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console if console is not None else Console(stderr=True, soft_wrap=True)

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """A step: done when the block ends, failed when it raises."""
        started = time.monotonic()
        alive = self.console.is_terminal and not self.console.is_dumb_terminal
        status = self.console.status(escape(title)) if alive else None
        step = Step(title, self.console, status)
        if status is not None:
            status.start()
        elif not alive:
            self.console.print(f"  … {title}", markup=False, highlight=False)
        mark, style = "✗", "red"
        try:
            yield step
            mark, style = "✓", "green"
        finally:
            if status is not None:
                status.stop()
            seconds = time.monotonic() - started
            detail = f"  {step.detail}" if step.detail and mark == "✓" else ""
            self.console.print(
                f"  [{style}]{mark}[/{style}] {escape(title)}[dim]{escape(detail)}  {seconds:.1f} s[/dim]",
                highlight=False,
            )

    def note(self, text: str, *, style: str = "") -> None:
        """A line of its own."""
        self.console.print(f"    {text}", style=style or None, markup=False, highlight=False)


class Silent(Progress):
    """Reports nothing, for tests and for commands whose output is read by programs."""

    def __init__(self) -> None:
        super().__init__(Console(quiet=True))
