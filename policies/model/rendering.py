"""Reads and renders the templates under policies/, whatever they become: headers, names, and errors with their line."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from policies.errors import TemplateError

ROOT = Path(__file__).resolve().parent.parent
HEADER_FIELDS = ("id", "intent", "for", "never")
_HEADER = re.compile(r"\A\{#(?P<text>.*?)#\}", re.DOTALL)
_IMPORT = re.compile(r'{%\s*from\s+"([^"]+)"')
_FIELD = re.compile(r"^\s*(id|intent|for|never):", re.MULTILINE)


@dataclass(frozen=True)
class Header:
    """What a reviewer must be able to believe about a template; `never` is what the tests try."""

    id: str
    intent: str
    for_whom: str
    never: str


def templates(pattern: str) -> list[str]:
    """Every template that matches, as `rendered` takes it; files that begin with _ hold shared statements."""
    found = (path for path in ROOT.rglob(pattern) if not path.name.startswith("_"))
    return sorted(path.relative_to(ROOT).as_posix() for path in found)


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


def rendered(template: str, context: Mapping[str, Any]) -> str:
    """The text of `template` (a path under policies/, such as "iam/me.json.j2"), which must have its header.

    Raises:
        TemplateError: names the file, the line where there is one, and what is wrong.
    """
    header(template)
    try:
        return _environment(ROOT).get_template(template).render(context)
    except jinja2.TemplateSyntaxError as error:
        raise TemplateError(f"policies/{error.name or template}:{error.lineno}: {error.message}") from error
    except jinja2.TemplateNotFound as error:
        raise TemplateError(f"policies/{template}: there is no template {error.name}") from error
    except jinja2.UndefinedError as error:
        raise TemplateError(f"policies/{_place_of(error)}: {error.message}") from error


def place_of(template: str, text: str, line: int) -> str:
    """File and line of a line of rendered text: in the template, or in the shared statements it imports.

    Names have taken the place of expressions, so the nearest earlier line that is there as it was written counts.
    """
    files = [template, *_IMPORT.findall((ROOT / template).read_text(encoding="utf-8"))]
    for rendered_line in reversed(text.splitlines()[:line]):
        words = rendered_line.strip()
        for file in files if len(words) > 2 else ():
            for number, written in enumerate((ROOT / file).read_text(encoding="utf-8").splitlines(), 1):
                if written.strip() == words:
                    return f"{file}:{number}"
    return f"{template}:1"


@functools.cache
def _environment(root: Path) -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(root),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701  # JSON, parsed at once, or SQL of our own names, matched against a grammar
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _place_of(error: BaseException) -> str:
    """File and line of an error, a shared file's too: Jinja makes the traceback's last frame the template's."""
    place = ""
    trace = error.__traceback__
    while trace is not None:
        file = Path(trace.tb_frame.f_code.co_filename)
        if file.suffix == ".j2":
            place = f"{file.relative_to(ROOT).as_posix()}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
