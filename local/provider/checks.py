"""Whether a resource's inputs are right, before anything is touched."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from local.provider.kind import Resource
from local.provider.sdk import META
from local.provider.twins import leaves
from local.provider.values import Archive, Unknown

SUFFIX = 7  # hexadecimal digits that the bridge puts behind an automatic name


@dataclass(frozen=True)
class Problem:
    """One thing wrong with the inputs; `property` is its path."""

    property: str
    reason: str


def named(resource: Resource, name: str, inputs: dict[str, Any], old: Mapping[str, Any], seed: bytes) -> dict[str, Any]:
    """The inputs with a physical name, which is kept once it was chosen.

    Args:
        name: of the Pulumi resource.
        old: the inputs of before.
        seed: the engine's, so that the same plan gives the same name.
    """
    rule = resource.autoname
    if rule is None:
        return inputs
    if inputs.get(rule.property) is not None or inputs.get(f"{rule.property}Prefix") is not None:
        return {**inputs, "__defaults": []}
    if rule.property in (old.get("__defaults") or []) and old.get(rule.property):
        chosen = old[rule.property]
    else:
        digits = hashlib.sha256(seed + resource.resource_type.encode() + name.encode()).hexdigest()[:SUFFIX]
        start = name.lower() if rule.lower else name
        chosen = f"{start[: rule.longest - SUFFIX - 1]}-{digits}"
    return {**inputs, rule.property: chosen, "__defaults": [rule.property]}


def has_explicit_name(resource: Resource, inputs: Mapping[str, Any]) -> bool:
    """True when the program chose the physical name, so that old and new cannot exist side by side."""
    rule = resource.autoname
    return (
        rule is not None and bool(inputs.get(rule.property)) and rule.property not in (inputs.get("__defaults") or [])
    )


def problems(resource: Resource, inputs: Mapping[str, Any], described: Mapping[str, Any], region: str) -> list[Problem]:
    """Everything wrong with the inputs, as the SDK, the schemas of AWS and the resource's own rules see it."""
    found = list(_shape(inputs, described, "", resource.handles))
    found += _schema(resource, inputs, region)
    found += [Problem(name, reason) for name, reason in resource.check(inputs)]
    return found


def _shape(
    value: Mapping[str, Any], described: Mapping[str, Any], within: str, handled: frozenset[str] | None
) -> Iterator[Problem]:
    """Unknown names, missing ones, wrong types."""
    inputs = described["inputs"]
    for name, part in value.items():
        path = f"{within}{name}"
        if name in META:
            continue
        if name not in inputs:
            near = difflib.get_close_matches(name, inputs, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            yield Problem(path, f"there is no such property.{hint}")
        elif handled is not None and name not in handled and part is not None:
            yield Problem(path, "the provider of the laptop cloud does not support this property yet")
        else:
            yield from _typed(part, inputs[name], path)
    for name in described["required"]:
        if value.get(name) is None:
            yield Problem(f"{within}{name}", "is required")


def _typed(value: Any, wanted: Mapping[str, Any], path: str) -> Iterator[Problem]:
    kind = wanted["kind"]
    if value is None or isinstance(value, Unknown) or kind == "any":
        return
    if kind == "object" and isinstance(value, Mapping):
        yield from _shape(value, wanted, f"{path}.", None)
    elif kind == "map" and isinstance(value, Mapping):
        for name, part in value.items():
            yield from _typed(part, wanted["of"], f"{path}.{name}")
    elif kind == "list" and isinstance(value, list):
        for position, part in enumerate(value):
            yield from _typed(part, wanted["of"], f"{path}[{position}]")
    elif not _fits(value, kind):
        yield Problem(path, f"must be of type {kind}, not {_kind(value)}")


def _fits(value: Any, kind: str) -> bool:
    if kind == "boolean":
        return isinstance(value, bool) or value in ("true", "false")
    if kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind == "string":
        # The bridge turns numbers and booleans into text, as Terraform does.
        return isinstance(value, (str, int, float))
    return kind == "file" and isinstance(value, Archive)


def _kind(value: Any) -> str:
    kinds = {str: "string", bool: "boolean", int: "integer", float: "number", list: "list", dict: "object"}
    return kinds.get(type(value), "file")


def _schema(resource: Resource, inputs: Mapping[str, Any], region: str) -> Iterator[Problem]:
    rules = resource.twin.schema(region)
    if rules is None:
        return
    document: dict[str, Any] = {}
    for path, value in leaves({name: part for name, part in inputs.items() if name in resource.handles}):
        own = resource.twin.own_rule(path)
        if isinstance(value, Archive) or (own is not None and not own.same_values):
            continue
        twin = resource.twin.path(path, region)
        if twin is None:
            continue  # the honesty test names a property without a twin and without a reason
        if "/" not in twin:
            document[twin] = value
        for reason in rules.problems(twin, value):
            yield Problem(path, f"{reason} ({rules.name})")
    names = {resource.twin.path(name, region): name for name in resource.handles}
    for name, reason in rules.combinations(document):
        yield Problem(names.get(name, name), f"{reason} ({rules.name})")
