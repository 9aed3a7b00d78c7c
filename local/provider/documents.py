"""JSON documents compared by what they mean: AWS stores policies in its own order and spacing."""

from __future__ import annotations

import json
from typing import Any

# Elements of a policy in which one value and a list of one are the same, and whose order says nothing.
_SETS = frozenset({"Action", "NotAction", "Resource", "NotResource", "AWS", "Service", "Federated", "CanonicalUser"})


def canonical(document: str) -> Any:
    """A comparable form of a JSON document; the text itself when it is no JSON."""
    try:
        return _canonical(json.loads(document), "")
    except ValueError:
        return document


def same(one: object, other: object) -> bool:
    """True when two policies (or other JSON texts) say the same."""
    if isinstance(one, str) and isinstance(other, str):
        return one == other or canonical(one) == canonical(other)
    return one == other


def _canonical(value: Any, name: str, *, in_condition: bool = False) -> Any:
    if isinstance(value, dict):
        within = in_condition or name == "Condition"
        return {key: _canonical(part, key, in_condition=within) for key, part in value.items()}
    if isinstance(value, list):
        parts = [_canonical(part, "", in_condition=in_condition) for part in value]
        if name in _SETS or in_condition:
            parts = sorted(map(str, parts))
        return parts[0] if len(parts) == 1 and (name in _SETS or in_condition or name == "Statement") else parts
    if in_condition and isinstance(value, bool):
        return str(value).lower()
    return str(value) if in_condition else value
