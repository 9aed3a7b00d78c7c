"""What the access model says, as it was rendered for this very package: it owes nothing to what is deployed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parent / "expected.json"


@dataclass(frozen=True)
class ExpectedDatabase:
    """The rendered model of Postgres (section -> key -> statement), its digest, and the role that owns everything."""

    model: Mapping[str, Mapping[str, str]]
    model_digest: str
    master: str


@dataclass(frozen=True)
class ExpectedBucket:
    """How a bucket is protected, in the words of S3's API."""

    policy: Mapping[str, Any]
    public_access_block: Mapping[str, bool]
    ownership: str


@dataclass(frozen=True)
class Expected:
    """Everything that the drift check compares with; buckets by name."""

    database: ExpectedDatabase
    buckets: Mapping[str, ExpectedBucket]

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Expected:
        """Read what infra/access_expected.py wrote."""
        return cls(
            ExpectedDatabase(**content["database"]),
            {name: ExpectedBucket(**bucket) for name, bucket in content["buckets"].items()},
        )


def read_expected() -> Expected:
    """What came with this code."""
    return Expected.of(json.loads(FILE.read_text(encoding="utf-8")))
