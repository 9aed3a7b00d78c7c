"""The words of the alarm catalogue: what an alarm says, watches and does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

MINUTE, HOUR, DAY = 60, 3600, 86400
OWN = "Rendio"


class Severity(StrEnum):
    """`page` wakes somebody; `notify` is read in working hours. A page is for what users feel, or soon will."""

    PAGE = "page"
    NOTIFY = "notify"


@dataclass(frozen=True)
class Generated:
    """A dimension's value that AWS makes up, such as the API's id: `what` is its name in `Alarms`."""

    what: str


@dataclass(frozen=True)
class Metric:
    """A metric and the statistic of it that is looked at."""

    namespace: str
    name: str
    statistic: str
    dimensions: Mapping[str, str | Generated] = field(default_factory=dict)


@dataclass(frozen=True)
class Math:
    """Metric math: `expression` over metrics by their ids."""

    expression: str
    metrics: Mapping[str, Metric]


@dataclass(frozen=True)
class Window:
    """`datapoints` of `periods` periods of `seconds` each must breach."""

    seconds: int
    periods: int = 1
    datapoints: int | None = None


@dataclass(frozen=True)
class Missing:
    """What silence means (`notBreaching` or `breaching`), and why.

    `stands_for` is the value that a period without a datapoint is filled with. CloudWatch looks back further than the
    window and judges the newest datapoints that it finds there; `treatment` is heeded only when they are too few. So a
    metric that is reported on events alone would alarm on for periods after the last, and silence after a run would be
    told hours late. (CloudWatch User Guide, "Configuring how CloudWatch alarms treat missing data".)
    """

    treatment: str
    because: str
    stands_for: float | None = None


def quiet(because: str) -> Missing:
    """Silence is good news."""
    return Missing("notBreaching", because)


def uncounted(because: str) -> Missing:
    """Silence is a count of 0."""
    return Missing("notBreaching", because, stands_for=0)


def silent(because: str, *, stands_for: float) -> Missing:
    """Silence is the fault, or hides it."""
    return Missing("breaching", because, stands_for=stands_for)


@dataclass(frozen=True)
class Alarm:
    """One alarm. Its runbook is docs/runbooks/<id>.md.

    Attributes:
        symptom: what is wrong, in words of who feels it.
        at_least / below: the threshold; one of the two.
        because: the reason for the threshold and the window.
        instance: which of several alike (a queue, a function, a schedule); they share id and runbook.
        hidden_by: the id of the alarm that tells the cause; while it is on, this one keeps quiet.
        remembered: of a cause: the longer window in which it still hides what is only notified of.
    """

    id: str
    severity: Severity
    symptom: str
    watch: Metric | Math
    window: Window
    because: str
    missing: Missing
    at_least: float | None = None
    below: float | None = None
    instance: str = ""
    hidden_by: str = ""
    remembered: Window | None = None

    @property
    def name(self) -> str:
        """Its name below the stack's prefix."""
        return f"{self.id}-{self.instance}" if self.instance else self.id

    @property
    def comparison(self) -> str:
        return "LessThanThreshold" if self.below is not None else "GreaterThanOrEqualToThreshold"

    @property
    def threshold(self) -> float:
        return float(self.below if self.below is not None else self.at_least or 0)

    @property
    def judged(self) -> Metric | Math:
        """What CloudWatch looks at: `watch`, with silence filled in where it stands for a value."""
        fill = self.missing.stands_for
        if fill is None:
            return self.watch
        math = self.watch if isinstance(self.watch, Math) else Math("reported", {"reported": self.watch})
        ids = "|".join(math.metrics)
        return Math(re.sub(rf"\b({ids})\b", rf"FILL(\1, {fill:g})", math.expression), math.metrics)

    def metrics(self) -> list[Metric]:
        return [self.watch] if isinstance(self.watch, Metric) else list(self.watch.metrics.values())

    @property
    def of_aws_alone(self) -> bool:
        """True when nothing we emit, and no request of ours, makes its metric move on a laptop."""
        return all(metric.namespace in _OF_AWS_ALONE or metric.name in _OF_LAMBDA_ALONE for metric in self.metrics())


_OF_AWS_ALONE = frozenset({"AWS/RDS", "AWS/NATGateway", "AWS/Scheduler"})
_OF_LAMBDA_ALONE = frozenset({"Throttles", "Duration"})


def own(name: str, statistic: str, **dimensions: Any) -> Metric:
    """A metric that functions emit; `dimensions` come beside the stack's."""
    return Metric(OWN, name, statistic, {"stack": "{stack}", **dimensions})
