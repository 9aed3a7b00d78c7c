"""Tries two models with the same attempts, so that only what a change of access makes different is different.

Attempts come from both sides: from each model's principals, things, verbs and conditions, and from every statement as
it is written. So a grant that nobody thought of is tried as well, and one that only moved is found where it went.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ministack.core.iam_evaluator import fnmatch_iam_cs

from policies.review.actors import OWNER, actors
from policies.review.attempts import Attempt, Circumstances
from policies.review.iam import EVERYTHING, Judge, Principal
from policies.review.rows import ALLOW, DENY, Row
from policies.review.rows import Attempt as Name
from policies.review.stacks import Document, Stack
from policies.review.things import Thing, listed, stack_words

Sides = tuple[Stack, Stack]
Outcomes = tuple[bool, bool]
_ACCOUNT = re.compile(r"(?:arn:aws:(?:iam|sts)::)?(\d{12})(?::.*)?")
_PRINCIPAL_KEYS = ("aws:principalarn", "aws:principalaccount")
_VARIABLE = re.compile(r"\$\{aws:PrincipalTag/[\w-]+\}")


def rows(before: Stack, after: Stack) -> tuple[list[Row], list[Row]]:
    """The decisions of IAM under each of two models, of the same attempts on both."""
    sides = (before, after)
    tries = _Tries(sides)
    for side in sides:
        for attempt in Circumstances(sides, wide=False).attempts(side):
            tries.add(attempt)
        for attempt in tries.circumstances.attempts(side):
            if not tries.alike(attempt):
                tries.add(attempt)
    changed = [(attempt, outcomes) for attempt, outcomes in tries.tried.values() if outcomes[0] != outcomes[1]]
    for side in sides:
        for attempt, pattern in _as_written(sides, side, tries.circumstances):
            outcomes = tries.outcomes(attempt)
            if outcomes[0] != outcomes[1] and not _told(attempt, pattern, outcomes, changed):
                tries.add(attempt)
    found: tuple[list[Row], list[Row]] = ([], [])
    for place, side in enumerate(sides):
        decided = (name.decided(allowed=outcomes[place]) for name, (_, outcomes) in tries.tried.items())
        found[place].extend(sorted([*decided, *_federated(side)]))
    return found


class _Tries:
    """Attempts, and whether each of two models allows them; what either does is tried under what denials speak of."""

    def __init__(self, sides: Sides) -> None:
        self.circumstances = Circumstances(sides, wide=True)
        self.tried: dict[Name, tuple[Attempt, Outcomes]] = {}
        self._before, self._after = (Judge(side) for side in sides)

    def outcomes(self, attempt: Attempt) -> Outcomes:
        before = attempt.allowed(self._before)
        return before, before if self.alike(attempt) else attempt.allowed(self._after)

    def alike(self, attempt: Attempt) -> bool:
        """Whether the same documents decide under both models."""
        asked = (attempt.principal, attempt.action, attempt.thing.arn)
        return self._before.documents(*asked) == self._after.documents(*asked)

    def add(self, attempt: Attempt) -> None:
        if attempt.name in self.tried:
            return
        outcomes = self.outcomes(attempt)
        self.tried[attempt.name] = (attempt, outcomes)
        if any(outcomes):
            for again in self.circumstances.forbidden(attempt):
                self.add(again)


def _told(attempt: Attempt, pattern: str, outcomes: Outcomes, changed: Sequence[tuple[Attempt, Outcomes]]) -> bool:
    """Whether a standing attempt on something that the pattern means came out the same, in words that read better."""
    return any(
        outcomes == found
        and (other.principal.label, other.action) == (attempt.principal.label, attempt.action)
        and fnmatch_iam_cs(other.thing.arn, pattern)
        for other, found in changed
    )


def _as_written(sides: Sides, side: Stack, circumstances: Circumstances) -> Iterator[tuple[Attempt, str]]:
    """Each statement of `side` as it is written: its actions on its resources, by whom it is for and who it names."""
    everybody = actors(side)
    named = [principal for model in sides for principal in _named(model, everybody)]
    as_it_was = {document.name: document.text for document in sides[0].documents}
    as_it_is = {document.name: document.text for document in sides[1].documents}
    for document in side.documents:
        if as_it_was.get(document.name) == as_it_is.get(document.name):
            continue
        if document.kind in ("identity", "endpoint"):
            who = [actor for actor in everybody if document.kind == "endpoint" or actor.identity == document.on]
        else:
            who = [actor for actor in (*everybody, *named) if actor.kind != "Service"]
        for statement in document.statements:
            for thing, pattern in _things(document, statement, side):
                for action, principal in itertools.product(_actions(statement), who):
                    for attempt in circumstances.under(principal, action, thing):
                        yield attempt, pattern


def _things(document: Document, statement: Mapping[str, Any], side: Stack) -> Iterator[tuple[Thing, str]]:
    """What a statement names, with something in the place of each wildcard; a trust is about its role."""
    for pattern in listed(statement.get("Resource", document.on)):
        written = pattern
        for text, word in stack_words(side):
            written = written.replace(text, word)
        arn = _VARIABLE.sub(OWNER, pattern)
        if document.kind == "trust" or (document.kind == "resource" and arn == "*"):
            arn = document.on
        yield Thing("as written", written, arn.replace("*", "x").replace("?", "x")), _VARIABLE.sub("*", pattern)


def _actions(statement: Mapping[str, Any]) -> Iterator[str]:
    for action in listed(statement.get("Action", [])):
        yield "any:Action" if action == "*" else action.replace("*", "Anything").replace("?", "x")


def _named(model: Stack, known: Sequence[Principal]) -> Iterator[Principal]:
    """Principals outside of the stack that a document names: whole accounts, and roles or users of this one."""
    seen = {actor.identity for actor in known}
    for document in model.documents:
        for statement in document.statements:
            values = list(_principals(statement))
            for name, value in _conditions(statement):
                if name.lower() in _PRINCIPAL_KEYS:
                    values.append(value)
            for value in values:
                account = _ACCOUNT.fullmatch(value)
                arn = value.replace("*", "x").replace("?", "x")
                if account is None or arn in seen or arn in (model.account, f"arn:aws:iam::{model.account}:root"):
                    continue
                seen.add(arn)
                if account[1] != model.account:
                    user = f"arn:aws:iam::{account[1]}:user/administrator"
                    policies = (EVERYTHING,)
                    yield Principal(f"account {account[1]}", "User", account[1], user, policies=policies)
                else:
                    label = arn.rpartition(":")[2].replace(model.prefix, "{stack}")
                    role = re.sub(r":iam::(\d+):role/", r":sts::\1:assumed-role/", arn)
                    if role == arn:
                        yield Principal(label, "User", model.account, arn, policies=(EVERYTHING,))
                    else:
                        session = f"{role}/session"
                        yield Principal(label, "AssumedRole", model.account, session, policies=(EVERYTHING,))


def _federated(stack: Stack) -> Iterator[Row]:
    """Identity providers that a trust names: no engine here speaks for them, so that they are named is the decision."""
    for document in stack.documents:
        for statement in document.statements:
            principal = statement.get("Principal")
            providers = listed(principal.get("Federated", [])) if isinstance(principal, dict) else []
            for provider in providers:
                for action in _actions(statement):
                    outcome = ALLOW if statement["Effect"] == "Allow" else DENY
                    yield Row("iam", f"identity provider {provider}", action, document.name, "-", "", outcome)


def _principals(statement: Mapping[str, Any]) -> list[str]:
    principal = statement.get("Principal")
    return listed(principal.get("AWS", [])) if isinstance(principal, dict) else []


def _conditions(statement: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for block in statement.get("Condition", {}).values():
        for key, values in block.items():
            for value in listed(values):
                yield key, value
