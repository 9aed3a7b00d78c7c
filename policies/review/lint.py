"""What is wrong with a policy as text: what AWS, the judge or Postgres does not know, with file, line and rule.

Linted is what the program attaches, as it is rendered. What is accepted all the same is in
policies/lint-suppressions.yaml: id, rule, where, reason, expiry. An entry that is used no more, or has run out, is
itself a finding.
"""

from __future__ import annotations

import datetime
import functools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import parliament
import sqlglot
import yaml
from parliament.statement import get_global_key_type, is_condition_key_match

from policies.errors import PolicyError
from policies.review.iam import base_operator, operators
from policies.review.row_states import expressions
from policies.review.stacks import REPOSITORY, Stack
from policies.review.things import listed, stack_words

SUPPRESSIONS = REPOSITORY / "policies" / "lint-suppressions.yaml"
_KEYS = {"id", "rule", "where", "what", "reason", "expires"}
_ELEMENTS = {"Sid", "Effect", "Principal", "Action", "NotAction", "Resource", "NotResource", "Condition"}
_GLOBAL = ("aws:principalaccount", "aws:principalisawsservice")  # the lint's list is older than these
_PLACEHOLDER = re.compile(r"\$\{.*?\}")
_IMPORT = re.compile(r'{%\s*from\s+"([^"]+)"')


@dataclass(frozen=True, order=True)
class Finding:
    """One thing that is wrong. `what` is the word in question: an action, a key, an operator, a statement's Sid."""

    file: str
    line: int
    rule: str
    what: str
    why: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.rule}: {self.what}: {self.why}"


@dataclass(frozen=True)
class Suppression:
    """A finding that is accepted until a day. `where` and `what` may have `*`."""

    id: str
    rule: str
    where: str
    what: str
    reason: str
    expires: datetime.date
    line: int

    def covers(self, finding: Finding) -> bool:
        return (
            finding.rule == self.rule and fnmatchcase(finding.file, self.where) and fnmatchcase(finding.what, self.what)
        )


def findings(
    models: Iterable[Stack], *, checkout: Path = REPOSITORY, today: datetime.date | None = None
) -> list[Finding]:
    """What is wrong in these stacks and not accepted, and what is wrong with what is accepted.

    Raises:
        PolicyError: the file of suppressions is no list of suppressions.
    """
    day = today or datetime.datetime.now(datetime.UTC).date()
    path = checkout / SUPPRESSIONS.relative_to(REPOSITORY)
    accepted, found = read(path), {each for model in models for each in _of_stack(model, checkout)}
    for each in accepted:
        covered = {finding for finding in found if each.covers(finding)}
        if each.expires < day:
            why = f"ran out on {each.expires}: mend what it accepts, or say anew why not"
            found.add(Finding(f"policies/{path.name}", each.line, "expired-suppression", each.id, why))
        elif covered:
            found -= covered
        else:
            why = "accepts nothing that occurs: take it out"
            found.add(Finding(f"policies/{path.name}", each.line, "unused-suppression", each.id, why))
    return sorted(found)


def read(path: Path = SUPPRESSIONS) -> list[Suppression]:
    """The suppressions; their file may be missing.

    Raises:
        PolicyError: names the line and the rule.
    """
    if not path.is_file():
        return []
    text = path.read_text(encoding="utf-8")
    content, tree = yaml.safe_load(text) or [], yaml.compose(text)
    lines = [node.start_mark.line + 1 for node in tree.value] if tree else []
    found = []
    for line, given in zip(lines, content, strict=True):
        if not isinstance(given, Mapping) or set(given) != _KEYS:
            raise PolicyError(f"policies/{path.name}:{line}: must have exactly {', '.join(sorted(_KEYS))}")
        if not isinstance(given["expires"], datetime.date) or not given["reason"]:
            raise PolicyError(f"policies/{path.name}:{line}: expires must be a day such as 2027-01-31, and reason text")
        found.append(Suppression(**given, line=line))
    return found


def _of_stack(stack: Stack, checkout: Path) -> Iterator[Finding]:
    for document in stack.documents:
        if document.template:
            place = _Places(checkout / "policies", document.template)
            for statement in document.statements:
                for rule, what, why in _of_statement(_neutral(stack, statement), document.kind):
                    yield Finding(*place.of(what, statement.get("Sid", "")), rule, what, why)
            if json.loads(document.text).get("Version") != "2012-10-17":
                yield Finding(*place.of("Version", ""), "unknown-element", "Version", "must be 2012-10-17")
    yield from _of_sql(stack, checkout)


@functools.lru_cache(maxsize=2048)
def _of_statement(text: str, kind: str) -> tuple[tuple[str, str, str], ...]:
    """Rule, word and reason of everything wrong in one statement."""
    statement = json.loads(text)
    actions = listed(statement.get("Action", statement.get("NotAction", [])))
    found = [("unknown-element", name, "is no element of a statement") for name in sorted(set(statement) - _ELEMENTS)]
    found += [("unknown-action", action, "AWS has no such action") for action in actions if not _known_action(action)]
    for operator, block in statement.get("Condition", {}).items():
        if base_operator(operator) not in operators():
            found.append(("unknown-operator", operator, "the judge knows no such condition operator"))
        found += [
            ("unknown-condition-key", key, f"is no condition key of {', '.join(actions[:3])}")
            for key in block
            if not _known_key(key, actions)
        ]
    found += [(rule, what, why) for rule, what, why in _of_resources(statement, actions, kind)]
    return tuple(found)


def _of_resources(statement: Mapping[str, Any], actions: list[str], kind: str) -> Iterator[tuple[str, str, str]]:
    sid = str(statement.get("Sid", ""))
    services = {action.partition(":")[0] for action in actions}
    services |= {"iam"} if "sts" in services else set()  # STS hands out IAM's roles
    for resource in listed(statement.get("Resource", [])):
        if resource != "*" and not _known_type(resource):
            yield "unknown-resource-type", resource, "is no resource that AWS has"
        elif resource != "*" and resource.split(":")[2] not in services:
            yield "resource-mismatch", resource, f"is of another service than {', '.join(sorted(services))}"
    if kind != "identity" or statement["Effect"] != "Allow":
        return
    if "*" in listed(statement.get("Resource", [])) and any(map(_restrictable, actions)):
        yield "resource-star", sid, "grants on everything what AWS can restrict to a resource"
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    if any(finding.issue == "RESOURCE_MISMATCH" for finding in parliament.analyze_policy_string(document).findings):
        yield "resource-mismatch", sid, "has an action that none of its resources is a resource of"


def _of_sql(stack: Stack, checkout: Path) -> Iterator[Finding]:
    """Expressions of policies and functions, by a parser of Postgres's SQL; the rest has a grammar of its own."""
    templates = sorted((checkout / "policies" / "postgres").glob("*.sql.j2"))
    for key, statement in {**stack.postgres["policies"], **stack.postgres["functions"]}.items():
        try:
            for text in expressions(statement):
                sqlglot.parse_one(text, dialect="postgres")
        except (sqlglot.errors.SqlglotError, PolicyError) as error:
            words = statement.split()[:3]
            name = words[2] if words[1] == "policy" else key
            why = str(error).splitlines()[0]
            yield Finding(
                *_first_line(templates, name.partition("(")[0], checkout), "sql", key, f"does not parse: {why}"
            )


def _known_action(action: str) -> bool:
    if action == "*":
        return True
    try:
        return bool(parliament.expand_action(action))
    except (parliament.UnknownActionException, parliament.UnknownPrefixException):
        return False


@functools.cache
def _known_type(arn: str) -> bool:
    """Whether the ARN has the form of one of its service's resource types, wildcards included."""
    return any(
        parliament.is_arn_match(kind["resource"], _PLACEHOLDER.sub("*", kind["arn"]), arn)
        for service in parliament.iam_definition
        if service["prefix"] == arn.split(":")[2]
        for kind in service["resources"]
    )


@functools.cache
def _restrictable(action: str) -> bool:
    """Whether AWS has a resource type for this action, or for one that this pattern stands for."""
    try:
        expanded = parliament.expand_action(action)
    except (parliament.UnknownActionException, parliament.UnknownPrefixException):
        return False
    names = {(each["service"], each["action"]) for each in expanded}
    return any(
        kind["resource_type"]
        for service in parliament.iam_definition
        for privilege in service["privileges"]
        if (service["prefix"], privilege["privilege"]) in names
        for kind in privilege["resource_types"]
    )


def _known_key(key: str, actions: list[str]) -> bool:
    if get_global_key_type(key) or key.lower() in (
        "aws:principalaccount",
        "aws:principaltag",
        "aws:principalisawsservice",
    ):
        return True
    services = {action.partition(":")[0] for action in actions}
    return any(
        is_condition_key_match(known["condition"], key)
        for service in parliament.iam_definition
        if service["prefix"] in services or "*" in services
        for known in service["conditions"]
    )


class _Places:
    """Finds words in a template and in the shared statements that it imports."""

    def __init__(self, root: Path, template: str) -> None:
        self._root, self._files = root, [template]
        self._files += _IMPORT.findall((root / template).read_text(encoding="utf-8"))

    def of(self, what: str, sid: str) -> tuple[str, int]:
        """File and line of the word; else of the statement; else the template's beginning."""
        for word in (what, sid):
            for file in self._files if word else ():
                for number, line in enumerate((self._root / file).read_text(encoding="utf-8").splitlines(), 1):
                    if f'"{word}"' in line:
                        return f"policies/{file}", number
        return f"policies/{self._files[0]}", 1


def _first_line(files: list[Path], word: str, checkout: Path) -> tuple[str, int]:
    for file in files:
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            if word in line:
                return file.relative_to(checkout).as_posix(), number
    return "policies/postgres", 1


def _neutral(stack: Stack, statement: Mapping[str, Any]) -> str:
    """The statement without what is the stack's own, so that it is looked at once for all stacks."""
    text = json.dumps(statement, sort_keys=True)
    for own, word in stack_words(stack):
        text = text.replace(own, {"{account}": "111111111111"}.get(word, word.replace("{stack}", "rendio-stack")))
    return text
