"""One dashboard a stack, from the alarm catalogue: users first, then saturation, then cost, alarms on top."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.alarm_model import Alarm, Generated, Math, Metric, own
from infra.names import Names

WIDTH, HEIGHT, COLUMNS = 8, 6, 24
# What no alarm watches and a reader wants beside what one does.
_USERS = (
    ("Check-ins", (own("CheckIns", "Sum", service="device_check"), own("NewUsers", "Sum", service="device_check"))),
    (
        "Generation, seconds",
        (
            own("GenerationSeconds", "p50", service="fal_webhook"),
            own("GenerationSeconds", "p95", service="fal_webhook"),
        ),
    ),
    (
        "Time to own storage, seconds",
        (
            own("VideoDownloadSeconds", "p95", service="migrate_video"),
            own("VideoUploadSeconds", "p95", service="migrate_video"),
        ),
    ),
    (
        "Playable: completed and copied",
        (
            own("GenerationsCompleted", "Sum", service="fal_webhook"),
            own("VideoMigrations", "Sum", service="migrate_video"),
        ),
    ),
)
_COST = (
    (
        "Credits spent and given back",
        (
            own("CreditsSpent", "Sum", service="submit_video"),
            own("CreditsRefunded", "Sum", service="submit_video"),
        ),
    ),
)
_SECTIONS = (
    ("Users", ("API-", "CHECK-IN", "SESSIONS", "GENERATIONS", "MIGRATION", "VIDEO-"), _USERS),
    ("Saturation", ("DATABASE", "QUEUE", "DEAD", "FUNCTIONS-", "NAT"), ()),
    ("Cost and access", ("STORAGE", "GENERATOR", "SIGN-UP", "LEDGER", "ACCESS"), _COST),
)


class Dashboard(pulumi.ComponentResource):
    """A graph for each alarm with its threshold, and the alarms' states above all."""

    url: str

    def __init__(
        self,
        resource_name: str,
        *,
        names: Names,
        alarms: Sequence[Alarm],
        generated: Mapping[str, pulumi.Output[str]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("rendio:dashboard:Dashboard", resource_name, None, opts)
        aws.cloudwatch.Dashboard(
            "dashboard",
            dashboard_name=names.dashboard,
            dashboard_body=pulumi.Output.all(**generated).apply(lambda known: body(names, alarms, known)),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.url = (
            f"https://{names.region}.console.aws.amazon.com/cloudwatch/home"
            f"?region={names.region}#dashboards/dashboard/{names.dashboard}"
        )
        self.register_outputs({"url": self.url})


def body(names: Names, alarms: Sequence[Alarm], generated: Mapping[str, str]) -> str:
    """The dashboard as CloudWatch takes it, in canonical order."""
    arns = [f"arn:aws:cloudwatch:{names.region}:{names.account}:alarm:{names.alarm(alarm.name)}" for alarm in alarms]
    # CloudWatch shows at most 100 alarms in one widget.
    widgets: list[dict[str, Any]] = [
        {"type": "alarm", "x": 0, "y": 0, "width": COLUMNS, "height": 4,
         "properties": {"title": "Alarms", "alarms": arns[:100], "sortBy": "stateUpdatedTimestamp"}}
    ]  # fmt: skip
    y = 4
    for title, beginnings, more in _SECTIONS:
        heading = {"type": "text", "x": 0, "y": y, "width": COLUMNS, "height": 1}
        widgets.append({**heading, "properties": {"markdown": f"## {title}"}})
        graphs = [
            _graph(names, name, [_line(names, metric, generated) for metric in metrics]) for name, metrics in more
        ]
        graphs += [
            _of_alarm(names, alarm, generated)
            for alarm in alarms
            if alarm.id.startswith(beginnings) and not (alarm.instance and alarm.id.startswith("FUNCTION-"))
        ]
        y += 1
        for position, graph in enumerate(graphs):
            row, column = divmod(position, COLUMNS // WIDTH)
            place = {"x": column * WIDTH, "y": y + row * HEIGHT, "width": WIDTH, "height": HEIGHT}
            widgets.append({"type": "metric", **place, "properties": graph})
        y += HEIGHT * -(-len(graphs) // (COLUMNS // WIDTH))
    # A line at a threshold is true of the alarm's own period alone, whatever time is looked at.
    return json.dumps({"periodOverride": "inherit", "widgets": widgets}, sort_keys=True)


def _of_alarm(names: Names, alarm: Alarm, generated: Mapping[str, str]) -> dict[str, Any]:
    lines: list[Any] = []
    watch = alarm.judged
    if isinstance(watch, Math):
        lines.append([{"expression": watch.expression, "label": alarm.id, "id": "watched"}])
        for identifier, metric in watch.metrics.items():
            line = _line(names, metric, generated)
            lines.append([*line[:-1], {**line[-1], "id": identifier, "visible": False}])
    else:
        lines.append(_line(names, watch, generated))
    graph = _graph(names, alarm.name, lines, period=alarm.window.seconds)
    return {**graph, "annotations": {"horizontal": [{"label": str(alarm.severity), "value": alarm.threshold}]}}


def _graph(names: Names, title: str, lines: list[Any], *, period: int = 300) -> dict[str, Any]:
    return {"title": title, "region": names.region, "view": "timeSeries", "period": period, "metrics": lines}


def _line(names: Names, metric: Metric, generated: Mapping[str, str]) -> list[Any]:
    dimensions: list[str] = []
    for name, value in sorted(metric.dimensions.items()):
        known = generated[value.what] if isinstance(value, Generated) else value
        dimensions += [name, known.format(stack=names.stack, prefix=names.prefix)]
    return [metric.namespace, metric.name, *dimensions, {"stat": metric.statistic}]
