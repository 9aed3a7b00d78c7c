"""Metric math, as much of it as alarms use: arithmetic, comparisons, IF, FILL, MAX, MIN, SUM.

MiniStack has none. Source: CloudWatch User Guide, "Using math expressions with CloudWatch metrics". A value is one
period's; None is a missing one, and whatever is computed from it is missing too, but for FILL and for the reducing
functions, which pass over it. A division by zero is missing, as CloudWatch's is.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from functools import cache

Value = float | None
_ARITHMETIC: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_COMPARE: dict[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_REDUCE: dict[str, Callable[[list[float]], float]] = {"MAX": max, "MIN": min, "SUM": sum}


class UnknownMath(ValueError):
    """The expression uses something that this evaluator has not."""


def evaluate(expression: str, values: Mapping[str, Value]) -> Value:
    """The expression's value for one period, given its metrics' values by id.

    Raises:
        UnknownMath: it cannot be evaluated, whatever the values.
    """
    return _value(_parsed(expression), values)


@cache
def _parsed(expression: str) -> ast.expr:
    # CloudWatch writes `&&` and `||`; its AND and OR are Python's but for their case.
    text = expression.replace("&&", " and ").replace("||", " or ").replace(" AND ", " and ").replace(" OR ", " or ")
    try:
        return ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        raise UnknownMath(f"{expression!r} is no expression") from error


def _value(node: ast.expr, values: Mapping[str, Value]) -> Value:
    match node:
        case ast.Constant(value=bool() | int() | float() as constant):
            return float(constant)
        case ast.Name(id=name):
            if name not in values:
                raise UnknownMath(f"{name} is no id of a query")
            return values[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            found = _value(operand, values)
            return None if found is None else -found
        case ast.BinOp(left=left, op=operation, right=right) if type(operation) in _ARITHMETIC:
            return _both(_ARITHMETIC[type(operation)], _value(left, values), _value(right, values))
        case ast.Compare(left=left, ops=[operation], comparators=[right]) if type(operation) in _COMPARE:
            return _both(_COMPARE[type(operation)], _value(left, values), _value(right, values))
        case ast.BoolOp(op=operation, values=parts):
            found_all = [_value(part, values) for part in parts]
            if None in found_all:
                return None
            return float((all if isinstance(operation, ast.And) else any)(found_all))
        case ast.Call(func=ast.Name(id=name), args=[ast.List(elts=elements)], keywords=[]):
            return _call(name, [_value(element, values) for element in elements])
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            return _call(name, [_value(argument, values) for argument in arguments])
    raise UnknownMath(f"{ast.unparse(node)} is not supported")


def _both(operation: Callable[[float, float], float], left: Value, right: Value) -> Value:
    if left is None or right is None:
        return None
    try:
        return float(operation(left, right))
    except ZeroDivisionError:
        return None


def _call(name: str, arguments: list[Value]) -> Value:
    match name, arguments:
        case "IF", [condition, then, otherwise]:
            return None if condition is None else (then if condition else otherwise)
        case "FILL", [found, filling]:
            return filling if found is None else found
        case (("MAX" | "MIN" | "SUM"), [_, *_]):
            present = [argument for argument in arguments if argument is not None]
            return float(_REDUCE[name](present)) if present else None
    raise UnknownMath(f"{name} with {len(arguments)} arguments is not supported")
