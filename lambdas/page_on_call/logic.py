"""From an alarm's message to a call of the on-call service."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from lambdas.runtime.errors import FunctionError

RUNBOOK = "Runbook: "


class NotAnAlarm(FunctionError):
    """The topic brought something that CloudWatch did not write."""


@dataclass(frozen=True)
class Call:
    """One call. Calls of one alarm share its name as key, so that its end ends the incident it began."""

    action: str  # trigger or resolve
    alarm: str
    summary: str
    runbook: str
    reason: str

    def as_event(self, routing_key: str | None) -> dict[str, Any]:
        """As PagerDuty's Events API v2 takes it; Opsgenie and others take the same through an integration."""
        event: dict[str, Any] = {
            "event_action": self.action,
            "dedup_key": self.alarm,
            "payload": {
                "summary": f"{self.alarm}: {self.summary}",
                "source": self.alarm,
                "severity": "critical",
                "custom_details": {"reason": self.reason, "runbook": self.runbook},
            },
            "links": [{"href": self.runbook, "text": "Runbook"}],
        }
        return event if routing_key is None else {"routing_key": routing_key, **event}


def call_of(message: str) -> Call:
    """The call that an alarm's message asks for.

    Raises:
        NotAnAlarm: it is not what CloudWatch sends.
    """
    try:
        said = json.loads(message)
        symptom, _, runbook = str(said["AlarmDescription"]).partition(RUNBOOK)
        return Call(
            action="trigger" if said["NewStateValue"] == "ALARM" else "resolve",
            alarm=str(said["AlarmName"]),
            summary=symptom.strip(),
            runbook=runbook.strip(),
            reason=str(said.get("NewStateReason", "")),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise NotAnAlarm(f"not an alarm's message: {type(error).__name__}") from error
