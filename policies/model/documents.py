"""Renders a policy template to canonical JSON.

Canonical: keys sorted, lists of actions, resources and condition values sorted, statements in the author's order.
AWS hands lists back in an order of its own; ours never changes, so that only a change of access is a change of text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from policies.errors import TemplateError
from policies.model import rendering

_UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"  # what Pulumi writes for a value that only the next `up` will know


class Documents:
    """Policy documents of one stack, rendered from its known names."""

    def __init__(self, context: Mapping[str, Any]) -> None:
        self._context = dict(context)

    def render(self, template: str, **parameters: str | list[str]) -> str:
        """The document of `template` (a path under policies/, such as "iam/me.json.j2") as canonical JSON.

        Raises:
            TemplateError: names the file, the line where there is one, and what is wrong.
        """
        text = rendering.rendered(template, {**self._context, **parameters})
        try:
            document = json.loads(text)
        except json.JSONDecodeError as error:
            place = rendering.place_of(template, text, error.lineno)
            line = text.splitlines()[error.lineno - 1] if text else ""
            raise TemplateError(f"policies/{place}: renders no JSON: {error.msg} at {line.strip()!r}") from error
        return canonical(template, document)


def templates() -> list[str]:
    """Every template of an AWS document, as `render` takes it."""
    return rendering.templates("*.json.j2")


def canonical(template: str, document: Any) -> str:
    """`document` in the one order it is ever written in.

    Raises:
        TemplateError: a value that only exists once AWS has made something, or none at all.
    """
    for value in _leaves(document):
        if value is None or (isinstance(value, str) and _UNKNOWN in value):
            what = "null" if value is None else "a value AWS generates"
            raise TemplateError(f"policies/{template}: renders {what}; use a known name (docs/adr/0020-known-names.md)")
    return json.dumps(_ordered(document), sort_keys=True, separators=(",", ":"))


def _ordered(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _ordered(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        inner = [_ordered(item) for item in value]
        return inner if key == "Statement" else sorted(inner, key=lambda item: json.dumps(item, sort_keys=True))
    return value


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
    else:
        yield value
