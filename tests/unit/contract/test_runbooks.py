"""Each alarm has its runbook and each runbook its alarm; what it says to run can be run, what it links to is there."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name

from infra.alarm_catalogue import catalogue
from infra.alarms import watched
from infra.log_queries import LOG_QUERIES
from infra.names import Names
from lambdas.ask_database.logic import QUESTIONS
from lambdas.runtime.errors import InvalidRequest
from lambdas.throw_switch.logic import Wish
from tests.infra.resource_tree import stack_config
from tests.runbooks import PAGES, ROOT, AwsCommand, commands_of, inner_of, words_of

CONFIG = stack_config("prod")
ALARMS = catalogue(watched(Names.of(CONFIG), CONFIG))
OUTSIDE = {"HEARTBEAT-MISSED"}  # raised by the outside monitor
PARTS = ("## What the user sees", "## First look", "## Causes and fixes", "## How to know it is over")
SESSION = botocore.session.Session()
# Counted for the stack as a whole; everything else of ours is found under its function's name only.
OF_THE_STACK = {metric.name for alarm in ALARMS for metric in alarm.metrics() if "service" not in metric.dimensions}
# Of the command line alone: no members of the operation.
GLOBAL = {"query", "output", "region", "profile", "cli-read-timeout"}


def test_each_alarm_has_a_runbook_and_no_runbook_lacks_its_alarm() -> None:
    assert {page.stem for page in PAGES} == {alarm.id for alarm in ALARMS} | OUTSIDE


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_runbook_has_the_parts_a_reader_looks_for(page: Path) -> None:
    text = page.read_text()
    assert text.startswith(f"# {page.stem}\n")
    places = [text.index(part) for part in PARTS]
    assert places == sorted(places)
    severity = {alarm.id: alarm.severity for alarm in ALARMS}.get(page.stem, "page")
    assert text.split("\n")[2].lower().startswith(str(severity))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_its_links_resolve(page: Path) -> None:
    for target, place in re.findall(r"\]\(([^)#]+)#?([^)]*)\)", page.read_text()):
        assert (page.parent / target).exists(), target
        assert not place or place in places_of((page.parent / target).read_text()), f"{target}#{place}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_it_asks_for_our_metrics_by_all_their_dimensions(page: Path) -> None:
    """CloudWatch answers nothing for a metric that is asked for by some of its dimensions."""
    for command in commands_of(page.read_text()):
        if "--namespace Rendio" in command:
            words = shlex.split(command)
            name = words[words.index("--metric-name") + 1]
            assert name in OF_THE_STACK or any(word.startswith("Name=service,") for word in words), command
            assert name in OF_THE_STACK or ("By" in name) <= (command.count("Name=") >= 3), command


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_its_commands_can_be_run(page: Path) -> None:
    commands = list(commands_of(page.read_text()))
    assert commands
    for command in commands:
        assert subprocess.run(["bash", "-n", "-c", command], capture_output=True, check=False).returncode == 0, command
        check(command)


@pytest.mark.parametrize(
    "command",
    [
        "aws cloudwatch describe-alarmz",
        "aws sqs receive-message --queue-uri x",
        "aws cloudwatch describe-alarms --alarm-names rendio-prod-GENERATIONS-FAILING --query MetricAlarms[]",
        "aws cloudwatch describe-alarms --alarm-names rendio-prod-ACCESS-DRIFT --alarm-types CompositeAlarm --query X",
        "aws rds describe-events --start-time \"$(date -u -d '-1 hour' +%FT%TZ)\"",
        "aws rds describe-events --start-time $(date -u -v-1H +%FT%TZ)",
        "make none",
        "make insights NAME=none",
        "make query NAME=none",
        "make query NAME=job",
        "make switch NAME=none BACK=1",
        "make switch NAME=stop-submits",
    ],
)
def test_a_command_that_is_none_is_noticed(command: str) -> None:
    with pytest.raises((AssertionError, ValueError, KeyError, InvalidRequest)):
        check(command)


def places_of(text: str) -> set[str]:
    """What a link may name of a page: its headings, as GitHub writes them."""
    headings = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def check(command: str) -> None:
    assert not re.search(r"\bdate (?:-u )?(?:-d|--date|-v)", command), f"not on Linux and macOS alike: {command}"
    for inner in inner_of(command):
        check(inner)
    words = words_of(command)
    if words[0] == "make":
        check_make(words[1:])
    else:
        called = AwsCommand.parse(command)
        check_aws(called.service, called.operation, list(called.words))
        if (called.service, called.operation) == ("cloudwatch", "describe-alarms"):
            check_kinds(called.words)


def check_kinds(words: tuple[str, ...]) -> None:
    """DescribeAlarms tells of metric alarms alone, unless it is asked for composite ones by their type."""
    options = {word: words[place + 1] for place, word in enumerate(words[:-1]) if word.startswith("--")}
    name = (options.get("--alarm-names") or options["--alarm-name-prefix"]).removeprefix(f"{Names.of(CONFIG).prefix}-")
    kinds = {bool(alarm.hidden_by) for alarm in ALARMS if alarm.id == name} or {True, False}
    asked = {kind: kind in words for kind in ("MetricAlarm", "CompositeAlarm")}
    if not any(asked.values()):
        asked["MetricAlarm"] = True
    assert asked == {"MetricAlarm": False in kinds, "CompositeAlarm": True in kinds}, f"{name}: {words}"
    assert ("MetricAlarms" in options["--query"]) == asked["MetricAlarm"], f"{name}: {words}"
    assert ("CompositeAlarms" in options["--query"]) == asked["CompositeAlarm"], f"{name}: {words}"


def check_make(words: list[str]) -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):", makefile, re.M))
    targets |= set(re.search(r"^COMMANDS := (.*)$", makefile, re.M)[1].split())  # type: ignore[index]  # it is there
    assert words[0] in targets, words
    given = dict(word.split("=", 1) for word in words[1:])
    if words[0] == "insights":
        assert given["NAME"] in {query.name for query in LOG_QUERIES}
    if words[0] == "switch":
        user_id = {"user_id": given["USER_ID"]} if "USER_ID" in given else {}
        wish = {"switch": given["NAME"].replace("-", "_"), "back": "BACK" in given, "because": given.get("BECAUSE", "")}
        Wish.parse({**wish, **user_id})
    if words[0] == "query":
        wanted = {name for name, each in QUESTIONS[given["NAME"]].parameters.items() if each.default is None}
        assert wanted == ({"id"} if "ID" in given else set()), words


def check_aws(service: str, operation: str, words: list[str]) -> None:
    model = SESSION.get_service_model(service)
    operations = {xform_name(name, "-"): name for name in model.operation_names}
    assert operation in operations, f"{service} {operation}"
    shape = model.operation_model(operations[operation]).input_shape
    options = {xform_name(member, "-") for member in (shape.members if shape else {})}
    options |= {"filter"} if "filters" in options else set()
    for word in words:
        if word.startswith("--"):
            assert word[2:] in options | GLOBAL, f"{service} {operation} {word}"
