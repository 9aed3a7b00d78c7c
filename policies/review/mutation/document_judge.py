"""Which decision about AWS notices a mutant: the access matrix, then requests made of what its statement names.

Those are made of the whole stack first, then of the document alone, with every other layer open or silent: layers are
there so that one may fail, and a rule that only matters when another does is no idle one.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

from policies.review.actors import OTHER, OWNER, actors
from policies.review.attempts import Attempt, tried
from policies.review.iam import EVERYTHING, Judge, Principal, Request, base_operator, judge
from policies.review.mutation.documents import TAG, Statement, listed
from policies.review.mutation.mutants import Catch, DocumentMutant
from policies.review.rows import ALLOW
from policies.review.stacks import Document, Stack

_NEGATIVE = ("stringnotequals", "stringnotlike", "arnnotequals", "arnnotlike")
_ROLE = re.compile(r"arn:aws:iam::(\d{12}):role/([\w+=,.@-]+)")
Context = dict[str, str | list[str]]
Probe = tuple[Principal, str, str, Context]


class DocumentJudge:
    """The decisions of a stack, to be made again with one document changed."""

    def __init__(self, stack: Stack) -> None:
        self._stack, self._whole = stack, Judge(stack)
        self._actors = actors(stack)
        self._by_identity: dict[str, list[tuple[Attempt, bool]]] = defaultdict(list)
        self._by_policy: dict[str | None, list[tuple[Attempt, bool]]] = defaultdict(list)
        self._in_network: list[tuple[Attempt, bool]] = []
        for attempt, row in tried(stack):
            decided = (attempt, row.decision == ALLOW)
            self._by_identity[attempt.principal.identity].append(decided)
            self._by_policy[self._whole.policy_of(attempt.action, attempt.thing.arn)].append(decided)
            if attempt.principal.in_network and attempt.action.startswith("s3:"):
                self._in_network.append(decided)

    def catches(self, mutant: DocumentMutant) -> Catch | None:
        """The first decision that is another with the mutant; None when there is none."""
        assert mutant.document is not None
        old = self._stack.document(mutant.document.name)
        documents = (mutant.document if document is old else document for document in self._stack.documents)
        changed = Judge(dataclasses.replace(self._stack, documents=tuple(documents)))
        for attempt, allowed in self._concerned(old):
            row = attempt.row(changed)
            if (row.decision == ALLOW) is not allowed:
                return Catch("matrix", f"{row.principal}: {row.action} on {row.resource} {row.context}: {row.decision}")
        for principal, action, resource, context in self._probes(old, mutant.document):
            decision = changed.decide(principal, action, resource, context)
            if decision.allowed is not self._whole.decide(principal, action, resource, context).allowed:
                return Catch("request", f"{principal.label}: {action} on {resource}: allowed is {decision.allowed}")
        for probe in self._probes(old, mutant.document):
            if self._alone(old, probe) != self._alone(mutant.document, probe):
                return Catch("document alone", f"{probe[0].label}: {probe[1]} on {probe[2]}")
        return None

    def _alone(self, document: Document, probe: Probe) -> list[bool]:
        """What the document decides by itself: whether it grants, and whether it holds back what all else grants."""
        principal, action, resource, context = probe
        # The region is where a call is sent to, not a key that comes with it.
        keys = {name: value for name, value in context.items() if name.lower() != "aws:requestedregion"}
        region = str(context.get("aws:RequestedRegion", self._stack.region))
        request = Request(principal, action, resource, keys, region)
        match document.kind:
            case "identity":
                return [judge(request, identity=[document.text]).allowed]
            case "endpoint":
                return [judge(request, identity=[EVERYTHING], limits=[[document.text]]).allowed]
        owner = self._stack.account
        return [
            judge(request, resource=document.text, owner=owner).allowed,
            judge(request, identity=[EVERYTHING], resource=document.text, owner=owner).allowed,
            judge(request, identity=[EVERYTHING], resource=_granting_all(document), owner=owner).allowed,
        ]

    def _concerned(self, document: Document) -> list[tuple[Attempt, bool]]:
        match document.kind:
            case "identity":
                return self._by_identity[document.on]
            case "endpoint":
                return self._in_network
            case _:
                return self._by_policy[document.text]

    def _probes(self, old: Document, new: Document) -> Iterator[Probe]:
        """Requests that one of the changed statements speaks of."""
        before, after = old.statements, new.statements
        for statement in [*(one for one in before if one not in after), *(one for one in after if one not in before)]:
            contexts = list(_contexts(statement))
            for principal in [*self._actors, *_named_roles(old)]:
                if old.kind == "identity" and principal.identity != old.on:
                    continue
                for action in listed(statement.get("Action", [])):
                    for resource in _instances(statement, old):
                        for context in contexts:
                            yield principal, action.replace("*", "Any"), resource, context


def _named_roles(document: Document) -> list[Principal]:
    """The roles that a document names, whether a stack has them yet or not."""
    return [
        Principal(f"role {role}", "AssumedRole", account, f"arn:aws:sts::{account}:assumed-role/{role}/session")
        for account, role in sorted(set(_ROLE.findall(document.text)))
    ]


def _granting_all(document: Document) -> str:
    """The document with a grant of everything to everybody beside what it says."""
    content = json.loads(document.text)
    grant = {"Sid": "All", "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
    return json.dumps({**content, "Statement": [*document.statements, grant]}, sort_keys=True)


def _instances(statement: Statement, document: Document) -> Iterator[str]:
    """A thing for each resource of a statement, the user's own and another's."""
    for resource in listed(statement.get("Resource", document.on)):
        named = resource if resource != "*" or document.kind == "identity" else document.on
        if named == "*":
            yield f"arn:aws:{listed(statement.get('Action', 's3:*'))[0].partition(':')[0]}:::elsewhere"
        for user in dict.fromkeys((OWNER, OTHER)) if TAG.search(named) else ("",):
            yield TAG.sub(user, named).replace("*", "x").replace("?", "x") if named != "*" else "*"


def _contexts(statement: Statement) -> Iterator[Context]:
    """Circumstances under which its conditions hold, and those where one key is missing or has another value."""
    holds: dict[str, str] = {}
    others: list[tuple[str, str | None]] = []
    for kind, block in statement.get("Condition", {}).items():
        for key, values in block.items():
            given = [value.replace("*", "x").replace("?", "x") for value in listed(values)]
            match base_operator(kind):
                case "null":
                    if given == ["false"]:
                        holds.setdefault(key, "x")
                case "bool":
                    holds[key] = given[0]
                    others.append((key, "true" if given[0] == "false" else "false"))
                case name if name in _NEGATIVE:
                    holds[key] = "other"
                    others += [(key, value) for value in given]
                case _:
                    holds[key] = given[0]
                    others += [(key, value) for value in [*given[1:], "other"]]
            others.append((key, None))
    yield _as_given(holds)
    for key, value in others:
        yield _as_given({**{name: kept for name, kept in holds.items() if name != key}, key: value})


def _as_given(values: Mapping[str, str | None]) -> Context:
    """Without keys that have no value; `aws:TagKeys` is a list in every request."""
    return {
        key: [value] if key.lower() == "aws:tagkeys" else value for key, value in values.items() if value is not None
    }
