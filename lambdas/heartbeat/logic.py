"""What must hold for an alarm to reach somebody (docs/adr/0073-the-way-of-a-page.md)."""

from __future__ import annotations

from typing import Protocol


class Way(Protocol):
    """The way of a page, looked at from outside of it."""

    def alarms(self) -> tuple[int, int]:
        """How many alarms page, and how many of them may act."""
        ...

    def subscribers(self, severity: str) -> tuple[int, int]:
        """How many subscribers of the topic `page` or `notify` are confirmed, and how many are not."""
        ...

    def expected(self, severity: str) -> int:
        """How many subscribers of that topic the stack's configuration asks for."""
        ...

    def undelivered(self) -> int:
        """How many calls the on-call service did not take."""
        ...

    def metrics_flow(self) -> bool:
        """Whether a metric that functions emit every minute arrived lately."""
        ...


def faults(way: Way) -> list[str]:
    """What is broken, in words of the runbook HEARTBEAT-MISSED; nothing when a page would arrive."""
    found: list[str] = []
    alarms, acting = way.alarms()
    if not alarms or acting < alarms:
        found.append(f"{acting} of {alarms} paging alarms may act")
    for severity in ("page", "notify"):
        confirmed, pending = way.subscribers(severity)
        # SNS forgets who does not confirm within two days, and whoever unsubscribes: neither is listed as pending.
        expected = way.expected(severity)
        if pending or confirmed < expected:
            told = f"{confirmed} of {expected} subscribers of the {severity} topic are confirmed, {pending} are not"
            found.append(told)
    if undelivered := way.undelivered():
        found.append(f"{undelivered} calls were not taken by the on-call service")
    if not way.metrics_flow():
        found.append("no metric arrived within ten minutes")
    return found
