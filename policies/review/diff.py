"""Structural differences of policies: statement by statement for AWS documents, one by one for Postgres.

Order, a statement's Sid and the form of a single value carry no access: they show as moved or renamed, or not at all.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ADDED, REMOVED, CHANGED, RENAMED, MOVED = "added", "removed", "changed", "renamed", "moved"
SHOWN_AS_BEFORE = 4


@dataclass(frozen=True)
class Line:
    """A line of a difference: `+`, `-` or a space, and the text."""

    mark: str
    text: str

    def __str__(self) -> str:
        return f"{self.mark} {self.text}"


@dataclass(frozen=True)
class StatementDiff:
    """How one statement differs. `name` is its Sid, or its key in the model of Postgres."""

    name: str
    kind: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class DocumentDiff:
    """How one document differs, with the statements that do."""

    document: str
    kind: str
    statements: tuple[StatementDiff, ...]


@dataclass(frozen=True)
class PolicyDiff:
    """The same difference on each of `stacks`, with the stack's own names taken out."""

    stacks: tuple[str, ...]
    diff: DocumentDiff


Documents = Mapping[str, Mapping[str, Any]]
Model = Mapping[str, Mapping[str, str]]


def diff_documents(before: Documents, after: Documents) -> list[DocumentDiff]:
    """Differences of AWS documents by name; those without any are left out."""
    found = []
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        statements = tuple(_statements(_listed(old), _listed(new)))
        kind = ADDED if old is None else REMOVED if new is None else CHANGED
        if statements or kind != CHANGED:
            found.append(DocumentDiff(name, kind, statements))
    return found


def diff_postgres(before: Model, after: Model) -> list[DocumentDiff]:
    """Differences of the statements of a Postgres model, one document a section."""
    found = []
    for section in sorted({*before, *after}):
        old, new = before.get(section, {}), after.get(section, {})
        statements = tuple(
            _sql(key, old.get(key), new.get(key)) for key in sorted({*old, *new}) if old.get(key) != new.get(key)
        )
        if statements:
            found.append(DocumentDiff(f"postgres, {section}", CHANGED, statements))
    return found


def diff_settings(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[DocumentDiff]:
    """Differences of settings that open or close something, one document."""
    found = []
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if old != new:
            kind = ADDED if old is None else REMOVED if new is None else CHANGED
            found.append(StatementDiff(name, kind, tuple(_lines(old or {}, new or {}))))
    return [DocumentDiff("settings", CHANGED, tuple(found))] if found else []


def diff_texts(name: str, before: Mapping[str, str], after: Mapping[str, str]) -> list[DocumentDiff]:
    """Differences of plain texts, such as schema versions, line by line."""
    found = []
    for key in sorted({*before, *after}):
        old, new = before.get(key), after.get(key)
        if old != new:
            kind = ADDED if old is None else REMOVED if new is None else CHANGED
            compared = difflib.unified_diff((old or "").splitlines(), (new or "").splitlines(), lineterm="", n=1)
            lines = (Line(each[0], each[1:]) for each in list(compared)[2:] if not each.startswith("@@"))
            found.append(StatementDiff(key, kind, tuple(lines)))
    return [DocumentDiff(name, CHANGED, tuple(found))] if found else []


def on_stacks(diffs: Mapping[str, Sequence[DocumentDiff]]) -> list[PolicyDiff]:
    """The differences of all stacks, each once, with the stacks that have it."""
    stacks: dict[DocumentDiff, list[str]] = {}
    for stack in sorted(diffs):
        for diff in diffs[stack]:
            stacks.setdefault(diff, []).append(stack)
    found = (PolicyDiff(tuple(names), diff) for diff, names in stacks.items())
    return sorted(found, key=lambda each: (each.diff.document, each.stacks))


def neutral(text: str, *, stack: str, account: str) -> str:
    """`text` with placeholders for what differs between stacks by name alone."""
    for separator in "-_/":
        text = text.replace(f"rendio{separator}{stack}", f"rendio{separator}{{stack}}")
    return text.replace(account, "{account}")


def _listed(document: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    statements = (document or {}).get("Statement", [])
    return statements if isinstance(statements, list) else [statements]


def _statements(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> Iterator[StatementDiff]:
    """Pairs by Sid, then by content, then by actions, so that a renamed statement is one; the rest came or went."""
    pairs = _pairs(old, new)
    paired_new = {right for _, right in pairs}
    order = [left for left, _ in pairs]
    for left, right in pairs:
        name, renamed = _name(new, right), _name(old, left) != _name(new, right)
        named = (Line("-", f"Sid {_name(old, left)}"), Line("+", f"Sid {name}")) if renamed else ()
        lines = tuple(_lines(old[left], new[right]))
        if any(line.mark != " " for line in lines):
            yield StatementDiff(name, CHANGED, (*named, *lines))
        elif renamed:
            yield StatementDiff(name, RENAMED, named)
    for left, statement in enumerate(old):
        if left not in order:
            yield StatementDiff(_name(old, left), REMOVED, tuple(_lines(statement, {})))
    for right, statement in enumerate(new):
        if right not in paired_new:
            yield StatementDiff(_name(new, right), ADDED, tuple(_lines({}, statement)))
    if order != sorted(order):
        sids = ", ".join(_name(new, right) for _, right in pairs)
        yield StatementDiff("order", MOVED, (Line(" ", f"the statements now stand in this order: {sids}"),))


def _pairs(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[tuple[int, int]]:
    pairs: dict[int, int] = {}
    for same in (_same_sid, lambda a, b: _body(a) == _body(b), _same_subject):
        for right, statement in enumerate(new):
            if right in pairs:
                continue
            taken = set(pairs.values())
            left = next((i for i, each in enumerate(old) if i not in taken and same(each, statement)), None)
            if left is not None:
                pairs[right] = left
    return [(pairs[right], right) for right in sorted(pairs)]


def _same_sid(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return "Sid" in one and one["Sid"] == other.get("Sid")


def _same_subject(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    before, after = _parts(one), _parts(other)
    same_actions = {*before.get("Action", ())} & {*after.get("Action", ())}
    return before.get("Effect") == after.get("Effect") and bool(same_actions)


def _body(statement: Mapping[str, Any]) -> str:
    return json.dumps([sorted(_parts(statement).items())], sort_keys=True)


def _name(statements: list[dict[str, Any]], index: int) -> str:
    return str(statements[index].get("Sid", f"statement {index + 1}"))


def _parts(statement: Mapping[str, Any]) -> dict[str, list[str]]:
    """A statement as a flat table: "Condition StringEquals aws:SourceAccount" to its values."""
    parts: dict[str, list[str]] = {}

    def walk(path: str, value: Any) -> None:
        if isinstance(value, Mapping):
            for key in sorted(value):
                walk(f"{path} {key}".strip(), value[key])
        elif path != "Sid":
            values = value if isinstance(value, list) else [value]
            parts[path] = sorted(each if isinstance(each, str) else json.dumps(each) for each in values)

    walk("", statement)
    return parts


def _lines(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Line]:
    before, after = _parts(old), _parts(new)
    paths = sorted({*before, *after}, key=lambda path: (_ORDER.get(path.partition(" ")[0], len(_ORDER)), path))
    for path in paths:
        gone, come = before.get(path), after.get(path)
        yield Line("+" if gone is None else "-" if come is None else " ", path)
        kept = sorted({*(gone or ())} & {*(come or ())})
        for value in kept[:SHOWN_AS_BEFORE]:
            yield Line(" ", f"  {value}")
        if len(kept) > SHOWN_AS_BEFORE:
            yield Line(" ", f"  … and {len(kept) - SHOWN_AS_BEFORE} more, as before")
        for value in sorted({*(gone or ())} - {*kept}):
            yield Line("-", f"  {value}")
        for value in sorted({*(come or ())} - {*kept}):
            yield Line("+", f"  {value}")


_ORDER = {
    key: place
    for place, key in enumerate(
        ("Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition")
    )
}


def _sql(key: str, old: str | None, new: str | None) -> StatementDiff:
    kind = ADDED if old is None else REMOVED if new is None else CHANGED
    lines = [Line(mark, line) for mark, text in (("-", old), ("+", new)) for line in (text or "").splitlines()]
    return StatementDiff(key, kind, tuple(lines))
