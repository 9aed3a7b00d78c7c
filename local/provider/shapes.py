"""Between Pulumi's camelCase maps and the PascalCase ones of AWS's API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def to_aws(value: Any, names: Mapping[str, str] | None = None, keep: frozenset[str] = frozenset()) -> Any:
    """A value with its keys in PascalCase, without nulls.

    Args:
        names: Pulumi name -> AWS name, where the first letter is not the only difference.
        keep: Pulumi names below which keys are the user's own (maps of variables).
    """
    known = names or {}
    if isinstance(value, Mapping):
        return {
            known.get(name, name[:1].upper() + name[1:]): part if name in keep else to_aws(part, known, keep)
            for name, part in value.items()
            if part is not None
        }
    return [to_aws(part, known, keep) for part in value] if isinstance(value, list) else value


def from_aws(value: Any, names: Mapping[str, str] | None = None, keep: frozenset[str] = frozenset()) -> Any:
    """The reverse of `to_aws`, with the same `names` and `keep`."""
    back = {aws: pulumi for pulumi, aws in (names or {}).items()}
    return _from_aws(value, back, keep)


def _from_aws(value: Any, back: Mapping[str, str], keep: frozenset[str]) -> Any:
    if isinstance(value, Mapping):
        result = {}
        for name, part in value.items():
            pulumi = back.get(name, name[:1].lower() + name[1:])
            result[pulumi] = dict(part) if pulumi in keep and isinstance(part, Mapping) else _from_aws(part, back, keep)
        return result
    return [_from_aws(part, back, keep) for part in value] if isinstance(value, list) else value
