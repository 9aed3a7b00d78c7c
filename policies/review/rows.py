"""A decision found by trying: who may do what to whose thing. The access matrix is a list of these."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from policies.errors import PolicyError

ALLOW, DENY = "allow", "deny"
_CHOICES = {
    "layer": ("iam", "postgres"),
    "whose": ("own", "other's", "shared", "-"),
    "decision": (ALLOW, DENY),
}


class RowError(PolicyError):
    """A row of an access matrix that is none."""


@dataclass(frozen=True, order=True)
class Row:
    """One attempt and its outcome, in words that are the same on every stack.

    Args:
        layer: `iam` or `postgres`, whichever decided.
        principal: who tried, such as "function me".
        action: an AWS action, or an SQL verb with the columns it names.
        resource: what was reached for, such as "videos bucket, videos/{user}/…".
        whose: the thing is the principal's `own`, an `other's`, `shared`, or nobody's: `-`.
        context: what else held, such as "over http"; mostly empty.
        decision: `allow` or `deny`.
    """

    layer: str
    principal: str
    action: str
    resource: str
    whose: str
    context: str
    decision: str

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise RowError(f"{name} = {getattr(self, name)!r} is none of {', '.join(choices)}")

    @property
    def attempt(self) -> Attempt:
        """What identifies a row: everything but the decision."""
        return Attempt(self.layer, self.principal, self.action, self.resource, self.whose, self.context)


@dataclass(frozen=True, order=True)
class Attempt:
    """Who tried what on whose thing."""

    layer: str
    principal: str
    action: str
    resource: str
    whose: str
    context: str

    def decided(self, *, allowed: bool) -> Row:
        """The row of this attempt."""
        outcome = ALLOW if allowed else DENY
        return Row(self.layer, self.principal, self.action, self.resource, self.whose, self.context, outcome)


def read_matrix(path: Path) -> list[Row]:
    """The rows of a committed access-matrix.json.

    Raises:
        RowError: names the file and what is wrong; an unknown key is an error, since nobody would miss its rule.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return [row(each) for each in document["rows"]]
    except (KeyError, TypeError, json.JSONDecodeError, RowError) as error:
        raise RowError(f"{path}: {error}") from error


def row(value: dict[str, Any]) -> Row:
    """A row from its JSON object."""
    names = {field.name for field in fields(Row)}
    wrong = sorted(names ^ set(value))
    if wrong:
        raise RowError(f"a row has exactly {', '.join(sorted(names))}; look at {', '.join(wrong)}")
    return Row(**value)


def as_json(rows: Iterable[Row]) -> list[dict[str, str]]:
    """Rows as JSON objects, in the one order they are ever written in."""
    return [asdict(each) for each in sorted(rows)]
