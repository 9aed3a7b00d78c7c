"""From pydantic's errors to sentences that say which key, which value and what to write instead."""

from __future__ import annotations

import json
import typing
from collections.abc import Collection
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from infra.errors import Problem

MASK = "***"
_HIDDEN_WORDS = ("secret", "password", "token", "private")

# What a value must look like, where a pattern alone would not tell a reader.
_FORMS = {
    "account_id": "must be the 12 digits of an AWS account id, in quotes",
    "aws.allowedAccountIds": "must be a list of 12-digit AWS account ids, in quotes",
    "network.cidr": "must be an IPv4 network such as 10.20.0.0/20, with no bits set after the prefix",
    "database.engine_version": 'must be a Postgres version RDS offers, in quotes, such as "18.4"',
    "database.instance_class": "must be an RDS instance class, such as db.t4g.micro",
    "device_check.team_id": "must be the 10 letters and digits of the Apple developer team id",
    "generator.webhook_user_id": "must be our user id at fal.ai: its webhooks carry it",
    "generator.video_origins": "must list 1-8 origins such as https://v3.fal.media",
    "functions.runtime": "must be a Lambda runtime from python3.11 to python3.14",
    "functions.wheels": "must be a platform uv knows, such as aarch64-manylinux_2_34",
    "sessions.keys": "must name each key by 1-31 lower-case letters, digits or hyphens, such as 2026a",
    "on_call.readers": "must list ARNs of IAM users or roles of the account, one at least; `*` in a role's alone",
    "on_call.operators": "must list ARNs of IAM users or roles of the account, one at least; `*` in a role's alone",
    "on_call.page_endpoints": "must be e-mail addresses; a pager's URL is a secret and belongs into Secrets Manager",
    "on_call.notify_endpoints": "must be e-mail addresses; a webhook's URL is a secret",
}
_TYPES = {
    "string_type": "must be text; put it in quotes",
    "int_type": "must be a whole number, without quotes",
    "bool_type": "must be true or false, without quotes",
    "list_type": "must be a list",
    "dict_type": "must be a block of keys",
    "model_type": "must be a block of keys",
}


def mask(key: str, value: object, hidden: Collection[str] = frozenset()) -> str:
    """`value` as an error may show it: secrets as ***, long values cut."""
    if key in hidden or key.replace(".", ":", 1) in hidden or f"rendio:{key.split('.')[0]}" in hidden:
        return MASK
    if any(word in key.lower() for word in _HIDDEN_WORDS) and not key.startswith("secrets"):
        return MASK
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."


def did_you_mean(name: str, known: Collection[str]) -> str:
    """The known name that `name` is closest to, if it is close: two slips at most, and one in a short name."""
    slips, nearest = min((_slips(name, candidate), candidate) for candidate in sorted(known))
    return f" Did you mean {nearest}?" if slips <= min(2, len(name) // 3) else ""


def _slips(left: str, right: str) -> int:
    """How many letters were missed, added, changed or swapped with their neighbour (optimal string alignment)."""
    before: list[int] = []
    above = list(range(len(right) + 1))
    for row, one in enumerate(left, 1):
        line = [row]
        for column, other in enumerate(right, 1):
            cost = min(above[column] + 1, line[column - 1] + 1, above[column - 1] + (one != other))
            if row > 1 and column > 1 and one == right[column - 2] and other == left[row - 2]:
                cost = min(cost, before[column - 2] + 1)
            line.append(cost)
        before, above = above, line
    return above[-1]


def unknown_key(key: str, shown: str, name: str, known: Collection[str]) -> Problem:
    hint = did_you_mean(name, known) or f" Known here: {', '.join(sorted(known))}."
    return Problem(key, shown, f"is no key of this program.{hint}")


def problems_of(error: ValidationError, root: type[BaseModel], hidden: Collection[str]) -> list[Problem]:
    return [_problem(details, root, hidden) for details in error.errors(include_url=False)]


def _problem(details: ErrorDetails, root: type[BaseModel], hidden: Collection[str]) -> Problem:
    path = [part for part in details["loc"] if isinstance(part, str)]
    key = ".".join(path)
    shown = "(missing)" if details["type"] == "missing" else mask(key, details["input"], hidden)
    if details["type"] == "extra_forbidden":
        return unknown_key(key, shown, path[-1], _fields_at(root, path[:-1]))
    return Problem(key, shown, _fix(key, details))


def _fix(key: str, details: ErrorDetails) -> str:
    limits: dict[str, Any] = details.get("ctx", {})
    match details["type"]:
        case "missing":
            return f"is required; {_FORMS[key]}" if key in _FORMS else "is required"
        case "literal_error":
            return f"must be one of {limits['expected']}"
        case "greater_than_equal":
            return f"must be {limits['ge']} or more"
        case "less_than_equal":
            return f"must be {limits['le']} or less"
        case "too_short":
            return f"must have {limits['min_length']} entries or more"
        case "too_long":
            return f"must have {limits['max_length']} entries or fewer"
        case kind if kind in _TYPES:
            return _TYPES[kind]
        case _:
            return _FORMS.get(key, details["msg"])


def _fields_at(root: type[BaseModel], path: list[str]) -> list[str]:
    model = root
    for name in path:
        annotation = model.model_fields[name].annotation
        inner = [kind for kind in (annotation, *typing.get_args(annotation)) if isinstance(kind, type)]
        model = next(kind for kind in inner if issubclass(kind, BaseModel))
    return list(model.model_fields)
