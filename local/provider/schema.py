"""The rules AWS itself publishes for its resource types, as cfn-lint carries them: what is replaced, what is valid.

Source: the CloudFormation registry's schemas, `cfnlint/data/schemas` (offline). Keywords are those of JSON
Schema, `createOnlyProperties` are the properties whose change makes AWS replace the resource.
"""

from __future__ import annotations

import functools
import importlib.util
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import regex  # type: ignore[import-untyped]  # has no stubs; cfn-lint depends on it
from jsonschema import Draft7Validator

Node = Mapping[str, Any]
MAX_REFERENCES = 20
# Extensions that are cfn-lint's advice (its I and W rules: I3013, W3691, W3694, W3663, W3664, W3702, W3687), not
# AWS's refusal.
_ADVICE = frozenset(
    {
        "backupretentionperiod", "engine_version_deprecated", "subscription_endpoint_protocol",
        "permission_source_account",
        "permission_principal", "awslayer", "protocols_and_port_ranges_exclude",
    }
)  # fmt: skip


@functools.cache
def folder() -> Path:
    """cfn-lint's schemas. Found without importing cfn-lint, which takes a second."""
    spec = importlib.util.find_spec("cfnlint")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("cfn-lint is not installed; it carries the schemas of AWS's resource types.")
    return Path(next(iter(spec.submodule_search_locations))) / "data" / "schemas"


@functools.cache
def load(cloudformation: str, region: str) -> Schema:
    """The schema of a CloudFormation type in a region. Raises KeyError when the region has no such type."""
    listing: dict[str, str] = _listing(region)
    name = listing[cloudformation]
    content = json.loads((folder() / "resources" / f"{name}.json").read_text())
    return Schema(cloudformation, region, content)


@functools.cache
def _listing(region: str) -> dict[str, str]:
    listing: dict[str, str] = json.loads((folder() / "providers" / f"{region}.json").read_text())
    return listing


class Schema:
    """One CloudFormation type. Paths are as in the registry, without `/properties/`: `Code/S3Bucket`, `Rules/*/Id`."""

    def __init__(self, name: str, region: str, content: Mapping[str, Any]) -> None:
        self.name, self._region, self._content = name, region, content
        self.create_only = frozenset(
            pointer.removeprefix("/properties/") for pointer in content.get("createOnlyProperties", ())
        )

    def replaces(self, path: str) -> bool:
        """True when AWS replaces the resource because the value at `path` changed."""
        return any(path == name or path.startswith(f"{name}/") for name in self.create_only)

    def node(self, path: str) -> Node | None:
        """What the schema says of the value at `path`; None when it has no such value."""
        node: Node | None = self._content
        for part in path.split("/"):
            node = self._resolve(node)
            node = node.get("items") if part == "*" else node.get("properties", {}).get(part)
            if node is None:
                return None
        return self._resolve(node)

    def _resolve(self, node: Node | None) -> Node:
        for _ in range(MAX_REFERENCES):
            if node is None:
                return {}
            reference = node.get("$ref")
            if not isinstance(reference, str):
                return node
            target: Any = self._content
            for part in reference.removeprefix("#/").split("/"):
                target = target.get(part, {})
            node = target
        return {}

    def problems(self, path: str, value: Any) -> Iterator[str]:
        """What is wrong with a scalar, or with the length of a list, at `path`: `must be one of …`."""
        node = self.node(path)
        if node is None:
            return
        if "items" in node and not isinstance(value, list):
            node = self._resolve(node["items"])  # one of the list's
        if isinstance(value, list):
            yield from _bounds(len(value), node.get("minItems"), node.get("maxItems"), "items")
            return
        if "enum" in node and value not in node["enum"] and str(value) not in node["enum"]:
            yield f"must be one of {', '.join(map(str, node['enum']))}"
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            yield from _bounds(value, node.get("minimum"), node.get("maximum"), "")
        if isinstance(value, str) and "object" not in _types(node):
            yield from _bounds(len(value), node.get("minLength"), node.get("maxLength"), "characters")
            pattern = node.get("pattern")
            if isinstance(pattern, str) and not regex.search(pattern, value):
                yield f"must match {pattern}"

    def combinations(self, document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """What is wrong with properties taken together (cfn-lint's extensions), as (property, problem).

        Args:
            document: top-level properties by their CloudFormation names.
        """
        where = folder() / "extensions" / self.name.lower().replace("::", "_")
        for file in sorted(where.glob("*.json")) if where.is_dir() else ():
            if file.stem in _ADVICE:
                continue
            rule = _rule(file)
            if self._region in rule:
                rule = rule[self._region]
            for error in Draft7Validator(rule).iter_errors(document):
                name = str(error.path[0]) if error.path else "the properties"
                yield name, _words(error.validator, error.validator_value, error.message)


@functools.cache
def _rule(file: Path) -> dict[str, Any]:
    rule: dict[str, Any] = json.loads(file.read_text())
    return rule


def _types(node: Node) -> Sequence[str]:
    declared = node.get("type", ())
    return [declared] if isinstance(declared, str) else list(declared)


def _bounds(value: float, least: float | None, most: float | None, unit: str) -> Iterator[str]:
    if (least is not None and value < least) or (most is not None and value > most):
        limits = f"{least} to {most}" if least is not None and most is not None else None
        limits = limits or (f"at least {least}" if most is None else f"at most {most}")
        yield f"must have {limits} {unit}" if unit else f"must be {limits}"


def _words(validator: object, allowed: object, message: str) -> str:
    """Never the value itself: it may be secret."""
    if validator == "enum" and isinstance(allowed, list):
        shown = ", ".join(map(str, allowed[-30:]))
        return f"does not go with the others; allowed are {'… ' if len(allowed) > 30 else ''}{shown}"
    if validator == "required":
        return message
    return f"does not go with the other properties ({validator})"
