"""Metrics in log lines (CloudWatch embedded metric format) become metrics.

MiniStack stores the line and stops there. Source: CloudWatch User Guide, "Specification: Embedded metric
format". The hook is the one place that both functions' output and PutLogEvents pass.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

from ministack.services import cloudwatch, cloudwatch_logs

from local.ministack import alarms

_log = logging.getLogger("rendio.embedded_metrics")


def install() -> None:
    """Read each appended batch of log events."""
    append = cloudwatch_logs._append_log_events

    def appending(stream: Any, events: Any) -> None:
        append(stream, events)
        found = [metric for event in events for metric in read(str(event.get("message", "")))]
        for namespace, name, value, unit, dimensions in found:
            cloudwatch.record_metric(namespace, name, value, unit, dimensions)
        if found:
            alarms.evaluate_those_of((namespace, name) for namespace, name, *_ in found)

    cloudwatch_logs._append_log_events = appending


def read(line: str) -> Iterator[tuple[str, str, float, str, dict[str, str]]]:
    """The metrics in a log line: namespace, name, value, unit, dimensions; one for each set of dimensions."""
    if '"_aws"' not in line:
        return
    try:
        document = json.loads(line)
        directives = document["_aws"]["CloudWatchMetrics"]
        for directive in directives:
            for names in directive.get("Dimensions") or [[]]:
                dimensions = {name: str(document[name]) for name in names}
                for metric in directive["Metrics"]:
                    values = document[metric["Name"]]
                    for value in values if isinstance(values, list) else [values]:
                        yield (
                            directive["Namespace"],
                            metric["Name"],
                            float(value),
                            metric.get("Unit", "None"),
                            dimensions,
                        )
    except (ValueError, TypeError, KeyError) as malformed:
        # AWS drops such a line as well and counts it in AWS/Logs EMFParsingErrors. The line may hold anything:
        # only the kind of mistake is told.
        _log.warning("a log line has malformed embedded metrics (%s)", type(malformed).__name__)
        cloudwatch.record_metric("AWS/Logs", "EMFParsingErrors", 1, "Count", {})
