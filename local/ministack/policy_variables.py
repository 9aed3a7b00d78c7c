"""`${aws:PrincipalTag/x}` and its kind in policies.

MiniStack compares policy variables as literal text, so a statement that has one never matches. AWS puts in
the request's value, in Resource, NotResource and the values of string and ARN conditions, in identity,
resource, session and trust policies. A variable without a value is null, and null equals nothing: a
Resource or a positive condition does not match, a NotResource or a negated condition does.
Source: IAM User Guide, "IAM policy elements: Variables and tags", sections "Where you can use policy
variables", "Policy variables with no value" and "Specifying default values".
"""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from ministack.core import iam_evaluator

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
# Written as variables in order to mean themselves. What is no wildcard then must not become one by being put in.
_ESCAPED = ("*", "?", "$")
_PLAIN = {"*": "\x01", "?": "\x02"}
# Holds no character that an ARN or a condition key can have, so it equals and is like nothing.
_NULL = "\x00"


def install() -> None:
    """Expand variables before the evaluator compares."""
    first_match, conditions_met = iam_evaluator._first_match, iam_evaluator._conditions_met

    def expanding_first_match(ctx: Any, statements: list[Any], effect: str) -> Any:
        return first_match(ctx, [_expand_resources(statement, ctx) for statement in statements], effect)

    def expanding_conditions_met(conditions: Any, ctx: Any) -> Any:
        return conditions_met(_expand_conditions(conditions, ctx), ctx)

    iam_evaluator._first_match = expanding_first_match
    iam_evaluator._conditions_met = expanding_conditions_met
    _take_plain_characters_for_themselves()


def _take_plain_characters_for_themselves() -> None:
    compile_pattern, operators = iam_evaluator._fnmatch_compile, iam_evaluator._CONDITION_OPS

    def compile_with_plain(pattern: str, ignore_case: bool) -> re.Pattern[str]:
        compiled: re.Pattern[str] = compile_pattern(pattern, ignore_case)
        if not any(mark in pattern for mark in _PLAIN.values()):
            return compiled
        text = compiled.pattern
        for character, mark in _PLAIN.items():
            text = text.replace(re.escape(mark), re.escape(character))
        return re.compile(text, compiled.flags)

    def with_plain(operator: Any) -> Any:
        def compare(actual: Any, expected: Any) -> Any:
            for character, mark in _PLAIN.items():
                expected = expected.replace(mark, character)
            return operator(actual, expected)

        return compare

    iam_evaluator._fnmatch_compile = compile_with_plain
    for name in [name for name in operators if name.startswith("string") and not name.endswith("like")]:
        operators[name] = with_plain(operators[name])


def _expand_resources(statement: Any, ctx: Any) -> Any:
    if not any("${" in text for text in (*statement.resources, *statement.not_resources)):
        return statement
    return dataclasses.replace(
        statement,
        resources=[_expand(text, ctx) for text in statement.resources],
        not_resources=[_expand(text, ctx) for text in statement.not_resources],
    )


def _expand_conditions(conditions: Any, ctx: Any) -> Any:
    if not isinstance(conditions, dict):
        return conditions
    return {operator: _expand_block(block, ctx) for operator, block in conditions.items()}


def _expand_block(block: Any, ctx: Any) -> Any:
    if not isinstance(block, dict):
        return block
    return {key: _expand_values(values, ctx) for key, values in block.items()}


def _expand_values(values: Any, ctx: Any) -> Any:
    if isinstance(values, list):
        return [_expand(value, ctx) if isinstance(value, str) else value for value in values]
    return _expand(values, ctx) if isinstance(values, str) else values


def _expand(text: str, ctx: Any) -> str:
    """The text with the request's values in place; `_NULL` when one of them has none."""
    parts, position = [], 0
    for match in _VARIABLE.finditer(text):
        value = _value(match.group(1), ctx)
        if value is None:
            return _NULL
        parts += [text[position : match.start()], value]
        position = match.end()
    return "".join([*parts, text[position:]])


def _value(variable: str, ctx: Any) -> str | None:
    if variable in _ESCAPED:
        return _PLAIN.get(variable, variable)
    key, comma, default = variable.partition(",")
    value = iam_evaluator._resolve_condition_key(key.strip(), ctx)
    if value is None and comma:
        return default.strip().strip("'")
    # A multi-valued key cannot be put into text. A value with wildcards would widen the pattern it lands in.
    if value is None or isinstance(value, list) or any(wildcard in str(value) for wildcard in "*?"):
        return None
    return str(value)
