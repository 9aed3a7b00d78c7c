"""A run by the clock that comes too late is dropped, wherever it waits: at the scheduler or in Lambda's own queue."""

from __future__ import annotations

from collections import Counter

import pytest

from infra.schedules import RUNS
from tests.infra.conftest import TreeOf

INVOKE_CONFIG = "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig"
SCHEDULE = "aws:scheduler/schedule:Schedule"
# Their config is that of an object's event, whose failure is kept.
OF_OBJECTS = {"inspect_image", "make_thumbnail"}
AGES = {
    "sweep_videos": 60, "heartbeat": 120, "access_drift": 1800, "clean_videos": 1800, "clean_images": 1800,
    "clean_identities": 1800, "monitor_storage": 3600,
}  # fmt: skip


def function_name(stack: str, function: str) -> str:
    return f"rendio-{stack}-{function.replace('_', '-')}"


def test_each_function_has_at_most_one_config(up: TreeOf, stack: str) -> None:
    """AWS keeps one a function: a second would overwrite the first."""
    configured = Counter(config.inputs["functionName"] for config in up(stack).of_type(INVOKE_CONFIG))
    assert set(configured.values()) == {1}
    assert {function_name(stack, run.function) for run in RUNS} <= set(configured)


@pytest.mark.parametrize("function", sorted({str(run.function) for run in RUNS} - OF_OBJECTS))
def test_lambda_drops_a_run_that_waited_as_long_as_the_scheduler_would(up: TreeOf, stack: str, function: str) -> None:
    """The scheduler's limit ends when Lambda has taken the run, which then waits there up to six hours."""
    tree, name = up(stack), function_name(stack, function)
    (config,) = [each for each in tree.of_type(INVOKE_CONFIG) if each.inputs["functionName"] == name]
    at_the_scheduler = [
        schedule.inputs["target"]["retryPolicy"]["maximumEventAgeInSeconds"]
        for schedule in tree.of_type(SCHEDULE)
        if schedule.inputs["target"]["arn"].endswith(f":{name}")
    ]
    assert config.inputs["maximumEventAgeInSeconds"] == max(at_the_scheduler) == AGES[function]
    assert config.inputs["maximumRetryAttempts"] == 2
    assert "destinationConfig" not in config.inputs


def test_each_age_is_one_that_lambda_takes() -> None:
    assert all(60 <= run.stale_seconds <= 21_600 for run in RUNS)
