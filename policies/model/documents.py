"""Renders a policy template to canonical JSON.

Canonical: keys sorted, lists of actions, resources and condition values sorted, statements in the author's order.
AWS hands lists back in an order of its own; ours never changes, so that only a change of access is a change of text.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from policies.errors import TemplateError

ROOT = Path(__file__).resolve().parent.parent
HEADER_FIELDS = ("id", "intent", "for", "never")
_HEADER = re.compile(r"\A\{#(?P<text>.*?)#\}", re.DOTALL)
_FIELD = re.compile(r"^\s*(id|intent|for|never):", re.MULTILINE)
_UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"  # what Pulumi writes for a value that only the next `up` will know


@dataclass(frozen=True)
class Header:
    """What a reviewer must be able to believe about a template; `never` is what the tests try."""

    id: str
    intent: str
    for_whom: str
    never: str


class Documents:
    """Policy documents of one stack, rendered from its known names."""

    def __init__(self, context: Mapping[str, Any]) -> None:
        self._environment = _environment()
        self._context = dict(context)

    def render(self, template: str, **parameters: str | list[str]) -> str:
        """The document of `template` (a path under policies/, such as "iam/me.json.j2") as canonical JSON.

        Raises:
            TemplateError: names the file, the line where there is one, and what is wrong.
        """
        header(template)
        try:
            text = self._environment.get_template(template).render({**self._context, **parameters})
        except jinja2.TemplateSyntaxError as error:
            raise TemplateError(f"policies/{error.name or template}:{error.lineno}: {error.message}") from error
        except jinja2.UndefinedError as error:
            raise TemplateError(f"policies/{template}:{_line_of(error)}: {error.message}") from error
        try:
            document = json.loads(text)
        except json.JSONDecodeError as error:
            line = text.splitlines()[error.lineno - 1] if text else ""
            raise TemplateError(f"policies/{template}: renders no JSON: {error.msg} at {line.strip()!r}") from error
        return canonical(template, document)


def header(template: str) -> Header:
    """The header of a template: a comment at its top with id, intent, for and never.

    Raises:
        TemplateError: a field is missing; a rule nobody can state is a rule nobody can review.
    """
    path = ROOT / template
    if not path.is_file():
        raise TemplateError(f"policies/{template}: there is no such template")
    match = _HEADER.match(path.read_text(encoding="utf-8"))
    pieces = _FIELD.split(match["text"])[1:] if match else []
    fields = {name: " ".join(text.split()) for name, text in zip(pieces[::2], pieces[1::2], strict=True)}
    missing = [name for name in HEADER_FIELDS if not fields.get(name)]
    if missing:
        raise TemplateError(f"policies/{template}:1: the header lacks {', '.join(missing)}")
    return Header(fields["id"], fields["intent"], fields["for"], fields["never"])


def templates() -> list[str]:
    """Every template of an AWS document, as `render` takes it; files that begin with _ hold shared statements."""
    found = (path for path in ROOT.rglob("*.json.j2") if not path.name.startswith("_"))
    return sorted(path.relative_to(ROOT).as_posix() for path in found)


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


@functools.cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(ROOT),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701  the output is JSON, parsed at once, of names that config has checked
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _line_of(error: BaseException) -> int:
    """The template's line of an error: Jinja rewrites the traceback so that its last frame is the template's."""
    line = 0
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.endswith(".j2"):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
