"""What a named question is: its SQL, and the parameters that its caller may give, each of a type and bound by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import LiteralString
from uuid import UUID

from lambdas.runtime.claims import canonical_uuid
from lambdas.runtime.errors import InvalidRequest

Value = UUID | int


@dataclass(frozen=True)
class Parameter:
    """What a question wants to know; one without a default must be given."""

    does: str
    parse: Callable[[str], Value]
    default: Value | None = None


@dataclass(frozen=True)
class Question:
    """One question. `sql` is all of it: callers give values, never text of a statement.

    It binds its parameters, the functions' settings (`Settings` of adapters.py) and `rows`, by name; `limit %(rows)s`
    ends it.
    """

    name: str
    does: str
    sql: LiteralString
    parameters: Mapping[str, Parameter] = field(default_factory=dict)

    def values(self, given: Mapping[str, object]) -> dict[str, Value]:
        """The parameters' values.

        Raises:
            InvalidRequest: one is unknown, missing or not of its type.
        """
        if unknown := given.keys() - self.parameters.keys():
            known = ", ".join(self.parameters) or "none"
            raise InvalidRequest(f"{self.name} knows no parameter {', '.join(sorted(unknown))}; it knows: {known}.")
        found: dict[str, Value] = {}
        for name, parameter in self.parameters.items():
            if name in given:
                found[name] = _parsed(name, parameter, given[name])
            elif parameter.default is None:
                raise InvalidRequest(f"{self.name} wants {name}: {parameter.does}.")
            else:
                found[name] = parameter.default
        return found


def identifier(does: str) -> Parameter:
    """An id that must be given."""
    return Parameter(does, canonical_uuid)


def number(does: str, *, default: int, maximum: int) -> Parameter:
    """A whole number from 1 to `maximum`."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and 1 <= int(text) <= maximum):
            raise ValueError
        return int(text)

    return Parameter(f"{does}, 1 to {maximum}, {default} unless given", parse, default)


def _parsed(name: str, parameter: Parameter, given: object) -> Value:
    try:
        return parameter.parse(str(given))
    except ValueError:
        raise InvalidRequest(f"{name} is not as it should be: {parameter.does}.", field=name) from None
