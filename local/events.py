"""The engine's event log (`--event-log`), one JSON object a line: what happens, what changed, what went wrong.

https://www.pulumi.com/docs/iac/automation-api/ describes the events; the names are those of the engine's
`sdk/go/common/apitype/events.go`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REFRESH = "refresh"
QUIET_OPERATIONS = frozenset({"same", "read", REFRESH, "read-discard"})
# The engine marks secrets, assets and the like with this key.
SIGNATURE = "4dabf18193072939515e22adb298388d"


@dataclass(frozen=True)
class Change:
    """One step of the engine on one resource.

    Attributes:
        urn: the resource's name in the stack.
        kind: of the resource, `aws:s3/bucket:Bucket`.
        operation: `create`, `update`, `delete`, `replace`, `same`…
        properties: what differs, as paths (`tags.team`, `policy`).
    """

    urn: str
    kind: str
    operation: str
    properties: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.urn.rsplit("::", 1)[-1]

    @property
    def short_kind(self) -> str:
        """`s3.Bucket` of `aws:s3/bucket:Bucket`."""
        package, _, rest = self.kind.partition(":")
        module, _, kind = rest.partition(":")
        module = module.partition("/")[0]
        return f"{module}.{kind}" if package == "aws" and kind else self.kind


@dataclass
class Summary:
    """A finished command in figures.

    Attributes:
        counts: resources by operation, `same` included.
        changes: the steps that changed something.
        found: what the refresh of a run that goes on to deploy (`up --refresh`) found changed or gone.
        errors: what the engine reported as errors, secrets masked by it.
        seconds: how long it took.
    """

    counts: dict[str, int] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    found: list[Change] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    seconds: int = 0

    @property
    def changed(self) -> int:
        return sum(count for operation, count in self.counts.items() if operation not in QUIET_OPERATIONS)


class EventLog:
    """Reads an event log while the engine writes it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._rest = b""
        self.summary = Summary()
        self.read = 0
        self.done = 0
        self.running: dict[str, str] = {}

    def poll(self) -> None:
        """Take in what was written since the last time."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return
        self._offset += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if line.strip():
                self._take(json.loads(line))

    def _take(self, event: dict[str, Any]) -> None:
        if "resourcePreEvent" in event:
            metadata = event["resourcePreEvent"]["metadata"]
            if metadata["op"] not in QUIET_OPERATIONS:
                self.running[metadata["urn"]] = metadata["op"]
        elif "resOutputsEvent" in event:
            self._finished(event["resOutputsEvent"]["metadata"])
        elif "resOpFailedEvent" in event:
            self.running.pop(event["resOpFailedEvent"]["metadata"]["urn"], None)
        elif "diagnosticEvent" in event:
            diagnostic = event["diagnosticEvent"]
            if diagnostic.get("severity") == "error" and diagnostic.get("message", "").strip():
                self.summary.errors.append(_named(diagnostic))
        elif "summaryEvent" in event:
            summary = event["summaryEvent"]
            self.summary.counts = dict(summary.get("resourceChanges") or {})
            self.summary.seconds = int(summary.get("durationSeconds", 0))

    def _finished(self, metadata: dict[str, Any]) -> None:
        urn = metadata["urn"]
        self.running.pop(urn, None)
        if metadata["op"] == REFRESH:
            self._read(metadata)
            return
        self.done += 1
        change = Change(urn, metadata["type"], metadata["op"], _differences(metadata))
        if change.operation not in QUIET_OPERATIONS:
            self.summary.changes.append(change)

    def _read(self, metadata: dict[str, Any]) -> None:
        """A resource that was read anew. `refresh` alone says what came of it; with `up`, only the two states do."""
        self.read += 1
        gone = metadata.get("new") is None
        if gone or metadata.get("diffs") or metadata.get("detailedDiff"):
            operation = "delete" if gone else "update"
            self.summary.found.append(Change(metadata["urn"], metadata["type"], operation, _differences(metadata)))


def is_secret(value: Any) -> bool:
    """True when a value, as the engine writes it down, is or holds an encrypted one."""
    return SIGNATURE in json.dumps(value)


def _named(diagnostic: dict[str, Any]) -> str:
    message = diagnostic["message"].strip()
    urn = diagnostic.get("urn", "")
    return f"{urn.rsplit('::', 1)[-1]}: {message}" if urn and "pulumi:pulumi:Stack" not in urn else message


def _differences(metadata: dict[str, Any]) -> tuple[str, ...]:
    detailed = metadata.get("detailedDiff")
    if detailed:
        return tuple(sorted(detailed))
    old, new = (metadata.get(side) or {} for side in ("old", "new"))
    return tuple(sorted(compare(old.get("inputs") or {}, new.get("inputs") or {})))


def compare(old: Any, new: Any, path: str = "") -> set[str]:
    """Paths at which two property values differ. JSON text is compared by its content."""
    if isinstance(old, str) and isinstance(new, str):
        old, new = _document(old), _document(new)
    if isinstance(old, dict) and isinstance(new, dict) and SIGNATURE not in old:
        found: set[str] = set()
        for key in old.keys() | new.keys():
            found |= compare(old.get(key), new.get(key), f"{path}.{key}" if path else key)
        return found
    return set() if old == new else {path}


def _document(text: str) -> Any:
    try:
        return json.loads(text) if text[:1] in "{[" else text
    except ValueError:
        return text
