"""Which rows and values row-level policies tell apart, read from their expressions.

A policy that says `status = 'pending'` is tried on a row that is pending and on one that is not. What comes out of
this file only chooses what is tried; whether it is allowed is Postgres's to say.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import sqlglot
from sqlglot import exp

from policies.errors import PolicyError

_EXPRESSIONS = re.compile(
    r"create policy \w+ on (?P<table>\w+\.\w+) for (?P<verb>\w+) to \w+"
    r"(?: using \((?P<using>.+?)\))?(?: with check \((?P<check>.+)\))?"
)
NULL, SET, ANOTHER = "null", "set", "another"
PAST, FUTURE, NOW = "long ago", "far ahead", "now"
State = Mapping[str, str]


@dataclass
class Told:
    """What policies tell apart about one table: values by column, and rows that satisfy a policy whole."""

    values: dict[str, list[str]] = field(default_factory=dict)
    solutions: list[State] = field(default_factory=list)
    unfinished: list[State] = field(default_factory=list)
    """Rows that an update meets, as far as possible from what its `with check` wants them to become."""

    def add(self, column: str, *values: str) -> None:
        known = self.values.setdefault(column, [])
        known += [value for value in values if value not in known]

    def states(self) -> list[State]:
        """Rows to try on: each that satisfies a policy, each of those with one value changed, each unfinished one."""
        found: list[State] = [{}]
        for solution in self.solutions:
            found.append(solution)
            for column in solution:
                found += [{**solution, column: value} for value in self.values[column]]
        found += self.unfinished
        unique = {tuple(sorted(state.items())): state for state in found}
        return [unique[key] for key in sorted(unique)]


def told_by(policies: Sequence[str]) -> dict[str, Told]:
    """What these statements (`create policy …`) tell apart, by table."""
    found: dict[str, Told] = {}
    for statement in policies:
        for table, text in _expressions(statement):
            tree = _parsed(text)
            for owner, column, values in _comparisons(tree, table):
                found.setdefault(owner, Told()).add(column, *values)
            told = found.setdefault(table, Told())
            for solution in _solutions(tree):
                for column, value in solution.items():
                    told.add(column, value)
                if solution and solution not in told.solutions:
                    told.solutions.append(solution)
    for statement in policies:
        match = _policy(statement)
        if match["using"] and match["check"]:
            told = found[match["table"]]
            told.unfinished += _unfinished(told, *(_solutions(_parsed(match[part])) for part in ("using", "check")))
    for told in found.values():
        told.solutions += [{column: value} for column, values in told.values.items() for value in values]
    return found


def expressions(statement: str) -> Iterator[str]:
    """The expressions in a statement of the model: of a policy, or what a function returns.

    Raises:
        PolicyError: it is no policy of the model's form.
    """
    if statement.startswith("create policy"):
        yield from (text for _, text in _expressions(statement))
    elif " return " in statement:
        yield statement.partition(" return ")[2]


def _policy(statement: str) -> re.Match[str]:
    match = _EXPRESSIONS.fullmatch(statement)
    if match is None:
        raise PolicyError(f"{' '.join(statement.split()[:6])!r} is no policy that can be tried")
    return match


def _expressions(statement: str) -> Iterator[tuple[str, str]]:
    match = _policy(statement)
    for text in (match["using"], match["check"]):
        if text:
            yield match["table"], text


def _parsed(text: str) -> exp.Expr:
    return sqlglot.parse_one(text, dialect="postgres")


def _unfinished(told: Told, met: list[dict[str, str]], wanted: list[dict[str, str]]) -> Iterator[State]:
    for before, after in itertools.product(met, wanted):
        changed = {column: value for column, value in after.items() if column not in before}
        if changed:
            other = {
                column: next((each for each in reversed(told.values[column]) if each != value), value)
                for column, value in changed.items()
            }
            yield {**before, **other}


def _comparisons(tree: exp.Expr, table: str) -> Iterator[tuple[str, str, list[str]]]:
    """Table, column and the values that a comparison with constants tells apart."""
    for node in tree.walk():
        values = _told_apart(node)
        if values and isinstance(node.this, exp.Column):
            yield _table_of(node, table), node.this.name, values
    for column in tree.find_all(exp.Column):
        if isinstance(column.parent, exp.And | exp.Or | exp.Not | exp.Paren) or column is tree:
            yield _table_of(column, table), column.name, ["true", "false"]


def _told_apart(node: exp.Expr) -> list[str]:
    match node:
        case exp.Is(expression=exp.Null()):
            return [NULL, SET]
        case exp.EQ(expression=exp.CurrentTimestamp()):
            return [PAST, NOW]
        case exp.EQ(expression=exp.Literal() as literal) | exp.NEQ(expression=exp.Literal() as literal):
            return [_value(literal), ANOTHER if literal.is_string else str(int(literal.name) + 1)]
        case exp.GT() | exp.GTE() | exp.LT() | exp.LTE():
            if isinstance(node.expression, exp.Literal) and not node.expression.is_string:
                number = int(node.expression.name)
                return [str(number - 1), str(number), str(number + 1)]
            return [] if node.expression.find(exp.Column) else [PAST, FUTURE]
        case exp.In() if node.args.get("expressions"):
            return [*(_value(each) for each in node.expressions if isinstance(each, exp.Literal)), ANOTHER]
    return []


def _solutions(tree: exp.Expr) -> list[dict[str, str]]:
    """Values of the table's own columns that may make the expression true; what is not understood asks for nothing."""
    match tree:
        case exp.Paren():
            return _solutions(tree.this)
        case exp.And():
            pairs = itertools.product(_solutions(tree.left), _solutions(tree.right))
            return [{**left, **right} for left, right in pairs]
        case exp.Or():
            return [*_solutions(tree.left), *_solutions(tree.right)]
        case exp.Is(expression=exp.Null(), this=exp.Column() as column):
            return [{column.name: SET if tree.args.get("negate") else NULL}]
        case exp.Column():
            return [{tree.name: "true"}]
        case exp.Not(this=exp.Column() as column):
            return [{column.name: "false"}]
        case exp.EQ(this=exp.Column() as column, expression=exp.CurrentTimestamp()):
            return [{column.name: NOW}]
        case exp.EQ(this=exp.Column() as column, expression=exp.Literal() as literal):
            return [{column.name: _value(literal)}]
        case exp.In(this=exp.Column() as column) if tree.args.get("expressions"):
            return [{column.name: _value(each)} for each in tree.expressions if isinstance(each, exp.Literal)]
        case exp.GT() | exp.GTE() if isinstance(tree.this, exp.Column) and _told_apart(tree):
            return [{tree.this.name: _told_apart(tree)[-1]}]
        case exp.LT() | exp.LTE() if isinstance(tree.this, exp.Column) and _told_apart(tree):
            return [{tree.this.name: _told_apart(tree)[0]}]
    return [{}]


def _table_of(node: exp.Expr, table: str) -> str:
    """The table a column is of: that of the subquery it stands in, or the policy's."""
    select = node.find_ancestor(exp.Select)
    source = select.find(exp.Table) if select else None
    return f"{source.db or 'public'}.{source.name}" if source else table


def _value(literal: exp.Literal) -> str:
    return str(literal.name)
