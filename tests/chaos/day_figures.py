"""What a replayed day has to show, and its report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lambdas.runtime.generations import OUR_FAILURES
from tests.chaos.record import Figure

# What the alarm promises for a fault of 0.6 failures a minute and more (infra/alarm_catalogue.py).
PROMISE_MINUTES = 10
# From the failure that makes the rule true to the page: a look each minute, and the page's way.
WAY_MINUTES = 4
LATE_MINUTES = 5
REFUSED, REFUSAL_ALARM = "refused", "GENERATOR-REFUSES-US"
ALARM, ENOUGH, WINDOW_MINUTES = "GENERATIONS-FAILING", 3, 30


def figures(name: str, part: dict[str, Any]) -> list[Figure]:
    """What the part has to show."""
    ours = [minute for minute, code in part["failures"] if code in OUR_FAILURES]
    pages = part["pages"]
    played = f"{name}, {part['hours'][0]:g} to {part['hours'][1]:g} h"
    ordered = part["calls"].get("order", 0)
    sound = [
        Figure.exactly(f"{played}: calls that went wrong, of {sum(part['calls'].values())}", len(part["problems"]), 0),
        Figure.at_most(f"{played}: the latest visit's delay, minutes", round(part["late_minutes"], 1), LATE_MINUTES),
    ]
    if not part["share"]:
        return [
            Figure.exactly(f"{played}: videos stored, of {ordered} ordered", part["stored"], ordered),
            Figure.exactly(f"{played}: pages", len(pages), 0),
            *sound,
        ]
    alarm_due = REFUSAL_ALARM if name == REFUSED else ALARM
    others = sorted({alarm for _, alarm in pages} - {alarm_due})
    paged = [minute for minute, alarm in pages if alarm == alarm_due]
    shown = [Figure.exactly(f"{played}: other alarms that paged", ", ".join(others), ""), *sound]
    if part["share"] == 1.0 or name == REFUSED:
        minutes = round(paged[0] - ours[0], 1) if paged and ours else float("inf")
        return [
            Figure.at_most(f"{played}: minutes from the first failure to the page", minutes, PROMISE_MINUTES),
            *shown,
        ]
    due = due_pages(ours)
    met = [min((minute - when for minute in paged if minute >= when - 1), default=float("inf")) for when in due]
    return [
        Figure.exactly(f"{played}: pages, {len(ours)} of {ordered} failed, due by the rule", len(paged), len(due)),
        Figure.at_most(
            f"{played}: minutes from the failure that makes a page due to it", max(met, default=0), WAY_MINUTES
        ),
        *shown,
    ]


def due_pages(failures: Sequence[float]) -> list[float]:
    """Minutes at which three failures within half an hour are complete, and no page was on already."""
    due: list[float] = []
    on_until = float("-inf")
    for number, minute in enumerate(failures):
        if number >= ENOUGH - 1 and minute - failures[number - ENOUGH + 1] < WINDOW_MINUTES:
            if minute > on_until:
                due.append(minute)
            # It ends when fewer than three are left in the window.
            on_until = failures[number - ENOUGH + 1] + WINDOW_MINUTES
    return due


def told(results: dict[str, Any]) -> str:
    """What happened in each part, hour by hour, as Markdown; raw figures stand in units.jsonl."""
    lines = ["# A day, replayed", ""]
    for name, part in results.items():
        ours = [minute for minute, code in part["failures"] if code in OUR_FAILURES]
        calls = ", ".join(f"{what} {count}" for what, count in part["calls"].items())
        notified = ", ".join(f"{alarm} ({minute:.0f})" for minute, alarm in part["notified"])
        lines += [
            f"## {name}: {part['hours'][0]:g} to {part['hours'][1]:g} h, {part['share']:.0%} failing",
            f"Took {part['seconds']} s, {part['minute_seconds']} s a minute. Calls: {calls}.",
            f"{len(ours)} generations failed on our side.",
            "",
            "| Page | Minute of the day | After the first failure | Failures until then |",
            "|---|---|---|---|",
            *(
                f"| {alarm} | {minute:.1f} | {_after(minute, ours)} | {sum(failure <= minute for failure in ours)} |"
                for minute, alarm in part["pages"]
            ),
            "",
            f"Told in working hours: {notified or 'nothing'}.",
            "",
        ]
        if part["problems"]:
            wrong = "; ".join(f"{minute}: {what}" for minute, what in part["problems"][:20])
            lines += [f"Calls that went wrong: {wrong}.", ""]
    return "\n".join(lines)


def _after(minute: float, failures: Sequence[float]) -> str:
    return f"{minute - failures[0]:.1f} minutes" if failures and failures[0] <= minute else "-"
