"""What is tried in AWS: every principal, every verb, every thing, with the circumstances that the documents speak of.

An attempt without circumstances is tried first; then those under which a grant says it holds; and for each that is
allowed, those under which a denial says it does not. So each condition of a document shows in the matrix by its effect.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ministack.core.iam_evaluator import fnmatch_iam

from policies.review.actors import (
    LAMBDA_SERVICE,
    OWNER,
    STRANGERS_ACCOUNT,
    actors,
    named_services,
    session_tags,
)
from policies.review.iam import Judge, Principal, Values, base_operator
from policies.review.rows import ALLOW, Row
from policies.review.rows import Attempt as Name
from policies.review.stacks import Document, Stack
from policies.review.things import VERBS, Thing, listed, stack_words, things, verbs

HTTP, OTHER_VALUE = "over http", "another"
# Keys that say who asks, for whom or where: the principals vary them.
_NOT_VARIED = (
    "aws:principal", "aws:userid", "aws:username", "aws:requesttag/", "aws:tagkeys", "aws:source",
    "aws:requestedregion", "lambda:sourcefunctionarn",
)  # fmt: skip
_POSITIVE = {"stringequals", "stringlike", "arnequals", "arnlike", "stringequalsignorecase"}
_NEGATIVE = {"stringnotequals", "stringnotlike", "arnnotequals", "arnnotlike"}


@dataclass(frozen=True)
class Attempt:
    """One call: who, what, on what, under which circumstances. `tags` makes it an AssumeRole with session tags."""

    principal: Principal
    action: str
    thing: Thing
    context: str = ""
    values: tuple[tuple[str, str], ...] = ()
    tags: tuple[tuple[str, str], ...] | None = None

    @property
    def name(self) -> Name:
        """What the matrix calls it."""
        said = ", ".join(part for part in (self.thing.context, self.context) if part)
        return Name("iam", self.principal.label, self.action, self.thing.label, self._whose(), said)

    def row(self, judge: Judge) -> Row:
        """Try it."""
        return self.name.decided(allowed=self.allowed(judge))

    def allowed(self, judge: Judge) -> bool:
        """Whether it is allowed, tried."""
        values: Values = dict(self.values)
        if self.tags is None:
            return judge.decide(self.principal, self.action, self.thing.arn, values).allowed
        return judge.assume(self.principal, self.thing.arn, dict(self.tags), values).allowed

    def _whose(self) -> str:
        if self.thing.owner:
            return "own" if self.thing.owner == self.principal.label else "other's"
        return self.thing.whose


def rows(stack: Stack, known: Sequence[Stack] = (), *, wide: bool = False) -> list[Row]:
    """Every attempt on `stack` and how it ends, in canonical order.

    Args:
        known: models whose verbs and conditions are tried as well, such as the other side of a comparison.
        wide: try people and pipelines with every verb and on everything that any document names, for a comparison;
            the standing matrix asks of them only what is worth having.
    """
    return sorted({row for _, row in tried(stack, known, wide=wide)})


def tried(stack: Stack, known: Sequence[Stack] = (), *, wide: bool = False) -> list[tuple[Attempt, Row]]:
    """The same with the attempts themselves."""
    judge, found = Judge(stack), []
    circumstances = Circumstances([stack, *known], wide=wide)
    for attempt in circumstances.attempts(stack):
        row = attempt.row(judge)
        found.append((attempt, row))
        if row.decision == ALLOW:
            found += [(again, again.row(judge)) for again in circumstances.forbidden(attempt)]
    return found


class Circumstances:
    """What the documents of some models say about circumstances, turned into attempts."""

    def __init__(self, models: Sequence[Stack], *, wide: bool) -> None:
        self._models, self._wide = models, wide
        self._grants = list(_conditions(models, "Allow"))
        self._denials = list(_conditions(models, "Deny"))
        self._neutral = [(text, word) for model in models for text, word in stack_words(model)]

    def attempts(self, stack: Stack) -> Iterator[Attempt]:
        """Each principal on each thing it could mean, by each verb."""
        things_of, services = things(stack, self._models, people=self._wide), _service_documents(self._models)
        verbs_of = {kind: verbs(self._models, kind, people=self._wide) for kind in {thing.kind for thing in things_of}}
        assumed = {document.on: session_tags(document) for document in stack.documents if document.kind == "trust"}
        for principal, thing in itertools.product(actors(stack), things_of):
            if not _meant(principal, thing):
                continue
            few = principal.kind == "User" and principal.account == stack.account and not self._wide
            for action in VERBS.get(thing.kind, ()) if few else verbs_of[thing.kind]:
                if principal.kind == "Service":
                    if thing.kind in services.get(principal.service, {}):
                        yield from self._from_sources(principal, action, thing, stack)
                elif action == "sts:AssumeRole":
                    yield from _assuming(principal, thing, assumed.get(thing.arn, []))
                elif action != "sts:TagSession":
                    yield from self.under(principal, action, thing)

    def forbidden(self, attempt: Attempt) -> Iterator[Attempt]:
        """An allowed attempt under each circumstance that some denial speaks of, or that a grant does not hold for."""
        given, done = dict(attempt.values), {attempt.values}
        asked = (attempt.principal, attempt.action, attempt.thing)
        changes = [
            {name: value for name, value in values.items() if name not in given}
            for values in self._matching(self._denials, *asked)
        ]
        changes += [{name: OTHER_VALUE} for values in self._matching(self._grants, *asked) for name in values]
        for new in changes:
            values = {**given, **new}
            key = tuple(sorted(values.items()))
            if key not in done:
                done.add(key)
                if given.keys() & new.keys():
                    context = self.words(values)
                else:
                    context = ", ".join(part for part in (attempt.context, self.words(new)) if part)
                yield Attempt(*asked, context, key, attempt.tags)

    def words(self, values: Mapping[str, str]) -> str:
        """Circumstances as a reader says them, the same on every stack."""
        said = []
        for key, value in sorted(values.items()):
            for text, word in self._neutral:
                value = value.replace(text, word)
            said.append(HTTP if key.lower() == "aws:securetransport" else f"{key} = {value}")
        return ", ".join(said)

    def under(self, principal: Principal, action: str, thing: Thing) -> Iterator[Attempt]:
        """One call with no circumstances, and under each that some grant of it speaks of."""
        yield Attempt(principal, action, thing)
        yield from self._granted(principal, action, thing)

    def _granted(self, principal: Principal, action: str, thing: Thing) -> Iterator[Attempt]:
        done: set[tuple[tuple[str, str], ...]] = {()}
        for values in self._matching(self._grants, principal, action, thing):
            key = tuple(sorted(values.items()))
            if key not in done:
                done.add(key)
                yield Attempt(principal, action, thing, self.words(values), key)

    def _matching(
        self, statements: Sequence[Conditional], principal: Principal, action: str, thing: Thing
    ) -> Iterator[dict[str, str]]:
        """Circumstances of the statements on this principal or this thing about this action."""
        for statement in statements:
            concerned = statement.on == principal.identity or thing.arn.startswith(statement.on)
            if concerned and any(fnmatch_iam(action, name) for name in statement.actions):
                yield statement.values

    def _from_sources(self, principal: Principal, action: str, thing: Thing, stack: Stack) -> Iterator[Attempt]:
        """A service on behalf of what the thing's policy names, of nothing, and of another account."""
        sources = set()
        for model in self._models:
            for document in model.documents:
                if principal.service in named_services(document) and document.on == thing.arn:
                    sources |= _sources(document, principal.service, action)
        default = {"aws:SourceAccount": stack.account, "aws:SourceArn": f"arn:aws:any:{stack.region}:{stack.account}:x"}
        act = None if action != "sts:AssumeRole" else ()
        for source in sorted(sources) or [tuple(sorted(default.items()))]:
            said = "for another source of this account" if not sources else f"for {self._source(dict(source))}"
            yield Attempt(principal, action, thing, said, source, act)
        foreign = tuple(
            (key, value.replace(stack.account, STRANGERS_ACCOUNT)) for key, value in (sorted(sources) or [()])[0]
        )
        foreign = tuple(sorted({**dict(foreign), "aws:SourceAccount": STRANGERS_ACCOUNT}.items()))
        yield Attempt(principal, action, thing, "for another account", foreign, act)

    def _source(self, values: Mapping[str, str]) -> str:
        said = values.get("aws:SourceArn") or values.get("aws:SourceAccount") or "any source"
        for text, word in self._neutral:
            said = said.replace(text, word)
        return said


def _assuming(principal: Principal, role: Thing, tags: Sequence[str]) -> Iterator[Attempt]:
    """AssumeRole as the role's trust wants it, and with every other set of session tags."""
    action = "sts:AssumeRole"
    if not tags:
        yield Attempt(principal, action, role, tags=())
        yield Attempt(principal, action, role, "with a session tag", tags=(("any", "thing"),))
        return
    own = dict.fromkeys(tags, OWNER)
    sets: dict[str, Mapping[str, str]] = {
        f"tagged {', '.join(tags)}": own,
        "with no tag": {},
        "with another tag": {"another": OWNER},
        "with a second tag": own | {"second": "x"},
        "tagged with no user's id": dict.fromkeys(tags, "*"),
    }
    for said, given in sets.items():
        yield Attempt(principal, action, role, said, tags=tuple(sorted(given.items())))


def _meant(principal: Principal, thing: Thing) -> bool:
    """Whether the thing is another one for this principal: only users have objects of their own."""
    if principal.label.startswith(LAMBDA_SERVICE):
        return thing.kind == "anything"
    if thing.kind != "objects" or principal.tags:
        return True
    return thing.whose != "own" and not thing.context


@dataclass(frozen=True)
class Conditional:
    """Circumstances under which a statement of a document on `on` holds for `actions`."""

    on: str
    actions: list[str]
    values: dict[str, str]


def _conditions(models: Sequence[Stack], effect: str) -> Iterator[Conditional]:
    """Each statement of this effect that has conditions; those that say who asks are left to the principals."""
    for model in models:
        for document in model.documents:
            if document.kind == "trust":
                continue
            for statement in document.statements:
                if statement["Effect"] == effect:
                    for values in _instances(statement.get("Condition", {})):
                        yield Conditional(document.on, listed(statement.get("Action", [])), values)


def _instances(condition: Mapping[str, Mapping[str, str | list[str]]]) -> Iterator[dict[str, str]]:
    """Values under which all of it holds: each value of each list once, wildcards filled in; another for a negation."""
    options: dict[str, list[str]] = {}
    for operator, block in condition.items():
        kind = base_operator(operator)
        for key, values in block.items():
            if key.lower().startswith(_NOT_VARIED):
                continue
            if kind in _NEGATIVE:
                options[key] = [OTHER_VALUE]
            elif kind in _POSITIVE:
                options[key] = [value.replace("*", "x").replace("?", "x") for value in listed(values)]
            elif kind == "bool":
                options[key] = listed(values)
    first = {key: values[0] for key, values in options.items() if values}
    if first:
        yield first
    for key, values in options.items():
        yield from ({**first, key: value} for value in values[1:])


def _service_documents(models: Sequence[Stack]) -> dict[str, set[str]]:
    """Service -> the kinds of things whose policies name it."""
    kinds = {"roles": "role", "queues": "queue", "topics": "topic", "functions": "function", "keys": "key"}
    found: dict[str, set[str]] = {}
    for model in models:
        for document in model.documents:
            for service in named_services(document):
                found.setdefault(service, set()).add(kinds.get(document.name.partition("/")[0], "bucket"))
    return found


def _sources(document: Document, service: str, action: str) -> set[tuple[tuple[str, str], ...]]:
    """The sources for which a document lets a service do this."""
    found = set()
    for statement in document.statements:
        principal = statement.get("Principal", {})
        named = principal.get("Service", []) if isinstance(principal, dict) else []
        if service not in listed(named) or statement["Effect"] != "Allow":
            continue
        if not any(fnmatch_iam(action, name) for name in listed(statement.get("Action", []))):
            continue
        values = {
            re.sub("^aws:", "aws:", key, flags=re.IGNORECASE): str(listed(value)[0])
            for block in statement.get("Condition", {}).values()
            for key, value in block.items()
            if key.lower().startswith("aws:source")
        }
        found.add(tuple(sorted((key, value.replace("*", "x")) for key, value in values.items())))
    return found
