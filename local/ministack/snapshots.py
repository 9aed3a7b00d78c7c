"""State is on disk within two seconds of a change, of a resource at once, and a file is whole or not there.

MiniStack saves when it is told to end, so a `kill -9` loses everything since the start; it forgets the
sessions of assumed roles altogether; and it deletes the code of replaced functions before the record that
names it is written, so that a kill in between loses a function's code.
"""

from __future__ import annotations

import copy
import hashlib
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ministack import app as upstream
from ministack.core import persistence
from ministack.services import cloudwatch, cloudwatch_logs, lambda_svc, sts

from local.ministack import acknowledged

_log = logging.getLogger("rendio.snapshots")
# Changes come in bursts: wait for the rest of one.
_SETTLE_SECONDS = 0.4
# A service whose state is large (logs, after hours of load) is saved more rarely, so that saving takes at most
# a tenth of one core.
_REST = 10
# State that changes while it is read is read again.
_ATTEMPTS = 5


def install() -> None:
    """Save in the background, and at the end in the same way."""
    if not persistence.PERSIST_STATE:
        return
    saver = _Saver(Path(persistence.STATE_DIR))
    serve, append = upstream.app, cloudwatch_logs._append_log_events

    async def noticing(scope: Any, receive: Any, send: Any) -> None:
        try:
            await serve(scope, receive, send)
        finally:
            if scope["type"] == "http" and not scope["path"].startswith("/_ministack/health"):
                saver.changed.set()

    def appending(stream: Any, events: Any) -> None:
        # What happens without a request, such as a schedule, runs a function, which logs.
        append(stream, events)
        saver.changed.set()

    upstream.app = noticing
    upstream.save_all = saver.save_all
    cloudwatch_logs._append_log_events = appending
    sts.get_state, sts.load_persisted_state = _sessions, _restore_sessions
    # Saving encodes at once, under the interpreter's lock; the copies these two make first only cost time.
    cloudwatch.copy = cloudwatch_logs.copy = _NoCopy
    lambda_svc._write_code_blob = _remembering(lambda_svc._write_code_blob)
    saver.prune, lambda_svc._prune_orphan_code_blobs = lambda_svc._prune_orphan_code_blobs, saver.prune_later
    acknowledged.install(saver.save_now)
    threading.Thread(target=saver.run, name="rendio-snapshots", daemon=True).start()


class _Saver:
    """Writes each service's state when it differs from what was written last."""

    def __init__(self, folder: Path) -> None:
        self.changed = threading.Event()
        self.prune: Callable[[set[str]], None] = lambda _referenced: None
        self._folder = folder
        self._lock = threading.Lock()
        self._written: dict[str, str] = {}
        self._due: dict[str, float] = {}
        self._referenced: set[str] | None = None

    def run(self) -> None:
        pause = threading.Event()
        while True:
            self.changed.wait()
            pause.wait(_SETTLE_SECONDS)
            self.changed.clear()
            if upstream._MAIN_LOOP is None:
                continue  # state of the last run is not loaded yet
            if not self._save(upstream._build_persistence_save_dict(), only_due=True):
                self.changed.set()

    def save_all(self, services: Mapping[str, Callable[[], Any]]) -> None:
        """Everything, now; MiniStack calls it as the last thing it does."""
        self._save(services, only_due=False)

    def save_now(self, names: set[str]) -> None:
        """These services, whenever they were saved last."""
        services = {name: state for name, state in upstream._build_persistence_save_dict().items() if name in names}
        for _attempt in range(_ATTEMPTS):
            if self._save(services, only_due=False):
                return

    def prune_later(self, referenced: set[str]) -> None:
        """Called while Lambda's state is taken: code that it no longer names may go once it is written."""
        self._referenced = referenced

    def _save(self, services: Mapping[str, Callable[[], Any]], *, only_due: bool) -> bool:
        """False when something is left to save."""
        complete = True
        with self._lock:
            for name, get_state in list(services.items()):
                begin = time.monotonic()
                if only_due and begin < self._due.get(name, 0.0):
                    complete = False
                    continue
                try:
                    self._save_one(name, get_state)
                except RuntimeError:
                    # The state changed while it was read; the next round takes it.
                    complete = False
                except Exception:
                    _log.exception("the state of %s could not be saved", name)
                self._due[name] = time.monotonic() + _REST * (time.monotonic() - begin)
        return complete

    def _save_one(self, name: str, get_state: Callable[[], Any]) -> None:
        state = get_state()
        if state is None:
            return
        content = {"__ministack_format__": persistence._state_format_version(name), "payload": state}
        text = json.dumps(content, default=persistence._json_default)
        digest = hashlib.sha256(text.encode()).hexdigest()
        if self._written.get(name) != digest:
            self._folder.mkdir(parents=True, exist_ok=True)
            temporary = self._folder / f"{name}.json.tmp"
            temporary.write_text(text)
            temporary.replace(self._folder / f"{name}.json")
            self._written[name] = digest
        if name == "lambda" and self._referenced is not None:
            self.prune(self._referenced)
            self._referenced = None


class _NoCopy:
    """In place of the module `copy` where a copy is of no use."""

    deepcopy = staticmethod(lambda value: value)
    copy = staticmethod(copy.copy)


def _sessions() -> dict[str, Any]:
    return {"sessions": dict(sts._sessions)}


def _restore_sessions(data: dict[str, Any]) -> None:
    sts._sessions.update(data.get("sessions") or {})
    sts._evict_expired_sessions()


def _remembering(write: Callable[[bytes], str]) -> Callable[[bytes], str]:
    """The same, without reading megabytes again for code that was written before."""
    known: dict[int, tuple[bytes, str]] = {}

    def write_once(code: bytes) -> str:
        # The tuple keeps the object alive, so that its id stays its own.
        found = known.get(id(code))
        if found is not None and (Path(lambda_svc.CODE_BLOB_DIR) / f"{found[1]}.zip").exists():
            return found[1]
        digest = write(code)
        known[id(code)] = (code, digest)
        return digest

    return write_once
