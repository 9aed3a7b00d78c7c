"""Shows the answers to named questions (lambdas/ask_database) on a terminal, or as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from local.errors import Refused
from local.people import Person

ROLE, FUNCTION = "on-call", "ask-database"


def ask(person: Person, name: str, parameters: Mapping[str, str]) -> dict[str, Any]:
    """`{"asked_by", "columns", "rows", "more", "seconds"}`.

    Raises:
        Refused: there is no such question, a parameter is wrong, or the person may not ask.
        LocalError: the function cannot be called, or it failed.
    """
    return person.call(FUNCTION, {"name": name, "parameters": dict(parameters)})


def listed(person: Person) -> list[dict[str, Any]]:
    """What can be asked, as the deployed function knows it: `[{"name", "does", "parameters"}]`."""
    return list(person.call(FUNCTION, {"list": True})["queries"])


def parameters(pairs: Sequence[str], identifier: str) -> dict[str, str]:
    """`name=value` pairs, and an id.

    Raises:
        Refused: one is no pair.
    """
    found = {"id": identifier} if identifier else {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise Refused(f"{pair!r} is no parameter.", fix="Write --param name=value.")
        found[name] = value
    return found


def show_list(queries: Sequence[Mapping[str, Any]], console: Console) -> None:
    table = Table("query", "tells", "parameters", box=None, pad_edge=False, header_style="bold")
    for query in queries:
        wanted = "; ".join(f"{name}: {does}" for name, does in query["parameters"].items())
        table.add_row(str(query["name"]), str(query["does"]), wanted)
    console.print(table, markup=False)


def show(answer: Mapping[str, Any], console: Console) -> None:
    """One row reads downwards, more read across."""
    columns, rows = answer["columns"], answer["rows"]
    if len(rows) == 1:
        table = Table(box=None, pad_edge=False, show_header=False)
        for name, value in zip(columns, rows[0], strict=True):
            table.add_row(name, _cell(value))
    else:
        table = Table(*columns, box=None, pad_edge=False, header_style="bold")
        for row in rows:
            table.add_row(*map(_cell, row))
    console.print(table)
    more = " and more: ask for fewer" if answer["more"] else ""
    console.print(f"{len(rows)} rows{more}, asked by {answer['asked_by']}", markup=False, highlight=False)


def as_json(answer: Mapping[str, Any]) -> str:
    """The rows as objects, for other programs."""
    rows = [dict(zip(answer["columns"], row, strict=True)) for row in answer["rows"]]
    return json.dumps({"rows": rows, "more": answer["more"], "asked_by": answer["asked_by"]}, indent=2)


def _cell(value: object) -> str:
    return "-" if value is None else str(value)
