"""Programs the runner starts, remembers and ends: by process id *and* start time, never by name.

A process id alone may belong to somebody else by the time it is used; the pair cannot.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from local.environment import CHILD_OF
from local.errors import LocalError
from local.state import REPOSITORY, State, read_json, write_json

START_SECONDS = 30.0
STOP_SECONDS = 15.0
# A start time is read with the clock's granularity, which differs a little between reads.
START_TOLERANCE = 1.0


@dataclass(frozen=True)
class Daemon:
    """A foreground program that serves until it is told to end.

    Attributes:
        name: of its log and of its record in the state folder.
        command: argv.
        environment: the whole of it.
        ready: True once it serves.
        sources: files and folders whose change means that a running one is out of date.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    ready: Callable[[], bool]
    sources: tuple[Path, ...] = ()

    def fingerprint(self) -> str:
        """Changes when the program would be started differently, or is another program by now."""
        digest = hashlib.sha256(json.dumps([self.command, sorted(self.environment.items())]).encode())
        for source in self.sources:
            files = sorted(source.rglob("*.py")) if source.is_dir() else [source]
            for file in files:
                digest.update(file.read_bytes())
        return digest.hexdigest()


@dataclass(frozen=True)
class Record:
    """A process as the state folder remembers it."""

    name: str
    pid: int
    started: float
    fingerprint: str = ""

    def process(self) -> psutil.Process | None:
        """The live process, or None when it ended, even if its id was given to another since."""
        try:
            process = psutil.Process(self.pid)
            if abs(process.create_time() - self.started) > START_TOLERANCE:
                return None
            return None if process.status() == psutil.STATUS_ZOMBIE else process
        except psutil.NoSuchProcess:
            return None


def remember(state: State, name: str, pid: int, *, fingerprint: str = "") -> Record:
    """Write down a process just started."""
    try:
        started = psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        started = 0.0
    record = Record(name, pid, started, fingerprint)
    write_json(_file(state, name), {"pid": pid, "started": started, "fingerprint": fingerprint})
    return record


def recall(state: State, name: str) -> Record | None:
    """What was written down about `name`, dead or alive."""
    content = read_json(_file(state, name))
    if "pid" not in content:
        return None
    return Record(name, int(content["pid"]), float(content["started"]), str(content.get("fingerprint", "")))


def forget(state: State, name: str) -> None:
    _file(state, name).unlink(missing_ok=True)


def remembered(state: State) -> list[Record]:
    """Every process written down, by name."""
    records = (recall(state, file.stem) for file in sorted(state.run.glob("*.json")))
    return [record for record in records if record is not None]


def is_running(state: State, name: str) -> bool:
    record = recall(state, name)
    return record is not None and record.process() is not None


def log_file(state: State, name: str) -> Path:
    return state.logs / f"{name}.log"


def ensure(state: State, daemon: Daemon) -> bool:
    """Have the daemon running and ready, restarting one that is out of date. True when it was started now.

    Raises:
        LocalError: it ended or was not ready in time; its log is named.
    """
    fingerprint = daemon.fingerprint()
    record = recall(state, daemon.name)
    if record is not None:
        if record.process() is not None and record.fingerprint == fingerprint and daemon.ready():
            return False
        end(state, daemon.name)
    log = log_file(state, daemon.name)
    with log.open("ab") as output:
        process = subprocess.Popen(
            daemon.command,
            env=dict(daemon.environment),
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # A session of its own: Ctrl-C in the terminal is the runner's to handle, and the whole
            # group, workers included, can be ended together.
            start_new_session=True,
        )
    remember(state, daemon.name, process.pid, fingerprint=fingerprint)
    deadline = time.monotonic() + START_SECONDS
    while not daemon.ready():
        if process.poll() is not None:
            forget(state, daemon.name)
            raise LocalError(
                f"{daemon.name} ended while starting (status {process.returncode}).",
                why=last_line(log),
                fix="Read the log; then run the command again.",
                log=log,
            )
        if time.monotonic() > deadline:
            end(state, daemon.name)
            raise LocalError(
                f"{daemon.name} did not get ready within {START_SECONDS:.0f} s.",
                why=last_line(log) or "It wrote nothing to its log.",
                fix="Run the command again; on a busy machine it may need more than one try.",
                log=log,
            )
        try:
            # Returns at once when the process ends, so that a crash is not waited out.
            process.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
    return True


def end(state: State, name: str, *, first: signal.Signals = signal.SIGTERM, patience: float = STOP_SECONDS) -> bool:
    """End a process and its whole group: asked first, then killed. True when there was something to end.

    The group outlives its leader: after a `kill -9` of a server its workers are still found by it.
    """
    record = recall(state, name)
    if record is None:
        return False
    leader = record.process()
    members = _group(record)
    if leader is not None:
        leader.send_signal(first)
        psutil.wait_procs([leader], timeout=patience)
    remaining = [process for process in members if process.is_running()]
    for process in remaining:
        _kill(process)
    psutil.wait_procs(remaining, timeout=5)
    forget(state, name)
    return bool(members)


def end_strays(state: State) -> list[int]:
    """End daemons of this state folder that no record leads to: the folder was deleted, or a runner killed, meanwhile.

    Returns:
        Their process ids.
    """
    groups = {record.pid for record in remembered(state)}
    strays = []
    for process in psutil.process_iter():
        try:
            ours = process.environ().get(CHILD_OF) == str(state.root)
            if ours and process.pid != os.getpid() and os.getpgid(process.pid) not in groups:
                strays.append(process)
        except (psutil.Error, ProcessLookupError, PermissionError):
            continue
    for process in strays:
        _kill(process)
    psutil.wait_procs(strays, timeout=5)
    return [process.pid for process in strays]


def last_line(log: Path, *, limit: int = 4000) -> str:
    """The last line of a log that says something, for an error's reason."""
    try:
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - limit))
            lines = file.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _group(record: Record) -> list[psutil.Process]:
    """The processes of the group that `record` leads, none of which can be older than it."""
    found = []
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == record.pid and process.create_time() >= record.started - START_TOLERANCE:
                found.append(process)
        except (psutil.Error, ProcessLookupError, PermissionError):
            continue
    return found


def _kill(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.kill()


def _file(state: State, name: str) -> Path:
    return state.run / f"{name}.json"
