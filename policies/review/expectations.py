"""What is expected to be allowed, written by hand; whatever else the matrix allows, nobody expected.

policies/expectations/aws.yaml and postgres.yaml are lists of rules with these keys, and no others:

    who:    a principal or a list; `*` stands for any letters
    may:    an action or a list, as the matrix says it
    thing:  what it is done to, or a list; `*` as above, and {self} for the principal's name without its first word
    whose:  own, other's or shared; left out where the thing is nobody's
    when:   circumstances, `*` as above; left out where there are none
    stacks: the stacks on which it holds; left out for all
    because: why, where a reader would ask
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from policies.errors import PolicyError
from policies.review.rows import ALLOW, Row
from policies.review.stacks import REPOSITORY, STACKS

EXPECTATIONS = REPOSITORY / "policies" / "expectations"
_FILES = {"aws.yaml": "iam", "postgres.yaml": "postgres"}
_REQUIRED, _OPTIONAL = ("who", "may", "thing"), ("whose", "when", "stacks", "because")


class ExpectationError(PolicyError):
    """The file of expectations is wrong; the message names the file, the line and the rule."""


@dataclass(frozen=True)
class Rule:
    """One rule; `place` is the file and the line where it begins."""

    place: str
    layer: str
    who: tuple[str, ...]
    may: tuple[str, ...]
    things: tuple[str, ...]
    whose: str
    when: str
    stacks: tuple[str, ...]

    def allows(self, row: Row) -> bool:
        """Whether this rule expects the row to be allowed."""
        return any(self._matches(who, may, thing, row) for who in self.who for may in self.may for thing in self.things)

    def unmet(self, rows: Sequence[Row]) -> list[str]:
        """The parts of the rule that no row of `rows` bears out."""
        return [
            f"{who} may {may} on {thing}"
            for who in self.who
            for may in self.may
            for thing in self.things
            if not any(self._matches(who, may, thing, row) for row in rows)
        ]

    def _matches(self, who: str, may: str, thing: str, row: Row) -> bool:
        if (row.layer, row.whose, row.action) != (self.layer, self.whose, may):
            return False
        if not _like(who, row.principal) or not _like(self.when, row.context):
            return False
        return _like(thing.replace("{self}", row.principal.partition(" ")[2]), row.resource)


@dataclass(frozen=True)
class Findings:
    """Where matrix and expectations differ on one stack."""

    unexpected: tuple[Row, ...]
    unmet: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.unexpected or self.unmet)

    def lines(self) -> list[str]:
        """For people: each difference, and for each outcome the line to write if it is meant."""
        said = [f"not allowed, though expected: {each}" for each in self.unmet]
        for row in self.unexpected:
            said.append(f"allowed, though nobody expected it: {row.principal}: {row.action} on {row.resource}")
            file = next(name for name, layer in _FILES.items() if layer == row.layer)
            said.append(f"    if it is meant, in policies/expectations/{file}: {_as_rule(row)}")
        return said


def read(folder: Path = EXPECTATIONS) -> list[Rule]:
    """The rules of both files.

    Raises:
        ExpectationError: no list of rules, an unknown or missing key, a value of another kind.
    """
    return [rule for name, layer in _FILES.items() for rule in _rules(folder / name, layer)]


def _rules(path: Path, layer: str) -> list[Rule]:
    try:
        tree = yaml.compose(path.read_text(encoding="utf-8"))
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ExpectationError(f"{path.name}: is no YAML: {error}") from error
    if not isinstance(content, list) or not isinstance(tree, yaml.SequenceNode):
        raise ExpectationError(f"{path.name}:1: must be a list of rules")
    return [_rule(path, layer, node.start_mark.line + 1, each) for node, each in zip(tree.value, content, strict=True)]


def compare(stack: str, rows: Iterable[Row], rules: Sequence[Rule]) -> Findings:
    """What the matrix of `stack` allows without a rule, and what rules say that it does not allow."""
    allowed = [row for row in rows if row.decision == ALLOW]
    here = [rule for rule in rules if stack in rule.stacks]
    unexpected = tuple(row for row in allowed if not any(rule.allows(row) for rule in here))
    unmet = tuple(f"{rule.place}: {each}" for rule in here for each in rule.unmet(allowed))
    return Findings(unexpected, unmet)


def _rule(path: Path, layer: str, line: int, given: Any) -> Rule:
    if not isinstance(given, Mapping):
        raise ExpectationError(f"{path.name}:{line}: must be a block of keys")
    unknown = sorted(set(given) - {*_REQUIRED, *_OPTIONAL})
    missing = sorted(set(_REQUIRED) - set(given))
    if unknown or missing:
        what = f"{unknown[0]!r} is no key" if unknown else f"{missing[0]!r} is missing"
        raise ExpectationError(f"{path.name}:{line}: {what}; a rule has {', '.join((*_REQUIRED, *_OPTIONAL))}")
    lists = {key: _texts(path, line, key, given[key]) for key in (*_REQUIRED, "stacks") if key in given}
    texts = {key: _text(path, line, key, given[key]) for key in ("whose", "when", "because") if key in given}
    stacks = lists.get("stacks", STACKS)
    if not set(stacks) <= set(STACKS):
        raise ExpectationError(f"{path.name}:{line}: stacks must be of {', '.join(STACKS)}")
    return Rule(
        place=f"{path.name}:{line}",
        layer=layer,
        who=lists["who"],
        may=lists["may"],
        things=lists["thing"],
        whose=texts.get("whose", "-"),
        when=texts.get("when", ""),
        stacks=tuple(stacks),
    )


def _texts(path: Path, line: int, key: str, value: Any) -> tuple[str, ...]:
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, list) or not found or not all(isinstance(each, str) for each in found):
        raise ExpectationError(f"{path.name}:{line}: {key} must be text or a list of texts")
    return tuple(found)


def _text(path: Path, line: int, key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ExpectationError(f"{path.name}:{line}: {key} must be text")
    return value


def _like(pattern: str, text: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text) is not None


def _as_rule(row: Row) -> str:
    keys = {"who": row.principal, "may": row.action, "thing": row.resource}
    keys |= {"whose": row.whose} if row.whose != "-" else {}
    keys |= {"when": row.context} if row.context else {}
    flow: str = yaml.safe_dump([keys], default_flow_style=True, width=10_000, allow_unicode=True, sort_keys=False)
    return f"- {flow.strip()[1:-1]}"
