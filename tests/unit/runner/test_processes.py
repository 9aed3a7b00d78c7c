"""A process is ended by id and start time: never a stranger that has the id by now, never only half a group."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from local import processes
from local.errors import LocalError
from local.processes import Daemon
from local.state import State, write_json

SERVE = "import sys, time, pathlib; pathlib.Path(sys.argv[1]).touch(); time.sleep(600)"
# A server with a worker, as MiniStack has for functions; the worker outlives its parent's SIGKILL.
FORK = (
    "import subprocess, sys, time, pathlib;"
    "worker = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
    "pathlib.Path(sys.argv[1]).write_text(str(worker.pid)); time.sleep(600)"
)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    found = State(tmp_path / "state")
    found.create()
    yield found
    for record in processes.remembered(found):
        processes.end(found, record.name)


def daemon(tmp_path: Path, program: str = SERVE, **environment: str) -> Daemon:
    sign = tmp_path / "ready"
    return Daemon("thing", (sys.executable, "-c", program, str(sign)), environment, ready=sign.exists)


def test_a_running_daemon_is_not_started_twice(state: State, tmp_path: Path) -> None:
    assert processes.ensure(state, daemon(tmp_path))
    first = processes.recall(state, "thing")
    assert not processes.ensure(state, daemon(tmp_path))
    assert processes.recall(state, "thing") == first


def test_a_daemon_that_would_start_differently_now_is_restarted(state: State, tmp_path: Path) -> None:
    processes.ensure(state, daemon(tmp_path))
    before = processes.recall(state, "thing")
    assert processes.ensure(state, daemon(tmp_path, OTHER="1"))
    after = processes.recall(state, "thing")
    assert before is not None
    assert after is not None
    assert before.process() is None
    assert after.pid != before.pid


def test_a_changed_source_changes_the_fingerprint(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "a.py").write_text("1")
    thing = Daemon("thing", ("x",), {}, ready=lambda: True, sources=(source,))
    before = thing.fingerprint()
    assert thing.fingerprint() == before
    (source / "a.py").write_text("2")
    assert thing.fingerprint() != before


def test_the_group_is_ended_although_its_leader_was_killed(state: State, tmp_path: Path) -> None:
    processes.ensure(state, daemon(tmp_path, FORK))
    record = processes.recall(state, "thing")
    assert record is not None
    worker = psutil.Process(int((tmp_path / "ready").read_text()))
    leader = psutil.Process(record.pid)
    leader.kill()
    leader.wait(5)
    assert worker.is_running()
    assert processes.end(state, "thing")
    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE
    assert processes.recall(state, "thing") is None


def test_a_process_that_has_the_id_by_now_is_left_alone(state: State) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    try:
        started = psutil.Process(stranger.pid).create_time()
        write_json(state.run / "thing.json", {"pid": stranger.pid, "started": started + 3600})
        assert not processes.is_running(state, "thing")
        processes.end(state, "thing")
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_daemon_that_ends_while_starting_is_reported_with_its_last_words_and_its_log(
    state: State, tmp_path: Path
) -> None:
    with pytest.raises(LocalError, match="no such thing") as failure:
        processes.ensure(state, daemon(tmp_path, "raise SystemExit('no such thing')"))
    assert failure.value.log == state.logs / "thing.log"
    assert processes.remembered(state) == []


def test_a_daemon_sees_only_the_environment_it_was_given(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
    program = (
        "import os, sys, time, pathlib; sign = pathlib.Path(sys.argv[1]); part = sign.with_suffix('.part');"
        "part.write_text(repr(dict(os.environ))); part.rename(sign); time.sleep(600)"
    )
    processes.ensure(state, daemon(tmp_path, program, ONLY="this"))
    seen = (tmp_path / "ready").read_text()
    assert "canary" not in seen
    assert "'ONLY': 'this'" in seen
    assert "canary" in os.environ["AWS_SECRET_ACCESS_KEY"]
