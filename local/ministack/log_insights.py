"""CloudWatch Logs Insights: saved queries are kept, and a filter on fields of JSON lines filters.

MiniStack keeps no query definitions, and passes over a filter it does not know: a query for one request answers with
every line there is. Sources: API reference of PutQueryDefinition; CloudWatch Logs User Guide, "filter". Known here:
`=`, `!=`, `in` and `like /…/` on fields, joined by `and` and `or` without brackets, and `coalesce(…) as …` among the
`fields` asked for; `stats` stays MiniStack's, which has none.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from typing import Any

from ministack.core.responses import AccountRegionScopedDict, error_response_json, json_response
from ministack.services import cloudwatch_logs

Record = dict[str, Any]
_TERM = re.compile(
    r"""(@?[\w.]+)\s*(?:(=|!=|in)\s*("[^"]*"|'[^']*'|\[[^\]]*\]|[\d.]+)|like\s+/((?:\\.|[^/\\])*)/(i?))""",
    re.IGNORECASE,
)
_JOINED = re.compile(r"\s+(and|or)\s+", re.IGNORECASE)
_COMMA = re.compile(r",(?![^(]*\))")
_COALESCE = re.compile(r"(?i)^coalesce\(([^)]*)\)\s+as\s+(\w+)$")
_KEPT = "query_definitions"
_definitions = AccountRegionScopedDict()


def install() -> None:
    """Answer the three calls, keep what they say with the service's state, and read more filters."""
    handle, compiled, public = (
        cloudwatch_logs.handle_request,
        cloudwatch_logs._compile_insights_filter,
        cloudwatch_logs._public_log_record,
    )
    state, restore = cloudwatch_logs.get_state, cloudwatch_logs.load_persisted_state
    calls = {"PutQueryDefinition": _put, "DescribeQueryDefinitions": _describe, "DeleteQueryDefinition": _delete}

    async def handling(method: str, path: str, headers: Any, body: Any, query: Any) -> Any:
        call = calls.get(str(headers.get("x-amz-target", "")).rpartition(".")[2])
        return call(json.loads(body or "{}")) if call else await handle(method, path, headers, body, query)

    def restoring(data: Any) -> Any:
        _definitions.update((data or {}).get(_KEPT, {}))
        return restore(data)

    cloudwatch_logs.handle_request = handling
    cloudwatch_logs._compile_insights_filter = lambda stage: compiled(stage) or predicate(stage)
    cloudwatch_logs._parse_insights_fields, cloudwatch_logs._row_from_record = columns, row
    cloudwatch_logs._public_log_record = lambda record: fields_of(public(record))
    cloudwatch_logs.get_state = lambda: {**state(), _KEPT: _definitions}
    cloudwatch_logs.load_persisted_state = restoring


def fields_of(record: Record) -> Record:
    """A line's fields: CloudWatch's own, and those of the JSON object that it is."""
    try:
        found = json.loads(record.get("@message", ""))
    except ValueError:
        return record
    return {**found, **record} if isinstance(found, dict) else record


def predicate(stage: str) -> Callable[[Record], bool] | None:
    """What `filter …` asks of a line; None when it is none of the forms known here."""
    body = re.sub(r"(?i)^\s*filter\s+", "", stage).strip()
    either: list[list[Callable[[Record], bool]]] = [[]]
    place = 0
    while True:
        term = _TERM.match(body, place)
        if term is None:
            return None
        either[-1].append(_asked(*term.groups()))
        joined = _JOINED.match(body, term.end())
        if joined is None:
            break
        if joined[1].lower() == "or":
            either.append([])
        place = joined.end()
    if term.end() != len(body):
        return None

    def asked(record: Record) -> bool:
        line = fields_of(cloudwatch_logs._public_log_record(record))
        return any(all(term(line) for term in part) for part in either)

    return asked


def _asked(
    name: str, operator: str | None, value: str | None, pattern: str | None, flag: str
) -> Callable[[Record], bool]:
    if pattern is not None:
        compiled = re.compile(pattern, re.IGNORECASE if flag else 0)
        return lambda line: compiled.search(str(line.get(name, ""))) is not None
    values, unlike = _values(value or ""), operator == "!="
    return lambda line: (str(line.get(name, "")) in values) is not unlike


def columns(query: str) -> list[str]:
    """What `fields …` asks for, and CloudWatch's handle of the line; without it, what MiniStack answers with."""
    for stage in cloudwatch_logs._split_insights_pipes(query):
        listed = re.match(r"(?is)^fields\s+(.+)$", stage)
        if listed:
            return [*(each.strip() for each in _COMMA.split(listed[1])), "@ptr"]
    return ["@timestamp", "@message", "@logStream", "@log", "@ptr"]


def row(record: Record, asked: list[str]) -> list[dict[str, str]]:
    """A line's cells: `coalesce(a, b) as c` is the first of them that it has, under the name `c`."""
    line, cells = cloudwatch_logs._public_log_record(record), []
    for column in asked:
        first_of = _COALESCE.match(column)
        names = [each.strip() for each in first_of[1].split(",")] if first_of else [column]
        value = next((line[name] for name in names if line.get(name) is not None), "")
        cells.append({"field": first_of[2] if first_of else column, "value": str(value)})
    return cells


def _values(text: str) -> set[str]:
    return {value.strip().strip("\"'") for value in text.strip("[]").split(",")}


def _put(data: Record) -> Any:
    identifier = data.get("queryDefinitionId") or str(uuid.uuid4())
    if data.get("queryDefinitionId") and identifier not in _definitions:
        return error_response_json("ResourceNotFoundException", "The query definition does not exist.", 400)
    kept: Record = {name: data[name] for name in ("name", "queryString", "logGroupNames") if name in data}
    definition: Record = {"queryDefinitionId": identifier, **kept}
    _definitions[identifier] = definition
    return json_response({"queryDefinitionId": identifier})


def _describe(data: Record) -> Any:
    prefix = data.get("queryDefinitionNamePrefix", "")
    found = [definition for definition in _definitions.values() if definition["name"].startswith(prefix)]
    return json_response({"queryDefinitions": sorted(found, key=lambda each: str(each["name"]))})


def _delete(data: Record) -> Any:
    if _definitions.pop(data.get("queryDefinitionId"), None) is None:
        return error_response_json("ResourceNotFoundException", "The query definition does not exist.", 400)
    return json_response({"success": True})
