"""Asks the logs of any stack one of its saved queries (infra/log_queries.py), over the last hours."""

from __future__ import annotations

import re
import time
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.table import Table

from local.errors import LocalError

_ID = re.compile(r"[A-Za-z0-9=_-]{1,64}")
_PATIENCE_SECONDS = 60.0
_EVERY_SECONDS = 0.5
_POINTER = "@ptr"  # CloudWatch's own handle of a line


def ask(logs: Any, stack: str, name: str, *, identifier: str, hours: int) -> list[dict[str, str]]:
    """The rows of the query `name`, with `identifier` in the place of `$id`.

    Raises:
        LocalError: there is no such query, it wants an id, or it did not end well.
    """
    try:
        found = _definition(logs, f"rendio-{stack}/{name}")
        text = str(found["queryString"])
        if "$id" in text:
            if not _ID.fullmatch(identifier):
                raise LocalError(f"The query {name} looks for an id.", fix="Name it: ID=…, letters, digits, = _ and -.")
            text = text.replace("$id", identifier)
        now = int(time.time())
        started = logs.start_query(
            logGroupNames=found["logGroupNames"], startTime=now - 3600 * hours, endTime=now + 60, queryString=text
        )
        return _rows(logs, str(started["queryId"]))
    except (BotoCoreError, ClientError) as error:
        raise LocalError("The logs cannot be asked.", why=str(error), fix="Is the stack up, and may you?") from error


def show(rows: list[dict[str, str]], console: Console) -> None:
    """A column for each field that any row has."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(row.get(name, "") for name in columns))
    console.print(table)
    console.print(f"{len(rows)} rows")


def _definition(logs: Any, full_name: str) -> dict[str, Any]:
    listed = logs.describe_query_definitions(queryDefinitionNamePrefix=full_name.partition("/")[0])["queryDefinitions"]
    for definition in listed:
        if definition["name"] == full_name:
            return dict(definition)
    names = ", ".join(sorted(str(each["name"]).partition("/")[2] for each in listed))
    raise LocalError(f"There is no query {full_name}.", fix=f"There are: {names or 'none; run `up`'}.")


def _rows(logs: Any, query: str) -> list[dict[str, str]]:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        answer = logs.get_query_results(queryId=query)
        if answer["status"] == "Complete":
            return [
                {cell["field"]: cell["value"] for cell in row if cell["field"] != _POINTER} for row in answer["results"]
            ]
        if answer["status"] not in ("Scheduled", "Running"):
            break
        time.sleep(_EVERY_SECONDS)
    raise LocalError("The query did not end well.", fix="Ask for fewer hours.")
