"""What the functions count has the dimensions that alarms look for, as CloudWatch reads the log lines."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from infra.alarm_catalogue import catalogue
from infra.alarm_model import OWN, Metric
from infra.alarms import watched
from infra.names import Names
from local.ministack.embedded_metrics import read
from tests.infra.resource_tree import stack_config

SERVICE = "device_check"
CONFIG = stack_config("prod")
OWN_METRICS = {
    metric.name: metric
    for alarm in catalogue(watched(Names.of(CONFIG), CONFIG))
    for metric in alarm.metrics()
    if metric.namespace == OWN
}
OF_THE_STACK = sorted(name for name, metric in OWN_METRICS.items() if "service" not in metric.dimensions)


def counted(call: str) -> list[tuple[Any, ...]]:
    """The metrics that a function's process makes by this call, in an environment such as Lambda's."""
    program = f"from lambdas.runtime.observability import *\n{call}\nend_invocation()"
    environment = {
        "PATH": os.environ["PATH"], "STACK": "prod", "POWERTOOLS_SERVICE_NAME": SERVICE,
        "POWERTOOLS_METRICS_NAMESPACE": OWN,
    }  # fmt: skip
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    return [metric for line in done.stdout.splitlines() for metric in read(line)]


def looked_for(metric: Metric, service: str) -> dict[str, str]:
    return {name: str(value).format(stack="prod") for name, value in metric.dimensions.items()} | (
        {"service": service} if "service" in metric.dimensions else {}
    )


@pytest.mark.plan("M14", "M15")
@pytest.mark.parametrize("name", OF_THE_STACK)
def test_what_is_counted_for_the_stack_is_what_its_alarm_looks_at(name: str) -> None:
    found = counted(f"count_for_stack({name!r})")
    assert (OWN, name, 1.0, "Count", looked_for(OWN_METRICS[name], SERVICE)) in found
    assert (OWN, name, 1.0, "Count", {"stack": "prod", "service": SERVICE}) in found, "and by function, for people"


@pytest.mark.plan("M14", "M15")
@pytest.mark.parametrize("call", ["count({name!r})", "count_by({name!r}, cause='c')"])
def test_what_a_function_counts_is_what_its_alarm_looks_at(call: str) -> None:
    name = "SessionOpenFailed"
    found = counted(call.format(name=name))
    assert (OWN, name, 1.0, "Count", looked_for(OWN_METRICS[name], SERVICE)) in found


def test_alarms_of_the_whole_stack_are_known() -> None:
    assert OF_THE_STACK == ["DatabaseUnreachable", "GenerationsFailedByUs", "GeneratorRefusesUs"]
