"""What was changed by hand is named by resource and property, or by object of the database."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from local import drift
from local.accounts import Keys
from local.events import EventLog, compare

ROLE = "urn:pulumi:local::rendioai::rendio:functions:Function$aws:iam/role:Role::device-check"


def refreshed(tmp_path: Path, *events: dict[str, Any]) -> EventLog:
    path = tmp_path / "events.json"
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    log = EventLog(path)
    log.poll()
    return log


def outputs_event(operation: str, *, old: dict[str, Any], new: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "resOutputsEvent": {
            "metadata": {
                "op": operation, "urn": ROLE, "type": "aws:iam/role:Role", "detailedDiff": None,
                "old": {"inputs": old}, "new": {"inputs": new} if new is not None else None,
            }
        }
    }  # fmt: skip


def test_a_changed_property_is_named_with_its_path(tmp_path: Path) -> None:
    event = outputs_event("update", old={"tags": {"a": "1"}, "name": "r"}, new={"tags": {"a": "2"}, "name": "r"})
    found = drift.of_resources(refreshed(tmp_path, event).summary.changes)
    assert [str(one) for one in found] == ["iam.Role device-check: tags.a changed"]


def test_a_resource_that_is_gone_is_named(tmp_path: Path) -> None:
    event = outputs_event("delete", old={"name": "r"}, new=None)
    found = drift.of_resources(refreshed(tmp_path, event).summary.changes)
    assert [str(one) for one in found] == ["iam.Role device-check: is gone"]


def test_what_is_as_it_was_is_no_drift(tmp_path: Path) -> None:
    event = outputs_event("same", old={"name": "r"}, new={"name": "r"})
    assert drift.of_resources(refreshed(tmp_path, event).summary.changes) == []


def test_a_line_that_is_still_being_written_is_read_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "events.json"
    line = json.dumps(outputs_event("update", old={"name": "a"}, new={"name": "b"}))
    path.write_text(line[:40])
    log = EventLog(path)
    log.poll()
    assert log.summary.changes == []
    with path.open("a") as file:
        file.write(line[40:] + "\n")
    log.poll()
    assert [change.properties for change in log.summary.changes] == [("name",)]


def test_policies_are_compared_by_content_not_by_spelling() -> None:
    assert compare({"policy": '{"a": 1, "b": 2}'}, {"policy": '{"b":2,"a":1}'}) == set()
    assert compare({"policy": '{"a": 1}'}, {"policy": '{"a": 2}'}) == {"policy.a"}


def test_errors_are_told_with_the_resource_they_belong_to(tmp_path: Path) -> None:
    log = refreshed(
        tmp_path,
        {"diagnosticEvent": {"severity": "error", "urn": ROLE, "message": "AccessDenied\n"}},
        {"diagnosticEvent": {"severity": "debug", "message": "chatter"}},
    )
    assert log.summary.errors == ["device-check: AccessDenied"]


def test_a_changed_object_of_the_database_is_named_with_what_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = {
        "count": 3,
        "drifts": [
            {"kind": "role", "object": "r", "expected": {"a": 1, "b": False}, "actual": {"a": 1, "b": True}},
            {"kind": "policy", "object": "t.p", "expected": "x", "actual": None},
            {"kind": "grant", "object": "r on t", "expected": None, "actual": ["DELETE"]},
        ],
    }
    found = drift.of_database("http://127.0.0.1:1", answering(monkeypatch, answer))
    assert [str(one) for one in found] == [
        "database role r: b is true, not false",
        "database policy t.p: is gone",
        'database grant r on t: was added: ["DELETE"]',
    ]


def test_a_database_that_cannot_be_compared_is_a_drift(monkeypatch: pytest.MonkeyPatch) -> None:
    found = drift.of_database("http://127.0.0.1:1", answering(monkeypatch, {"errorMessage": "login failed"}))
    assert [str(one) for one in found] == ["database: cannot be compared: login failed"]


def answering(monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any]) -> Keys:
    """Keys whose Lambda client's function answers this."""
    client = SimpleNamespace(
        exceptions=SimpleNamespace(ResourceNotFoundException=KeyError),
        invoke=lambda **_call: {"Payload": io.BytesIO(json.dumps(answer).encode())},
    )
    monkeypatch.setattr(Keys, "client", lambda *_arguments, **_more: client)
    return Keys("id", "key")


def test_only_the_invocation_of_the_database_admin_is_replaced() -> None:
    def invocation(urn: str, function: str) -> dict[str, Any]:
        return {"urn": urn, "type": drift.INVOCATION, "inputs": {"functionName": function}}

    resources = [
        invocation("urn:a", "rendio-local-database-admin"),
        invocation("urn:b", "rendio-local-other"),
        {"urn": "urn:c", "type": "aws:iam/role:Role", "inputs": {}},
    ]
    assert drift.invocations(resources) == ["urn:a"]
