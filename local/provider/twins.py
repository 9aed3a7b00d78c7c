"""Pulumi's resource types and properties beside their CloudFormation twins, whose rules the provider follows.

By default a property's twin has the same name in PascalCase. `names` has those that are called otherwise. `own`
has what CloudFormation does not have, or where the real provider differs from it, each with its source.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from local.provider import schema
from local.provider.schema import Schema
from local.provider.values import has_unknown


@dataclass(frozen=True)
class Own:
    """A property to which CloudFormation's rule does not apply.

    Attributes:
        replaces: whether the real provider replaces the resource on a change.
        because: what is different.
        source: where that is written.
        same_values: only what a change does is different; CloudFormation's rules for values hold.
    """

    because: str
    source: str
    replaces: bool = False
    same_values: bool = False


@dataclass(frozen=True)
class Twin:
    """The CloudFormation counterpart of a Pulumi resource type.

    Attributes:
        cloudformation: its type; "" when there is none.
        names: Pulumi path -> CloudFormation path, where PascalCase is not enough. Lists do not count in Pulumi
            paths (`rules.filter.prefix`), and are `*` in CloudFormation's (`Rules/*/Prefix`).
        own: Pulumi path -> the difference.
    """

    cloudformation: str
    names: Mapping[str, str] = field(default_factory=dict)
    own: Mapping[str, Own] = field(default_factory=dict)

    def schema(self, region: str) -> Schema | None:
        return schema.load(self.cloudformation, region) if self.cloudformation else None

    def own_rule(self, path: str) -> Own | None:
        """The sourced difference that covers `path`, or a property it lies in."""
        parts = path.split(".")
        for length in range(len(parts), 0, -1):
            rule = self.own.get(".".join(parts[:length]))
            if rule is not None:
                return rule
        return None

    def path(self, pulumi_path: str, region: str) -> str | None:
        """The CloudFormation path of a Pulumi path; None when there is none."""
        rules = self.schema(region)
        if rules is None:
            return None
        parts = pulumi_path.split(".")
        found = ""
        for length in range(1, len(parts) + 1):
            here = ".".join(parts[:length])
            if here in self.names:
                found = self.names[here]
                continue
            if found and "items" in (rules.node(found) or {}):
                found = f"{found}/*"
            name = parts[length - 1]
            found = f"{found}/{name[:1].upper()}{name[1:]}".lstrip("/")
            if rules.node(found) is None and not self._is_free(rules, found):
                return None
        return found

    def replaces(self, pulumi_path: str, region: str) -> bool:
        """Whether a change at the path replaces the resource."""
        own = self.own_rule(pulumi_path)
        if own is not None:
            return own.replaces
        rules, path = self.schema(region), self.path(pulumi_path, region)
        return bool(rules and path and rules.replaces(path))

    @staticmethod
    def _is_free(rules: Schema, path: str) -> bool:
        """True within a map whose keys are the user's own (environment variables, tags)."""
        parent = rules.node(path.rpartition("/")[0]) or {}
        return "patternProperties" in parent or (parent.get("type") == "object" and "properties" not in parent)


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every scalar and every list in a value, with its Pulumi path. Unknown ones and nulls are left out."""
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from leaves(part, f"{path}.{name}" if path else name)
        return
    if isinstance(value, list):
        if path and not has_unknown(value):
            yield path, value
        for part in value:
            yield from leaves(part, path)
        return
    if value is not None and not has_unknown(value):
        yield path, value
