"""What shall be applied, and whether this package is the one that was made for it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lambdas.runtime.errors import FunctionError

SECTIONS = ("functions", "grants", "memberships", "policies", "roles")


class PlanRefused(FunctionError):
    """The invocation's input is malformed, or is another package's. Nothing was touched."""


@dataclass(frozen=True)
class Package:
    """What came in the zip: the rendered model, and each schema version's SQL by its id."""

    model: dict[str, Any]
    schema_versions: Mapping[str, str]


@dataclass(frozen=True)
class Plan:
    """The access model and the schema versions of one stack. Digests are SHA-256, hex."""

    stack: str
    database: str
    model: dict[str, dict[str, str]]
    model_digest: str
    schema_versions: Mapping[str, str]  # id -> digest

    @classmethod
    def of(cls, event: Mapping[str, Any]) -> Plan:
        """Read the invocation's input.

        Raises:
            PlanRefused: a member is missing, unknown or of another type.
        """
        kinds: dict[str, type] = {
            "stack": str, "database": str, "model": dict, "model_digest": str, "schema_versions": dict,
        }  # fmt: skip
        problems = [f"{name} is missing" for name in kinds if name not in event]
        problems += [f"{name} is not known" for name in sorted(set(event) - set(kinds))]
        problems += [f"{name} is no {kind.__name__}" for name, kind in kinds.items()
                     if name in event and not isinstance(event[name], kind)]  # fmt: skip
        if problems:
            raise PlanRefused(f"The input cannot be applied: {'; '.join(problems)}. infra/access_model.py makes it.")
        return cls(**{name: event[name] for name in kinds})

    def require_match(self, package: Package, *, stack: str, database: str) -> None:
        """Refuse what this function was not packaged and deployed for.

        Raises:
            PlanRefused: names what differs.
        """
        packaged = {name: digest(text.encode()) for name, text in package.schema_versions.items()}
        differs = [
            *_when(self.stack != stack, f"stack {self.stack!r} is not {stack!r}"),
            *_when(self.database != database, f"database {self.database!r} is not {database!r}"),
            *_when(set(self.model) != set(SECTIONS), f"the model's sections are not {', '.join(SECTIONS)}"),
            *_when(digest(canonical(self.model)) != self.model_digest, "the model's digest is another model's"),
            *_when(self.model != package.model, f"the model is not the packaged one ({_first(self, package)})"),
            *_when(dict(self.schema_versions) != packaged, "the schema versions are not the packaged ones"),
        ]
        if differs:
            raise PlanRefused(
                f"This version of the function was packaged for something else: {'; '.join(differs)}. "
                "Nothing was changed. Deploy code and model together with `pulumi up`."
            )


def canonical(value: Any) -> bytes:
    """The bytes a digest is taken of: keys sorted, no white space, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _when(holds: bool, words: str) -> list[str]:
    return [words] if holds else []


def _first(plan: Plan, package: Package) -> str:
    """The first key that differs, for the message."""
    for section in sorted({*plan.model, *package.model}):
        asked, packaged = plan.model.get(section, {}), package.model.get(section, {})
        for key in sorted({*asked, *packaged}):
            if asked.get(key) != packaged.get(key):
                return f"{section}: {key}"
    return "no key differs"
