"""A journey's steps: run in order, told as a table."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx
import psycopg
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.table import Table

from local.journey.client import PhoneError, told

TABLE_WIDTH = 120

Step = tuple[str, Callable[[], str]]
"""What is done, in words, and the doing, which answers what it saw."""


class StepFailed(Exception):
    """A step did not go as it must."""


@dataclass(frozen=True)
class Outcome:
    """How a step went: `passed` is None when it was not reached."""

    step: str
    passed: bool | None
    detail: str = ""
    milliseconds: float = 0.0


def require(met: bool, otherwise: str) -> None:
    if not met:
        raise StepFailed(otherwise)


def refused(answer: httpx.Response, status: int) -> str:
    require(answer.status_code == status, f"it was answered {told(answer)}")
    return told(answer)


def walk(steps: list[Step]) -> list[Outcome]:
    """Take the steps in order, up to the first that fails: the later ones build on it."""
    outcomes: list[Outcome] = []
    for step, action in steps:
        if outcomes and not outcomes[-1].passed:
            outcomes.append(Outcome(step, None, "not reached"))
            continue
        started = time.monotonic()
        try:
            passed, detail = True, action()
        except (StepFailed, PhoneError) as error:
            passed, detail = False, str(error)
        except (httpx.HTTPError, psycopg.Error, ClientError, BotoCoreError, KeyError, TypeError, ValueError) as error:
            passed, detail = False, f"{type(error).__name__}: {str(error).splitlines()[0][:120] if str(error) else ''}"
        outcomes.append(Outcome(step, passed, detail, (time.monotonic() - started) * 1000))
    return outcomes


def table(outcomes: list[Outcome]) -> Table:
    """Steps, how each went, how long it took."""
    marks = {True: "[green]✓[/green]", False: "[red]✗[/red]", None: "[dim]–[/dim]"}
    shown = Table(box=None, pad_edge=False, header_style="bold")
    shown.add_column("step")
    shown.add_column("status")
    shown.add_column("ms", justify="right")
    shown.add_column("seen", overflow="fold")
    for outcome in outcomes:
        milliseconds = f"{outcome.milliseconds:.0f}" if outcome.passed is not None else ""
        shown.add_row(outcome.step, marks[outcome.passed], milliseconds, outcome.detail)
    return shown


def console() -> Console:
    """The terminal; a pipe or a log gets lines of a width that shows each step on one."""
    found = Console(soft_wrap=True)
    return found if found.is_terminal else Console(soft_wrap=True, width=TABLE_WIDTH)
