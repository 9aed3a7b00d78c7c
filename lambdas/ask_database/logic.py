"""From a name and values to rows."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

from lambdas.ask_database.about_operations import ABOUT_OPERATIONS
from lambdas.ask_database.about_users import ABOUT_USERS
from lambdas.ask_database.question import Question, Value
from lambdas.runtime.errors import InvalidRequest

MAXIMUM_ROWS = 200
QUESTIONS = {question.name: question for question in (*ABOUT_USERS, *ABOUT_OPERATIONS)}


@dataclass(frozen=True)
class Asked:
    """What somebody wants to know."""

    question: Question
    values: Mapping[str, Value]

    @classmethod
    def parse(cls, event: Mapping[str, object]) -> Asked:
        """Read `{"name", "parameters": {name: value}}`.

        Raises:
            InvalidRequest: there is no such question, or a parameter is not as it should be.
        """
        name, given = event.get("name"), event.get("parameters") or {}
        question = QUESTIONS.get(str(name))
        if question is None:
            raise InvalidRequest(f"There is no query {name}. There are: {', '.join(QUESTIONS)}.")
        if not isinstance(given, dict):
            raise InvalidRequest("parameters is an object.")
        return cls(question, question.values(given))


class Rows(Protocol):
    def ask(self, question: Question, values: Mapping[str, Value], *, limit: int) -> tuple[list[str], list[list[Any]]]:
        """Columns and rows, at most `limit`.

        Raises:
            TookTooLong, DatabaseUnavailable
        """
        ...


def answer(asked: Asked, rows: Rows) -> dict[str, Any]:
    """`{"columns", "rows", "more", "seconds"}` as JSON has them; `more` when there were more rows than are given."""
    began = time.monotonic()
    columns, found = rows.ask(asked.question, asked.values, limit=MAXIMUM_ROWS + 1)
    return {
        "columns": columns,
        "rows": [[_plain(value) for value in row] for row in found[:MAXIMUM_ROWS]],
        "more": len(found) > MAXIMUM_ROWS,
        "seconds": round(time.monotonic() - began, 3),
    }


def catalogue() -> list[dict[str, Any]]:
    """Every question, with its parameters."""
    return [
        {
            "name": question.name,
            "does": question.does,
            "parameters": {name: parameter.does for name, parameter in question.parameters.items()},
        }
        for question in QUESTIONS.values()
    ]


def _plain(value: Any) -> Any:
    match value:
        case datetime() | date():
            return value.isoformat(sep=" ", timespec="seconds") if isinstance(value, datetime) else value.isoformat()
        case timedelta():
            return str(timedelta(seconds=round(value.total_seconds())))
        case UUID():
            return str(value)
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case _:
            return value
