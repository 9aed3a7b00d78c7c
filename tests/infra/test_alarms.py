"""The alarms of each stack: none without action, runbook and a word about silence; each watches what exists."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

from infra.alarm_catalogue import DATABASE_DOWN, DEAREST_CREDITS, GENERATOR_REFUSES_US, catalogue, patience
from infra.alarm_model import DAY, HOUR, MINUTE, OWN, Alarm, Math, Severity, Window
from infra.alarms import HIDDEN, LATELY, watched
from infra.names import Names
from lambdas.runtime.video_models import MODELS, Choice
from local.ministack import alarm_math
from tests.infra.conftest import TreeOf
from tests.infra.resource_tree import Registered, stack_config

ROOT = Path(__file__).resolve().parents[2]
METRIC, COMPOSITE = "aws:cloudwatch/metricAlarm:MetricAlarm", "aws:cloudwatch/compositeAlarm:CompositeAlarm"
CONFIG = stack_config("prod")
ALARMS = catalogue(watched(Names.of(CONFIG), CONFIG))
# Reported by the daily reconciliation alone.
DAILY = {"LedgerImbalance"}
COUNTERS = {"count", "count_by", "count_for_stack", "percent", "seconds", "size"}


def acting(up: TreeOf, stack: str) -> list[Registered]:
    """The alarms that may act: all but those that only measure for another."""
    made = [*up(stack).of_type(METRIC), *up(stack).of_type(COMPOSITE)]
    return [alarm for alarm in made if not alarm.name.endswith(HIDDEN)]


def test_every_alarm_acts_and_says_when_it_is_over(up: TreeOf, stack: str) -> None:
    alarms = acting(up, stack)
    assert len(alarms) == len(ALARMS) - (len(CONFIG.network.zones) - up_gateways(stack))
    for alarm in alarms:
        assert alarm.inputs["alarmActions"] == alarm.inputs["okActions"], alarm.name
        assert len(alarm.inputs["alarmActions"]) == 1, alarm.name
        assert alarm.inputs.get("actionsEnabled", True), alarm.name


def up_gateways(stack: str) -> int:
    return stack_config(stack).network.nat_gateways


def test_a_page_goes_to_the_page_topic_and_nothing_else_does(up: TreeOf, stack: str) -> None:
    severity = {alarm.name: alarm.severity for alarm in ALARMS}
    outputs = up(stack).outputs
    for alarm in acting(up, stack):
        expected = "page" if severity.get(alarm.name, Severity.NOTIFY) is Severity.PAGE else "notify"
        assert alarm.inputs["alarmActions"] == [outputs[f"{expected}_topic_arn"]], alarm.name


def test_every_alarm_names_its_runbook(up: TreeOf, stack: str) -> None:
    for alarm in acting(up, stack):
        name = re.search(r"Runbook: https://\S+/(\S+)\.md$", alarm.inputs["alarmDescription"])
        assert name, alarm.name
        assert alarm.name.startswith(name[1])
        assert (ROOT / "docs" / "runbooks" / f"{name[1]}.md").is_file()


def test_every_alarm_says_what_silence_means(up: TreeOf, stack: str) -> None:
    for alarm in up(stack).of_type(METRIC):
        assert alarm.inputs["treatMissingData"] in ("breaching", "notBreaching"), alarm.name


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm.name)
def test_an_alarm_gives_its_reasons(alarm: Alarm) -> None:
    assert (alarm.at_least is None) is not (alarm.below is None)
    assert alarm.symptom.endswith(".")
    assert alarm.because.endswith(".")
    assert alarm.missing.because


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm.name)
def test_windows_are_such_as_cloudwatch_takes(alarm: Alarm) -> None:
    window = alarm.window
    assert window.seconds % 60 == 0
    assert window.seconds * window.periods <= (7 * DAY if window.seconds >= HOUR else DAY)
    assert (window.datapoints or 1) <= window.periods


def test_a_metric_of_once_a_day_is_looked_at_by_the_day() -> None:
    daily = [alarm for alarm in ALARMS if {metric.name for metric in alarm.metrics()} & DAILY]
    assert {alarm.name for alarm in daily} == {"LEDGER-IMBALANCE", "SCHEDULE-DID-NOT-RUN-reconcile-storage"}
    assert {alarm.window.seconds for alarm in daily} == {DAY}
    assert patience("rate(1 day)").seconds == patience("cron(0 3 * * ? *)").seconds == DAY


@pytest.mark.parametrize(
    ("rate", "silence"), [("rate(1 minute)", 900), ("rate(15 minutes)", 2700), ("rate(1 hour)", 10800)]
)
def test_a_schedule_may_miss_two_runs_and_not_three(rate: str, silence: int) -> None:
    window = patience(rate)
    assert window.seconds * window.periods == silence


def test_each_metric_of_ours_is_one_that_functions_emit() -> None:
    emitted = emitted_names()
    for alarm in ALARMS:
        for metric in alarm.metrics():
            if metric.namespace == OWN:
                assert metric.name in emitted, f"{alarm.id}: {metric.name}"


def emitted_names() -> set[str]:
    """First arguments of the counting calls in lambdas/, and error classes whose name is counted."""
    found: set[str] = set()
    for path in (ROOT / "lambdas").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in COUNTERS:
                first = node.args[0]
                if isinstance(first, ast.Constant):
                    found.add(str(first.value))
            elif isinstance(node, ast.ClassDef):
                found.add(node.name)
    return found


MATH = [(alarm, alarm.judged) for alarm in ALARMS if isinstance(alarm.judged, Math)]


@pytest.mark.parametrize(("alarm", "math"), MATH, ids=[alarm.name for alarm, _ in MATH])
def test_the_laptop_can_compute_each_expression_and_silence_means_what_it_says(alarm: Alarm, math: Math) -> None:
    assert len(math.metrics) <= 10  # CloudWatch's limit
    assert alarm_math.evaluate(math.expression, dict.fromkeys(math.metrics, 1_000_000.0)) is not None
    silence = alarm_math.evaluate(math.expression, dict.fromkeys(math.metrics, None))
    if alarm.missing.stands_for is None:
        assert silence is None
    else:
        assert silence is not None
        breaches = silence < alarm.threshold if alarm.below is not None else silence >= alarm.threshold
        assert breaches is (alarm.missing.treatment == "breaching")


def test_silence_has_a_value_wherever_a_metric_is_not_reported_steadily() -> None:
    """Else CloudWatch looks back beyond the window: an event would alarm on, a silent run be told late."""
    events = {"DatabaseUnreachable", "SessionOpenFailed", "GeneratorRefusesUs", "GenerationsFailedByUs", "NewUsers",
              "CreditsSpent", "DatabaseAdminInvocationsUnplanned", "InvocationDroppedCount", "ScheduleRan"}  # fmt: skip
    filled = {metric.name for alarm in ALARMS if alarm.missing.stands_for is not None for metric in alarm.metrics()}
    assert events <= filled
    assert all(alarm.missing.stands_for is not None for alarm in ALARMS if alarm.missing.treatment == "breaching")


@pytest.mark.parametrize(
    ("errors", "calls", "pages"), [(4, 4, False), (5, 60, True), (5, 100, False), (72, 1000, True), (71, 1000, False)]
)
def test_few_calls_do_not_make_a_rate(errors: float, calls: float, pages: bool) -> None:
    fast = next(alarm for alarm in ALARMS if alarm.id == "API-ERRORS-FAST")
    assert isinstance(fast.watch, Math)
    value = alarm_math.evaluate(fast.watch.expression, {"errors": errors, "calls": calls})
    assert (value is not None and value >= fast.threshold) is pages


def test_what_another_alarm_tells_the_cause_of_keeps_quiet_while_that_is_on(up: TreeOf, stack: str) -> None:
    causes = {alarm.name: f"rendio-{stack}-{alarm.hidden_by}" for alarm in ALARMS if alarm.hidden_by}
    composites = up(stack).of_type(COMPOSITE)
    assert {"API-ERRORS-FAST", "MIGRATION-STALLED", "FUNCTIONS-FAILING"} <= {alarm.name for alarm in composites}
    pages = {alarm.name for alarm in ALARMS if alarm.severity is Severity.PAGE}
    for alarm in composites:
        cause = causes[alarm.name]
        rule = f'ALARM("rendio-{stack}-{alarm.name}-{HIDDEN}") AND NOT ALARM("{cause}")'
        lately = "" if alarm.name in pages else f' AND NOT ALARM("{cause}-{LATELY}-{HIDDEN}")'
        assert alarm.inputs["alarmRule"] == rule + lately
        assert up(stack).one(METRIC, f"{alarm.name}-{HIDDEN}").inputs.get("alarmActions") is None


def test_what_remembers_a_cause_acts_on_nothing(up: TreeOf, stack: str) -> None:
    lately = up(stack).one(METRIC, f"{DATABASE_DOWN}-{LATELY}-{HIDDEN}").inputs
    cause = up(stack).one(METRIC, DATABASE_DOWN).inputs
    assert lately.get("alarmActions") is None
    window = {"datapointsToAlarm", "evaluationPeriods", "metricQueries"}
    assert {name for name, value in lately.items() if cause.get(name) != value} == {"name", *window}


def lasts(window: Window) -> int:
    """Seconds from the last breach in a window that was full of them to its end."""
    return window.seconds * (window.periods - (window.datapoints or window.periods) + 1)


def test_a_cause_outlasts_what_it_hides() -> None:
    """Else each of them would be told when the cause is over and its own window is not."""
    cause = next(alarm for alarm in ALARMS if alarm.id == DATABASE_DOWN)
    assert cause.remembered is not None
    for alarm in ALARMS:
        # A run of once a day is not silent for two days because of one outage.
        if alarm.hidden_by == DATABASE_DOWN and alarm.window.seconds < DAY:
            held = cause.window if alarm.severity is Severity.PAGE else cause.remembered
            # The next run makes up for what was left, within one more period of the alarm.
            assert lasts(alarm.window) + MINUTE * 5 <= lasts(held), alarm.name


def test_a_refusal_of_the_generator_outlasts_the_failures_that_it_hides() -> None:
    alarms = {alarm.id: alarm for alarm in ALARMS}
    hidden = [alarm for alarm in ALARMS if alarm.hidden_by == GENERATOR_REFUSES_US]
    assert [alarm.id for alarm in hidden] == ["GENERATIONS-FAILING"]
    assert lasts(hidden[0].window) < lasts(alarms[GENERATOR_REFUSES_US].window)


def test_names_are_unique(up: TreeOf, stack: str) -> None:
    names = [alarm.name for alarm in ALARMS]
    assert len(set(names)) == len(names)


def test_the_dashboard_shows_every_alarm_and_every_page_as_a_graph(up: TreeOf, stack: str) -> None:
    dashboard = up(stack).of_type("aws:cloudwatch/dashboard:Dashboard")[0]
    widgets: list[dict[str, Any]] = json.loads(dashboard.inputs["dashboardBody"])["widgets"]
    assert len(widgets[0]["properties"]["alarms"]) == len(acting(up, stack))
    titles = {widget["properties"].get("title") for widget in widgets}
    assert {alarm.name for alarm in ALARMS if alarm.severity is Severity.PAGE} <= titles
    headings = [widget["properties"]["markdown"] for widget in widgets if widget["type"] == "text"]
    assert headings == ["## Users", "## Saturation", "## Cost and access"]


def test_pages_take_a_way_of_their_own(up: TreeOf, stack: str) -> None:
    """By a function, so that the on-call service's address stays out of the state; dead letters behind it."""
    tree = up(stack)
    subscription = tree.one("aws:sns/topicSubscription:TopicSubscription", "page-on-call").inputs
    assert subscription["protocol"] == "lambda"
    assert subscription["topic"] == tree.outputs["page_topic_arn"]
    for function in ("page-on-call", "heartbeat"):
        assert "vpcConfig" not in tree.one("aws:lambda/function:Function", function).inputs


def test_the_heartbeat_knows_how_many_subscribers_each_topic_has(up: TreeOf, stack: str) -> None:
    """Subscriptions that SNS forgot are in no listing: only a number tells that they are gone."""
    tree = up(stack)
    made = [each.inputs["topic"] for each in tree.of_type("aws:sns/topicSubscription:TopicSubscription")]
    variables = tree.one("aws:lambda/function:Function", "heartbeat").inputs["environment"]["variables"]
    for topic in ("page", "notify"):
        assert variables[f"{topic.upper()}_SUBSCRIBERS"] == str(made.count(tree.outputs[f"{topic}_topic_arn"]))


def test_no_video_costs_more_than_the_spending_alarm_reckons_with() -> None:
    def most(settings: object) -> int:
        return max(settings.extra.values(), default=0) if isinstance(settings, Choice) else 0

    assert max(model.credits + sum(map(most, model.settings.values())) for model in MODELS.values()) == DEAREST_CREDITS
