"""One engine run finds drift and deploys; the database is asked as often as its answer can have changed."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local import drift
from local.deployment import Deployer
from local.drift import Drift
from local.errors import LocalError
from local.events import EventLog, Summary
from local.progress import Silent
from local.stack import Stack

INVOCATION = {
    "urn": "urn:pulumi:local::rendioai::x::access-model",
    "type": drift.INVOCATION,
    "inputs": {"functionName": "rendio-local-database-admin"},
}
DATABASE = Drift("database role rendio_local_me", "createdb is true, not false", is_of_database=True)
REPLACED = f"--replace {INVOCATION['urn']}"


class Engine(Stack):
    """In place of the engine: keeps what it was asked, and tells the events it was given."""

    def __init__(
        self, folder: Path, *, events: tuple[dict[str, Any], ...] = (), changes: int = 0, pending: bool = False
    ) -> None:
        self.runs: list[str] = []
        self._folder_of_events, self._events = folder, events
        self._changes, self._pending = changes, pending

    @contextlib.contextmanager
    def attached(self) -> Iterator[None]:
        yield

    def resources(self) -> list[dict[str, Any]]:
        return [INVOCATION]

    def has_pending(self) -> bool:
        return self._pending

    def outputs(self) -> dict[str, Any]:
        return {}

    def update(self, command: str, *options: str, watch: Callable[[EventLog], None]) -> Summary:
        self.runs.append(" ".join([command, *options]))
        summary = {"summaryEvent": {"resourceChanges": {"same": 170, "update": self._changes}}}
        file = self._folder_of_events / "events.json"
        file.write_text("".join(json.dumps(event) + "\n" for event in (*self._events, summary)))
        log = EventLog(file)
        log.poll()
        watch(log)
        return log.summary


def read(name: str, operation: str = "refresh", **differs: Any) -> dict[str, Any]:
    """The engine's event of a resource that was read anew."""
    states = {"old": {"inputs": {"a": 1}}, "new": {"inputs": {"a": 1}}}
    metadata = {"op": operation, "urn": f"urn::{name}", "type": "aws:iam/role:Role", **states, **differs}
    return {"resOutputsEvent": {"metadata": metadata}}


def answering(*answers: list[Drift]) -> Callable[[], list[Drift]]:
    """A database that answers these, one after another, and no more often."""
    left = list(answers)
    return lambda: left.pop(0)


def deployer(engine: Engine, database: Callable[[], list[Drift]], **more: Any) -> Deployer:
    return Deployer(engine, Silent(), database_drifts=database, fill=lambda _outputs: None, **more)


def test_what_the_engine_finds_while_it_deploys_is_named_and_counted(tmp_path: Path) -> None:
    found = (
        read("as-it-was"),
        read("changed", detailedDiff={"tags.team": {"diffKind": "update"}}, diffs=["tags"]),
        read("gone", new=None),
    )
    engine = Engine(tmp_path, events=found, changes=2)
    deployment = deployer(engine, answering([], [])).deploy()
    assert [str(one) for one in deployment.drifts] == [
        "iam.Role changed: tags.team changed",
        "iam.Role gone: is gone",
    ]
    assert deployment.changed == 2
    assert engine.runs == ["up --yes --skip-preview --refresh"]


def test_what_the_engine_then_mends_is_no_drift_of_its_own(tmp_path: Path) -> None:
    engine = Engine(tmp_path, events=(read("role", "update", diffs=["tags"]),), changes=1)
    assert deployer(engine, answering([], [])).deploy().drifts == []


def test_an_untouched_database_is_asked_once(tmp_path: Path) -> None:
    assert deployer(Engine(tmp_path), answering([])).deploy().drifts == []


def test_a_changed_database_is_mended_by_the_same_run_and_asked_again(tmp_path: Path) -> None:
    engine = Engine(tmp_path)
    deployment = deployer(engine, answering([DATABASE], [])).deploy()
    assert deployment.drifts == [DATABASE]
    assert engine.runs == [f"up --yes --skip-preview --refresh {REPLACED}"]


def test_a_database_that_was_lost_meanwhile_gets_its_model_again(tmp_path: Path) -> None:
    engine = Engine(tmp_path, changes=1)
    deployment = deployer(engine, answering([], [DATABASE], [])).deploy()
    assert deployment.drifts == [DATABASE]
    assert engine.runs[1:] == [f"up --yes --skip-preview {REPLACED}"]


def test_a_database_that_cannot_be_mended_fails_the_run(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="not as it was deployed"):
        deployer(Engine(tmp_path, changes=1), answering([], [DATABASE], [DATABASE])).deploy()


def test_what_a_killed_engine_left_is_cleared_first_and_its_drift_kept(tmp_path: Path) -> None:
    changed = read("changed", "update", detailedDiff={"name": {}})
    engine = Engine(tmp_path, events=(changed,), pending=True)
    deployment = deployer(engine, answering([], [])).deploy()
    assert [str(one) for one in deployment.drifts] == ["iam.Role changed: name changed"]
    assert engine.runs == [
        "refresh --yes --skip-preview --clear-pending-creates",
        "up --yes --skip-preview --refresh",
    ]


def test_what_else_there_is_to_do_is_done_once_while_the_engine_works(tmp_path: Path) -> None:
    engine, done = Engine(tmp_path, changes=1), []
    deployer(engine, answering([], [DATABASE], []), meanwhile=lambda: done.append(len(engine.runs))).deploy()
    assert done == [1]
