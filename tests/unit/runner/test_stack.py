"""The engine is interrupted once, waited for, and what a killed one left is cleared."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from local import processes
from local.engine import Engine
from local.errors import EngineFailed, Interrupted, LocalError
from local.events import EventLog
from local.stack import Stack
from local.state import State

# In place of the engine: notes its arguments and each SIGINT, takes a moment to end as one that writes its state.
ENGINE = """#!{python}
import json, os, pathlib, signal, sys, time
notes = pathlib.Path({notes!r})
def note(word):
    with notes.open("a") as file:
        file.write(word + "\\n")
note("run " + " ".join(sys.argv[1:3]))
if sys.argv[1] == "destroy":
    events = sys.argv[sys.argv.index("--event-log") + 1]
    event = {{"diagnosticEvent": {{"severity": "error", "message": "AccessDenied: no"}}}}
    pathlib.Path(events).write_text(json.dumps(event) + "\\n")
    sys.exit(3)
if sys.argv[1] == "up":
    def interrupted(*_):
        note("SIGINT")
        time.sleep(0.3)
        note("state written")
        sys.exit(1)
    signal.signal(signal.SIGINT, interrupted)
    note("ready")
    time.sleep(60)
"""


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    return tmp_path / "notes"


@pytest.fixture
def stack(tmp_path: Path, notes: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    state = State(tmp_path / "state")
    state.create()
    binary = tmp_path / "pulumi"
    binary.write_text(ENGINE.format(python=sys.executable, notes=str(notes)))
    binary.chmod(0o755)

    @contextlib.contextmanager
    def no_provider(_self: Stack) -> Iterator[SimpleNamespace]:
        yield SimpleNamespace(port=1)

    monkeypatch.setattr(Stack, "_provider", no_provider)
    return Stack(state, Engine(binary, (tmp_path,), "3.250.0"), project="rendioai", passphrase="x")


def watch(_log: EventLog) -> None:
    """Nobody looks."""


def lock(tmp_path: Path, pid: int) -> Path:
    folder = tmp_path / "state" / "pulumi" / ".pulumi" / "locks" / "organization" / "rendioai" / "local"
    folder.mkdir(parents=True)
    file = folder / "one.json"
    file.write_text(json.dumps({"pid": pid}))
    return file


def test_ctrl_c_reaches_the_engine_once_and_is_answered_when_it_has_ended(
    stack: Stack, notes: Path, tmp_path: Path
) -> None:
    def press_when_ready() -> None:
        while not (notes.exists() and "ready" in notes.read_text()):
            threading.Event().wait(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press_when_ready, daemon=True).start()
    with pytest.raises(Interrupted) as interruption:
        stack.update("up", watch=watch)
    assert interruption.value.exit_code == 130
    assert notes.read_text().split("\n")[1:-1] == ["ready", "SIGINT", "state written"]
    assert processes.remembered(State(tmp_path / "state")) == []


def test_a_failure_is_told_in_the_engines_own_words_with_its_log(stack: Stack, tmp_path: Path) -> None:
    with pytest.raises(EngineFailed, match="AccessDenied: no") as failure:
        stack.update("destroy", watch=watch)
    assert failure.value.log == tmp_path / "state" / "logs" / "engine.log"


def test_the_lock_of_a_dead_engine_is_let_go(stack: Stack, notes: Path, tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    lock(tmp_path, ended.pid)
    assert stack.clear_leftovers()
    assert "run cancel --yes" in notes.read_text()


def test_the_lock_of_an_engine_at_work_is_respected(stack: Stack, notes: Path, tmp_path: Path) -> None:
    (tmp_path / "pulumi-sleeping").symlink_to("/bin/sleep")
    other = subprocess.Popen([str(tmp_path / "pulumi-sleeping"), "60"])
    try:
        lock(tmp_path, other.pid)
        with pytest.raises(LocalError, match=str(other.pid)):
            stack.clear_leftovers()
        assert not notes.exists()
    finally:
        other.kill()
        other.wait()


def test_an_engine_whose_runner_was_killed_is_ended_in_order(stack: Stack, notes: Path, tmp_path: Path) -> None:
    orphan = subprocess.Popen([str(tmp_path / "pulumi"), "up"], start_new_session=True)
    processes.remember(State(tmp_path / "state"), "engine", orphan.pid)
    while not (notes.exists() and "ready" in notes.read_text()):
        assert orphan.poll() is None
        threading.Event().wait(0.02)
    stack.clear_leftovers()
    orphan.wait(5)
    assert notes.read_text().split("\n")[1:-1] == ["ready", "SIGINT", "state written"]


def test_attributes_that_a_killed_engine_left_empty_do_not_hide_the_state(stack: Stack, tmp_path: Path) -> None:
    folder = tmp_path / "state" / "pulumi" / ".pulumi" / "stacks" / "rendioai"
    folder.mkdir(parents=True)
    state, attributes = folder / "local.json", folder / "local.json.attrs"
    state.write_text("{}")
    attributes.touch()
    stack.clear_leftovers()
    assert state.exists()
    assert not attributes.exists()


def test_outputs_are_read_from_the_state_and_secret_ones_masked(stack: Stack, tmp_path: Path) -> None:
    folder = tmp_path / "state" / "pulumi" / ".pulumi" / "stacks" / "rendioai"
    folder.mkdir(parents=True)
    secret = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:x"}
    outputs = {"api_url": "http://127.0.0.1:1", "key": secret, "keys": [secret]}
    resources = [{"type": "pulumi:pulumi:Stack", "outputs": outputs}, {"type": "aws:sqs/queue:Queue", "outputs": {}}]
    assert stack.outputs() == {}
    (folder / "local.json").write_text(json.dumps({"checkpoint": {"latest": {"resources": resources}}}))
    assert stack.outputs() == {"api_url": "http://127.0.0.1:1", "key": "[secret]", "keys": "[secret]"}
