"""Puts back what can be put back: dead letters into their queue, deleted videos into storage."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rich.console import Console

from local.people import Person

ROLE = "operator"
REDRIVE, RESTORE = "redrive-dead-letters", "restore-videos"
STEP_SECONDS = 5.0
MAXIMUM_STEP = 100
EMPTY_STEPS = 3


def redrive(
    person: Person, console: Console, *, rate: int, dry_run: bool, sleep: Callable[[float], None] = time.sleep
) -> int:
    """Move every dead letter of video migration back to its queue, `rate` a minute; how many went.

    SQS shows a look some of its letters and counts them late, so one step that finds none says nothing.

    Raises:
        Refused: the person may not.
        LocalError: the function cannot be called, or it failed; what was moved is moved.
    """
    step = max(1, min(MAXIMUM_STEP, round(rate * STEP_SECONDS / 60)))
    moved = empty = 0
    while True:
        answer = person.call(REDRIVE, {"limit": step, "dry_run": dry_run})
        if dry_run:
            _say(console, f"{answer['left']} dead letters wait. Nothing was changed.")
            return 0
        moved += int(answer["moved"])
        empty = 0 if answer["moved"] else empty + 1
        if empty and not answer["left"]:
            _say(console, f"{moved} dead letters were moved back, none is left: {answer['called_by']}.")
            return moved
        if empty == EMPTY_STEPS:
            which = f"which {EMPTY_STEPS} steps did not find: {answer['called_by']}"
            _say(console, f"{moved} dead letters were moved back, about {answer['left']} are left, {which}.")
            _say(console, "SQS counts late, and what a failed step took is hidden for a minute: then run it again.")
            return moved
        _say(console, f"  … {moved} moved, {answer['left']} left")
        sleep(60 * answer["moved"] / rate or STEP_SECONDS)


def restore(person: Person, *, video: str, user: str, days: int, dry_run: bool) -> dict[str, Any]:
    """`{"called_by", "restored", "gone"}`: a deleted video, or those a user lost within the last days.

    Raises:
        Refused: what was asked for is wrong, or the person may not.
        LocalError: the function cannot be called, or it failed.
    """
    wish: dict[str, Any] = {"dry_run": dry_run}
    wish |= {"video_id": video} if video else {}
    wish |= {"user_id": user} if user else {}
    wish |= {"days": days} if days else {}
    return person.call(RESTORE, wish)


def show(done: dict[str, Any], console: Console, *, dry_run: bool) -> None:
    """Each video, and how to take it back."""
    verb = "could be restored" if dry_run else "restored"
    for identifier in done["restored"]:
        _say(console, f"{identifier}  {verb}")
    for identifier in done["gone"]:
        _say(console, f"{identifier}  gone: its old version is there no more")
    _say(console, f"{len(done['restored'])} {verb}, {len(done['gone'])} gone: {done['called_by']}.")
    if done["restored"] and not dry_run:
        _say(console, "Its user takes it back by deleting the video again.")


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
