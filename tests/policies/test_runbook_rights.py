"""Whoever is on call may do what the runbooks say, as the role that each command names, and no more."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name

from policies.review.iam import Principal, Request, Values, judge
from tests.policies.conftest import listed, names_of, rendered, statements
from tests.runbooks import PAGES, AwsCommand, aws_commands, commands_of, words_of

NAMES = names_of("prod")
ARN = NAMES.arn
ROLES = {"on-call": "iam/on_call.json.j2", "operator": "iam/operator.json.j2"}
PROFILES = {f"{NAMES.prefix}-{role}": role for role in ROLES}
SESSION = botocore.session.Session()
# An action is called as its operation, but for these.
OTHER_ACTION = {("lambda", "invoke"): "lambda:InvokeFunction"}
KEY = f"arn:aws:kms:us-east-1:{ARN.account}:key/0a0a0a0a-1111-4111-8111-000000000001"
# What an action is judged on, by the name in the command; everything else has no resource type, or is asked of all.
ON: dict[str, tuple[str, Callable[[str], str]]] = {
    "cloudwatch:EnableAlarmActions": (
        r"--alarm-names (\S+)", ARN.alarm),
    "kms:CancelKeyDeletion": (r"alias/(\S+)", lambda _: KEY),
    "kms:DescribeKey": (r"alias/(\S+)", lambda _: KEY),
    "kms:EnableKey": (r"alias/(\S+)", lambda _: KEY),
    "lambda:InvokeFunction": (r"--function-name (\S+)", ARN.function),
    "logs:FilterLogEvents": (r"--log-group-name (\S+)", lambda name: f"{ARN.log_group(name)}:*"),
    "rds:DescribeDBInstances": (r"--db-instance-identifier (\S+)", ARN.database),
    "scheduler:GetSchedule": (
        r"--name (\S+)", lambda name: ARN.schedule(NAMES.schedule_group, name)),
    "secretsmanager:DescribeSecret": (r"--secret-id (\S+)", lambda name: f"{ARN.secret(name)[:-6]}aB3dE6"),
    "sqs:GetQueueAttributes": (r"--queue-name (\S+)", ARN.queue),
    "sqs:GetQueueUrl": (r"--queue-name (\S+)", ARN.queue),
    "sqs:PurgeQueue": (r"--queue-name (\S+)", ARN.queue),
    "sqs:ReceiveMessage": (r"--queue-name (\S+)", ARN.queue),
}  # fmt: skip
ALIAS = NAMES.session_key_alias("2026a")
LOGS = f"{ARN.log_group('/aws/lambda/rendio-prod-me')}:*"


@dataclass(frozen=True)
class Call:
    """What a command asks of AWS: as which role, what, on what, under which circumstances."""

    role: str
    action: str
    resource: str = "*"
    context: Values = field(default_factory=dict, hash=False)


# Commands that take the role on by themselves (local/people.py).
OF_MAKE = {
    "query": [Call("on-call", "lambda:InvokeFunction", ARN.function(NAMES.function("ask_database")))],
    "insights": [
        Call("on-call", "logs:StartQuery", LOGS),
        *(Call("on-call", f"logs:{action}") for action in ("GetQueryResults", "DescribeQueryDefinitions")),
    ],
    "subscriptions": [Call("on-call", "sns:ListSubscriptions")],
    "switch": [Call("operator", "lambda:InvokeFunction", ARN.function(NAMES.function("throw_switch")))],
    "backfill": [Call("operator", "lambda:InvokeFunction", ARN.function(NAMES.function("backfill_videos")))],
    "redrive": [Call("operator", "lambda:InvokeFunction", ARN.function(NAMES.function("redrive_dead_letters")))],
    "restore": [Call("operator", "lambda:InvokeFunction", ARN.function(NAMES.function("restore_videos")))],
}
OF_NO_ROLE = {"drill"}  # on a laptop alone


@pytest.mark.plan("M16")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_role_that_a_command_names_may_do_what_it_does(page: Path) -> None:
    for text, call in calls_of(page):
        assert call.role, f"as which role? {text}"
        assert allowed(call), f"{call.role} may not {call.action} on {call.resource}: {text}"


@pytest.mark.plan("M16")
@pytest.mark.parametrize("role", ROLES)
def test_each_statement_is_needed_by_a_command(role: str) -> None:
    """So that a right that goes is missed here, and one that nobody needs does not stay."""
    document = json.loads(rendered("prod")[f"{ROLES[role]}#0"])
    calls = [call for call in every_call() if call.role == role]
    for taken in statements(document):
        rest = [statement for statement in statements(document) if statement is not taken]
        text = json.dumps({**document, "Statement": rest})
        assert not all(allowed(call, text) for call in calls), f"no runbook needs {taken['Sid']}"


@pytest.mark.plan("M16")
def test_the_operator_may_do_nothing_that_no_runbook_says() -> None:
    document = json.loads(rendered("prod")["iam/operator.json.j2#0"])
    granted = {action for statement in statements(document) for action in listed(statement["Action"])}
    assert granted == {call.action for call in every_call() if call.role == "operator"}


@pytest.mark.plan("X1")
@pytest.mark.parametrize(
    "call",
    [
        Call("on-call", "cloudwatch:DisableAlarmActions", ARN.alarm("rendio-prod-x")),
        Call("on-call", "cloudwatch:EnableAlarmActions", ARN.alarm("rendio-prod-x")),
        Call("on-call", "kms:EnableKey", KEY, {"kms:ResourceAliases": ALIAS}),
        Call("on-call", "kms:DescribeKey", KEY, {"kms:RequestAlias": "alias/of-another"}),
        Call("on-call", "lambda:InvokeFunction", ARN.function(NAMES.function("database_admin"))),
        Call("on-call", "lambda:InvokeFunction", ARN.function(NAMES.function("throw_switch"))),
        Call("on-call", "logs:FilterLogEvents", f"{ARN.log_group('/aws/rds/instance/rendio-dev/postgresql')}:*"),
        Call("on-call", "rds:ModifyDBInstance", ARN.database(NAMES.database)),
        Call("on-call", "rds:DescribeDBInstances", ARN.database("rendio-dev")),
        Call("on-call", "secretsmanager:DescribeSecret", f"{ARN.secret('rendio/dev/fal')[:-6]}aB3dE6"),
        Call("on-call", "secretsmanager:GetSecretValue", f"{ARN.secret('rendio/prod/fal')[:-6]}aB3dE6"),
        Call("on-call", "sqs:PurgeQueue", ARN.queue(NAMES.page_dlq)),
        Call("on-call", "sqs:ReceiveMessage", ARN.queue(NAMES.page_dlq)),
        Call("operator", "cloudwatch:DisableAlarmActions", ARN.alarm("rendio-prod-x")),
        Call("operator", "cloudwatch:EnableAlarmActions", ARN.alarm("rendio-dev-x")),
        Call("operator", "kms:EnableKey", KEY, {"kms:ResourceAliases": "alias/of-another"}),
        Call("operator", "kms:ScheduleKeyDeletion", KEY, {"kms:ResourceAliases": ALIAS}),
        Call("operator", "lambda:InvokeFunction", ARN.function(NAMES.function("database_admin"))),
        Call("operator", "sqs:PurgeQueue", ARN.queue(NAMES.video_migration_queue)),
        Call("operator", "sqs:PurgeQueue", ARN.queue(NAMES.video_migration_dlq)),
        Call("operator", "sqs:ReceiveMessage", ARN.queue(NAMES.inspect_image_dlq)),
        Call("operator", "sqs:ReceiveMessage", ARN.queue(NAMES.video_migration_dlq)),
    ],
    ids=lambda call: f"{call.role} {call.action} {call.resource.rpartition(':')[2]}",
)  # fmt: skip
def test_what_no_runbook_needs_is_refused(call: Call) -> None:
    assert not allowed(call)


def calls_of(page: Path) -> Iterator[tuple[str, Call]]:
    """Each command of a page, and what it asks."""
    for command in aws_commands(page):
        yield command.text, call_of(command)
    for text in commands_of(page.read_text(encoding="utf-8")):
        words = words_of(text)
        if words[0] == "make" and words[1] not in OF_NO_ROLE:
            yield from ((text, call) for call in OF_MAKE[words[1]])


@cache
def every_call() -> list[Call]:
    return [call for page in PAGES for _, call in calls_of(page)]


def call_of(command: AwsCommand) -> Call:
    role = PROFILES.get(command.profile, "")
    model = SESSION.get_service_model(command.service)
    operations = {xform_name(name, "-"): name for name in model.operation_names}
    action = OTHER_ACTION.get(
        (command.service, command.operation), f"{command.service}:{operations[command.operation]}"
    )
    if action not in ON:
        return Call(role, action)
    pattern, arn = ON[action]
    found = re.search(pattern, command.text)
    assert found, f"on what? {command.text}"
    name = found[1].strip('"')
    context = {"kms:RequestAlias" if action == "kms:DescribeKey" else "kms:ResourceAliases": f"alias/{name}"}
    return Call(role, action, arn(name), context if action.startswith("kms:") else {})


def allowed(call: Call, policy: str = "") -> bool:
    session = f"arn:aws:sts::{ARN.account}:assumed-role/{NAMES.prefix}-{call.role}/ada"
    person = Principal(call.role, "AssumedRole", ARN.account, session)
    owners = rendered("prod")
    request = Request(person, call.action, call.resource, call.context)
    identity = [policy or owners[f"{ROLES[call.role]}#0"]]
    key = owners["keys/session_key.json.j2#0"] if call.action.startswith("kms:") else None
    return judge(request, identity=identity, resource=key).allowed
