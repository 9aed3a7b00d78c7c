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

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "docs" / "runbooks"
PAGES = sorted(path for path in FOLDER.glob("*.md") if path.name != "README.md")
CONFIG = stack_config("prod")
ALARMS = catalogue(watched(Names.of(CONFIG), CONFIG))
OUTSIDE = {"HEARTBEAT-MISSED"}  # raised by the outside monitor
PARTS = ("## What the user sees", "## First look", "## Causes and fixes", "## How to know it is over")
SESSION = botocore.session.Session()
# Counted for the stack as a whole; everything else of ours is found under its function's name only.
OF_THE_STACK = {metric.name for alarm in ALARMS for metric in alarm.metrics() if "service" not in metric.dimensions}
# Of the command line alone: no members of the operation.
GLOBAL = {"query", "output", "region", "profile"}


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
    for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


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


def commands_of(text: str) -> list[str]:
    """Lines of the shell's blocks, and commands among the words."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.S)
    inline = re.findall(r"`((?:make|aws) [^`]+)`", re.sub(r"```.*?```", "", text, flags=re.S))
    return [line for block in blocks for line in block.splitlines() if line.strip()] + inline


def check(command: str) -> None:
    for inner in re.findall(r"\$\((aws [^()]+)\)", command):
        check(inner)
    words = shlex.split(re.sub(r"\$\([^()]*(?:\([^()]*\)[^()]*)*\)", "x", command))
    if words[0] == "make":
        check_make(words[1:])
    else:
        assert words[0] == "aws", command
        check_aws(words[1], words[2], words[3:])


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
