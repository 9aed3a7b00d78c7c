"""A function's settings: its environment variables, read once and checked whole.

A settings class is a frozen dataclass; each field is the variable of its name in capitals. Known types: `str`, `int`,
`dict[str, str]` (a JSON object) and `list[str]` (a JSON list).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar, get_type_hints

from lambdas.runtime.errors import ConfigurationError

Settings = TypeVar("Settings")


def read_settings(shape: type[Settings], environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of class `shape` (a dataclass), every problem reported at once.

    Raises:
        ConfigurationError: a variable is missing, empty or malformed. Values are not repeated in the message.
    """
    source = os.environ if environment is None else environment
    kinds = get_type_hints(shape)
    values: dict[str, Any] = {}
    problems: list[str] = []
    for field in fields(shape):  # type: ignore[arg-type]  # a bound "dataclass" cannot be said in the type system
        variable = field.name.upper()
        text = source.get(variable, "").strip()
        if not text:
            problems.append(f"{variable} is not set")
            continue
        try:
            values[field.name] = _parsed(text, kinds[field.name])
        except ValueError as error:
            problems.append(f"{variable} {error}")
    if problems:
        raise ConfigurationError(f"environment of this function: {'; '.join(problems)} (infra/functions.py sets it)")
    return shape(**values)


def _parsed(text: str, kind: Any) -> Any:
    if kind is str:
        return text
    if kind is int:
        if not text.isascii() or not text.isdigit():
            raise ValueError("is no whole number")
        return int(text)
    if kind == dict[str, str]:
        return _string_map(text)
    if kind == list[str]:
        return _strings(text)
    raise TypeError(f"settings of type {kind} are not known")


def _string_map(text: str) -> dict[str, str]:
    value = _json(text)
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise ValueError("is no JSON object of strings")
    return value


def _strings(text: str) -> list[str]:
    value = _json(text)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError("is no JSON list of strings")
    return value


def _json(text: str) -> object:
    try:
        value: object = json.loads(text)
    except ValueError:
        raise ValueError("is no JSON") from None
    return value
