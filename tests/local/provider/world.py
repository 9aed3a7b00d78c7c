"""What the cases are made of."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from local.provider.values import ARCHIVE, Archive
from tests.local.provider.engine import Held

TAGS = {"project": "rendio", "stack": "local"}
CHANGED_TAGS = {"tags": {"project": "rendio", "owner": "platform"}}


@dataclass
class World:
    """What exists already."""

    runtime: str
    held: dict[str, Held] = field(default_factory=dict)

    def __getitem__(self, name: str) -> dict[str, Any]:
        """The properties of a resource made earlier."""
        return self.held[name].properties


Inputs = Callable[[World], dict[str, Any]]


@dataclass(frozen=True)
class Case:
    """Attributes:
    change: of inputs, made in place.
    replaced: of inputs, each of which alone makes AWS replace the resource.
    """

    type: str
    inputs: Inputs
    change: dict[str, Any] | None = None
    replaced: dict[str, Any] = field(default_factory=dict)


def document(action: str, resource: str = "*", **principal: Any) -> str:
    statement = {"Sid": "One", "Effect": "Allow", "Action": [action], "Resource": resource, **principal}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


ROOT = {"Principal": {"AWS": "arn:aws:iam::000000000000:root"}}
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)


def archive(path: str = "code", digest: str = "1") -> Archive:
    return Archive(ARCHIVE, {"path": path, "hash": digest})
