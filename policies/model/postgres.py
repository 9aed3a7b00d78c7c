"""Renders the access model of Postgres: roles, memberships, grants, functions and row-level policies of a stack.

The templates are plain SQL of a small grammar, one privilege a grant and one role a policy. Each statement becomes one
key of the model, so that a changed policy shows as one changed line in `pulumi preview --diff`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from policies.errors import TemplateError
from policies.model import rendering

DATABASE = "rendio"
SECTIONS = ("functions", "grants", "memberships", "policies", "roles")

_OBJECT = r"[a-z_]+\.[a-z_]+(?:\([a-z, ]*\))?"
_GRAMMAR = (
    ("roles", "{0}", re.compile(r"create role (\w+) (?:login|nologin)")),
    (
        "memberships",
        "{1} in {0}",
        re.compile(r"grant (\w+) to (\w+) with admin false, inherit (?:true|false), set (?:true|false)"),
    ),
    (
        "grants",
        "{3} {0} on {1} {2}",
        re.compile(
            r"grant (select|insert|update|delete|execute|usage|connect)(?: \([a-z0-9_, ]+\))?"
            rf" on (database|schema|table|function) (\w+|{_OBJECT}) to (\w+)"
        ),
    ),
    (
        "policies",
        "{1}.{0}",
        re.compile(
            r"create policy (\w+) on (\w+\.\w+) for (?:select|insert|update|delete|all) to (\w+)"
            r"(?: using \(.+\))?(?: with check \(.+\))?"
        ),
    ),
    (
        "functions",
        "{0}",
        re.compile(
            rf"create or replace function ({_OBJECT}) returns \w+ language sql (?:stable|immutable|volatile)"
            r" security invoker set search_path = '' return .+"
        ),
    ),
)
_REASON = "-- reason:"
_ALWAYS_TRUE = re.compile(r"\((?:true|1 ?= ?1)\)")
_KNOWN_ROLES = frozenset({"rds_iam"})  # RDS makes it


def render_postgres_model(stack: str) -> dict[str, dict[str, str]]:
    """The access model of `stack`, section -> key -> statement, keys sorted.

    Raises:
        TemplateError: names the template, the line and the rule it breaks.
    """
    model: dict[str, dict[str, str]] = {section: {} for section in SECTIONS}
    for template, statement, comment in _all_statements(stack):
        section, key = _classified(template, statement)
        if key in model[section]:
            raise _problem(template, statement, f"{section} has {key!r} twice")
        if section == "policies" and _ALWAYS_TRUE.search(statement) and _REASON not in comment:
            raise _problem(template, statement, f"a policy that holds for every row needs a `{_REASON}` above it")
        model[section][key] = statement
    _require_known_roles(model, stack)
    return {section: dict(sorted(model[section].items())) for section in SECTIONS}


def policy_reasons(stack: str) -> dict[str, str]:
    """Why a policy holds for every row of its table, by the policy's key; policies that do not have no entry."""
    return {
        _classified(template, statement)[1]: " ".join(comment.replace("--", "").split()).removeprefix("reason: ")
        for template, statement, comment in _all_statements(stack)
        if _REASON in comment
    }


def postgres_templates() -> list[str]:
    """Every template of the database's access model."""
    return rendering.templates("*.sql.j2")


def _all_statements(stack: str) -> Iterator[tuple[str, str, str]]:
    """Template, statement and the comment above it, of every template."""
    context = {"database": DATABASE, "login": lambda function: login(stack, function)}
    for template in postgres_templates():
        for statement, comment in _statements(rendering.rendered(template, context)):
            yield template, statement, comment


def login(stack: str, function: str) -> str:
    """The Postgres role a function logs in as."""
    return f"rendio_{stack}_{function}"


def _statements(text: str) -> Iterator[tuple[str, str]]:
    """Statements on one line each, white space collapsed, with the comment above them."""
    for piece in re.split(r";\s*(?:\n|\Z)", text):
        lines = [line.strip() for line in piece.splitlines() if line.strip()]
        comment = "\n".join(line for line in lines if line.startswith("--"))
        statement = " ".join(" ".join(line for line in lines if not line.startswith("--")).split())
        if statement:
            yield statement, comment


def _classified(template: str, statement: str) -> tuple[str, str]:
    for section, key, pattern in _GRAMMAR:
        match = pattern.fullmatch(statement)
        if match:
            return section, key.format(*match.groups())
    raise _problem(template, statement, f"is none of the statements a model has: {', '.join(SECTIONS)}")


def _require_known_roles(model: dict[str, dict[str, str]], stack: str) -> None:
    known = {*model["roles"], *_KNOWN_ROLES, login(stack, "database_admin")}
    for section in ("memberships", "grants", "policies"):
        for key, statement in model[section].items():
            named = re.findall(r"(?: to |\Agrant (?=\w+ to ))(\w+)", statement)
            unknown = sorted(role for role in named if role not in known)
            if unknown:
                raise TemplateError(f"policies/postgres: {key!r} names {unknown[0]}, a role that no template creates")


def _problem(template: str, statement: str, rule: str) -> TemplateError:
    first = " ".join(statement.split()[:5])
    return TemplateError(f"policies/{template}:{_line_of(template, statement)}: {first!r}: {rule}")


def _line_of(template: str, statement: str) -> int:
    """The template's line where a statement begins, as near as macros and names let one tell; else 1."""
    words = statement.split()
    source = (rendering.ROOT / template).read_text(encoding="utf-8").splitlines()
    for length in range(min(len(words), 5), 1, -1):
        for number, line in enumerate(source, 1):
            if " ".join(line.split()).startswith(" ".join(words[:length])):
                return number
    return 1
