"""What changed: between what the engine has and what the program wants, and between what was and what is on AWS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from local.provider import documents as json_documents
from local.provider.values import Archive, Unknown

ADD, UPDATE, DELETE = "add", "update", "delete"


@dataclass(frozen=True)
class Change:
    """One changed value.

    Attributes:
        path: as the engine shows it: `rules[0].filter.prefix`, `tags["a.b"]`.
        plain: the same without list positions, as twins know it: `rules.filter.prefix`.
        kind: `add`, `update` or `delete`.
    """

    path: str
    plain: str
    kind: str


def changes(old: Mapping[str, Any], new: Mapping[str, Any], documents: frozenset[str]) -> list[Change]:
    """The changed values of a resource's inputs, deepest first known, in the order of their names.

    Args:
        documents: top-level properties that hold policies, compared by meaning.
    """
    found: list[Change] = []
    for name in sorted({*old, *new}):
        if name.startswith("__") or (name in documents and json_documents.same(old.get(name), new.get(name))):
            continue
        found.extend(_changes(old.get(name), new.get(name), name, name))
    return found


def _changes(old: Any, new: Any, path: str, plain: str) -> Iterator[Change]:
    if equal(old, new):
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in sorted({*old, *new}):
            step = f".{name}" if name.isidentifier() else f'["{name}"]'
            yield from _changes(old.get(name), new.get(name), f"{path}{step}", f"{plain}.{name}")
        return
    if isinstance(old, list) and isinstance(new, list) and any(isinstance(part, Mapping) for part in (*old, *new)):
        for position in range(max(len(old), len(new))):
            before = old[position] if position < len(old) else None
            after = new[position] if position < len(new) else None
            yield from _changes(before, after, f"{path}[{position}]", plain)
        return
    yield Change(path, plain, ADD if _empty(old) else DELETE if _empty(new) else UPDATE)


def equal(old: Any, new: Any) -> bool:
    """True when AWS would see no difference. Lists of scalars are sets to AWS; no value and an empty one are one."""
    if isinstance(old, Unknown) or isinstance(new, Unknown):
        return False
    if isinstance(old, Archive) and isinstance(new, Archive):
        return old.same_as(new)
    if _empty(old) and _empty(new):
        return True
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return all(equal(old.get(name), new.get(name)) for name in {*old, *new})
    if isinstance(old, list) and isinstance(new, list):
        if len(old) != len(new):
            return False
        if all(isinstance(part, (str, int)) for part in (*old, *new)):
            return sorted(map(str, old)) == sorted(map(str, new))
        return all(equal(*pair) for pair in zip(old, new, strict=True))
    if isinstance(old, bool) or isinstance(new, bool):
        return old is new
    return bool(old == new)


def _empty(value: Any) -> bool:
    return value is None or (isinstance(value, (list, Mapping)) and not value)


def drifted_inputs(
    inputs: Mapping[str, Any], before: Mapping[str, Any], now: Mapping[str, Any], names: frozenset[str]
) -> dict[str, Any]:
    """The inputs that would make what is on AWS now.

    An input whose real value did not change since it was last seen stays as the program wrote it, so that
    defaults AWS filled in are no drift.

    Args:
        inputs: what the program gave.
        before: the properties as last seen.
        now: the properties as they are.
        names: the type's input properties.
    """
    result = dict(inputs)
    for name, value in now.items():
        if name in names:
            _put(result, name, _drifted(inputs.get(name), before.get(name), value))
    return result


def _put(target: dict[str, Any], name: str, value: Any) -> None:
    if _empty(value) and _empty(target.get(name)):
        return  # as it was: not there, or empty
    if value is None:
        target.pop(name, None)
    else:
        target[name] = value


def _drifted(given: Any, before: Any, now: Any) -> Any:
    if equal(before, now):
        return given
    if isinstance(before, Mapping) and isinstance(now, Mapping) and isinstance(given, Mapping):
        result = dict(given)
        for name in {*before, *now}:
            _put(result, name, _drifted(given.get(name), before.get(name), now.get(name)))
        return result
    lists = isinstance(before, list) and isinstance(now, list) and isinstance(given, list)
    if lists and len(given) == len(before) == len(now):
        return [_drifted(*parts) for parts in zip(given, before, now, strict=True)]
    return now
