"""What database_admin is told to apply, and the copy of it that goes into its zip."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.errors import PackagingError
from policies.model.postgres import render_postgres_model

SCHEMA_VERSIONS = Path(__file__).resolve().parent.parent / "lambdas" / "database_admin" / "schema_versions"
MODEL_IN_ZIP = "lambdas/database_admin/model.json"


@dataclass(frozen=True)
class AccessModelInput:
    """The model of a stack and the schema versions below it, each with a SHA-256 digest (hex).

    The digests are in the invocation's input, so that a schema version added to the zip alone still runs.
    """

    model: dict[str, Any]
    model_digest: str
    schema_versions: dict[str, str]

    @classmethod
    def of(cls, stack: str) -> AccessModelInput:
        model = render_postgres_model(stack)
        versions = {path.stem: _digest(path.read_bytes()) for path in sorted(SCHEMA_VERSIONS.glob("[0-9]*.sql"))}
        if not versions:
            raise PackagingError(f"no schema version in {SCHEMA_VERSIONS}")
        return cls(model=model, model_digest=_digest(canonical_json(model)), schema_versions=versions)

    def as_input(self) -> dict[str, Any]:
        return {"model": self.model, "model_digest": self.model_digest, "schema_versions": self.schema_versions}

    def generated_files(self) -> dict[str, dict[str, bytes]]:
        """For the zip of database_admin, which refuses an input that its own copy does not match."""
        return {"database_admin": {MODEL_IN_ZIP: canonical_json(self.model)}}


def canonical_json(value: Any) -> bytes:
    """The bytes a digest is taken of: keys sorted, no white space, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
