"""Mutants of policy documents: every statement, action, resource, principal and condition of a stack."""

from __future__ import annotations

import copy
import dataclasses
import json
import re
from collections.abc import Iterator
from typing import Any

from infra.names import FunctionId
from policies.review.mutation.mutants import DocumentMutant, operator
from policies.review.stacks import Document, Stack

Statement = dict[str, Any]

DROP_STATEMENT = operator("drop-statement", "take a statement out of its document")
DROP_CONDITION = operator("drop-condition", "take one condition key out of a statement")
DROP_VALUE = operator("drop-condition-value", "take one of several values out of a condition")
DROP_ACTION = operator("drop-action", "take one of several actions out of a statement")
DROP_RESOURCE = operator("drop-resource", "take one of several resources out of a statement")
WIDEN_ACTION = operator("widen-action", "let a grant's actions of one service be all of that service")
WIDEN_RESOURCE = operator("widen-resource", "let one resource of a grant be `*`")
WIDEN_PRINCIPAL = operator("widen-principal", "let the principal of a grant be everybody")
WIDENTAG = operator("widen-tag", "let `${aws:PrincipalTag/…}` in a resource be `*`")
CUT_SLASH = operator("cut-slash", "let a resource's prefix end without its slash")

_FUNCTIONS = frozenset(FunctionId)
TAG = re.compile(r"\$\{aws:PrincipalTag/[\w-]+\}")
# A service with this one action: all of it is the same statement.
_ALL_THERE_IS = frozenset({"rds-db:connect"})


def document_mutants(stack: Stack) -> Iterator[DocumentMutant]:
    """Every mutant of every document of `stack`."""
    for document in stack.documents:
        if document.name.removeprefix("users/") in _FUNCTIONS:
            continue  # of a function that no stack deploys yet: nobody has what it says
        for number, statement in enumerate(document.statements):
            target = f"{document.name} {statement.get('Sid', f'statement {number + 1}')}"
            for name, what, changed in _changes(statement):
                if name == WIDEN_RESOURCE and document.kind == "resource" and what == document.on:
                    continue  # the policy of a queue, topic or function is about that one alone
                yield DocumentMutant(name, target, _neutral(stack, what), _with(document, number, changed))


def _changes(statement: Statement) -> Iterator[tuple[str, str, Statement | None]]:
    """Operator, what it is done to, and the statement afterwards; None for none at all."""
    yield DROP_STATEMENT, "", None
    for member, name in (("Action", DROP_ACTION), ("Resource", DROP_RESOURCE)):
        values = listed(statement.get(member, []))
        for value in values if len(values) > 1 else ():
            yield name, value, {**statement, member: [other for other in values if other != value]}
    yield from _conditions(statement)
    if statement["Effect"] == "Allow":
        yield from _widened(statement)


def _conditions(statement: Statement) -> Iterator[tuple[str, str, Statement]]:
    for kind, block in statement.get("Condition", {}).items():
        for key, values in block.items():
            yield DROP_CONDITION, f"{kind} {key}", _with_values(statement, kind, key, [])
            several = listed(values)
            for value in several if len(several) > 1 else ():
                left = [other for other in several if other != value]
                yield DROP_VALUE, f"{kind} {key} {value}", _with_values(statement, kind, key, left)


def _widened(statement: Statement) -> Iterator[tuple[str, str, Statement]]:
    actions, resources = listed(statement["Action"]), listed(statement.get("Resource", []))
    for service in sorted({action.partition(":")[0] for action in actions if action not in _ALL_THERE_IS}):
        others = [action for action in actions if action.partition(":")[0] != service]
        yield WIDEN_ACTION, f"{service}:*", {**statement, "Action": [*others, f"{service}:*"]}
    for resource in resources:
        others = [other for other in resources if other != resource]
        if resource != "*":
            yield WIDEN_RESOURCE, resource, {**statement, "Resource": [*others, "*"]}
        if TAG.search(resource):
            yield WIDENTAG, resource, {**statement, "Resource": [*others, TAG.sub("*", resource)]}
        if resource.endswith("/*") and resource.count("/") > 1:
            yield CUT_SLASH, resource, {**statement, "Resource": [*others, f"{resource[:-2]}*"]}
    if statement.get("Principal", "*") not in ("*", {"AWS": "*"}):
        yield WIDEN_PRINCIPAL, json.dumps(statement["Principal"]), {**statement, "Principal": "*"}


def _with_values(statement: Statement, kind: str, key: str, values: list[str]) -> Statement:
    """The statement with other values of a condition key; without values the key goes, and what is empty then."""
    found = copy.deepcopy(statement)
    condition = found["Condition"]
    if values:
        condition[kind][key] = values
    else:
        del condition[kind][key]
    found["Condition"] = {name: block for name, block in condition.items() if block}
    return found if found["Condition"] else {name: value for name, value in found.items() if name != "Condition"}


def _with(document: Document, number: int, statement: Statement | None) -> Document:
    content = json.loads(document.text)
    statements = list(document.statements)
    statements[number : number + 1] = [] if statement is None else [statement]
    return dataclasses.replace(document, text=json.dumps({**content, "Statement": statements}, sort_keys=True))


def listed(value: Any) -> list[str]:
    return list(value) if isinstance(value, list) else [value]


def _neutral(stack: Stack, text: str) -> str:
    """Without the stack's name, account and region: the same on every stack."""
    for word, neutral in (
        (stack.prefix, "{stack}"), (f"rendio/{stack.name}", "rendio/{stack}"), (f"rendio_{stack.name}_", "{login}_"),
        (stack.account, "{account}"), (stack.region, "{region}"),
    ):  # fmt: skip
        text = text.replace(word, neutral)
    return text
