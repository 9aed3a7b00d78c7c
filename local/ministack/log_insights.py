"""CloudWatch Logs Insights: saved queries are kept, and a filter on fields of JSON lines filters.

MiniStack keeps no query definitions, and passes over a filter it does not know: a query for one request answers with
every line there is. Sources: API reference of PutQueryDefinition; CloudWatch Logs User Guide, "filter". Known here:
`=`, `!=` and `in` on fields, joined by `and` and `or` without brackets; `stats` stays MiniStack's, which has none.
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
_TERM = re.compile(r'^(@?[\w.]+)\s*(=|!=|in)\s*("[^"]*"|\'[^\']*\'|\[[^\]]*\]|[\d.]+)$', re.IGNORECASE)
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
    either = [
        [_TERM.match(term.strip()) for term in re.split(r"(?i)\s+and\s+", part)]
        for part in re.split(r"(?i)\s+or\s+", body)
    ]
    if not all(term for part in either for term in part):
        return None
    terms = [[(term[1], term[2].lower(), _values(term[3])) for term in part if term] for part in either]

    def asked(record: Record) -> bool:
        line = cloudwatch_logs._public_log_record(record)
        return any(all((str(line.get(n, "")) in v) is not (o == "!=") for n, o, v in part) for part in terms)

    return asked


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
