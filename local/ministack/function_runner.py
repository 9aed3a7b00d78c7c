"""One process of a function: start it, let it handle one event after the other, end it."""

from __future__ import annotations

import json
import queue
import shutil
import subprocess
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

PROCESS = Path(__file__).with_name("function_process.py")
END_OF_OUTPUT = "\x1e"
# AWS gives the init phase 10 s; several start at once here on few cores.
INIT_SECONDS = 30.0
OUTPUT_SECONDS = 2.0
LARGEST_RESULT = 6_291_556


@dataclass(frozen=True)
class Start:
    """How to start a process of one function.

    Attributes:
        command: interpreter and its options.
        environment: the whole of it, given the process's own folder.
        code: the unpacked zip.
        layers: unpacked layers' `python` folders.
        handler: `package.module.function`.
        access_key: of the role session in the environment.
    """

    command: tuple[str, ...]
    environment: Callable[[Path], Mapping[str, str]]
    code: Path
    layers: tuple[Path, ...]
    handler: str
    access_key: str


@dataclass(frozen=True)
class Outcome:
    """What became of one event.

    Attributes:
        result: the handler's answer, JSON.
        error: its failure in the shape of the Lambda runtime's, when there is one.
        log: lines that were printed.
    """

    result: str | None
    error: dict[str, Any] | None
    log: str


class FunctionProcess:
    """A process that is started by its first event and serves one event at a time."""

    def __init__(self, prepare: Callable[[], Start], starting: threading.Semaphore) -> None:
        """Nothing happens yet.

        Args:
            prepare: finds out how to start, in the thread of the first event.
            starting: how many processes may load their handlers at once.
        """
        self.start: Start | None = None
        self._prepare = prepare
        self.last_used = time.monotonic()
        self._starting = starting
        self._process: subprocess.Popen[str] | None = None
        self._home = Path()
        self._answers: queue.Queue[str | None] = queue.Queue()
        self._output: queue.Queue[str | None] = queue.Queue()

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def invoke(self, event: Any, *, request_id: str, arn: str, timeout: float, trace_id: str | None) -> Outcome:
        """Handle one event; afterwards `alive` says whether the process can take another."""
        log: list[str] = []
        if not self.alive:
            self.end()
            with self._starting:
                failure = self._begin()
            if failure is not None:
                self._kill()
                log += self._drain()
                self.end()
                return Outcome(None, {**failure, "requestId": request_id}, "\n".join(log))
        request = {
            "event": event,
            "request_id": request_id,
            "invoked_function_arn": arn,
            "timeout_seconds": timeout,
            "trace_id": trace_id,
        }
        answer = self._exchange(json.dumps(request), timeout)
        if isinstance(answer, str):
            self._kill()
            log += self._drain()
            self.end()
            error = {"errorMessage": f"RequestId: {request_id} Error: {answer}", "errorType": _kind(answer)}
            return Outcome(None, error, "\n".join([*log, f"{request_id} {answer}"]))
        log += self._drain()
        result = answer.get("result")
        if result is not None and len(result) > LARGEST_RESULT:
            message = f"Response payload size exceeded maximum allowed payload size ({LARGEST_RESULT} bytes)."
            answer = {"error": {"errorMessage": message, "errorType": "Function.ResponseSizeTooLarge"}}
        return Outcome(answer.get("result"), answer.get("error"), "\n".join(log))

    def end(self) -> None:
        """Kill the process and remove its folder; nothing happens when it is gone already."""
        self._kill()
        process, self._process = self._process, None
        if process is not None:
            for stream in (process.stdin, process.stdout, process.stderr):
                _close(stream)
        if self._home != Path():
            shutil.rmtree(self._home, ignore_errors=True)

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _begin(self) -> dict[str, Any] | None:
        """Start the process and load the handler. Its failure, or None."""
        try:
            start = self.start = self._prepare()
        except (RuntimeError, OSError, ValueError, zipfile.BadZipFile) as error:
            # Not the function's fault: no interpreter for its runtime, no room on the disk, a zip that is none.
            return {"errorMessage": str(error), "errorType": "Runtime.InvalidEntrypoint"}
        self._home = Path(tempfile.mkdtemp(prefix="lambda-home-"))
        self._answers, self._output = queue.Queue(), queue.Queue()
        self._process = subprocess.Popen(
            (*start.command, str(PROCESS)),
            cwd=start.code,
            env=dict(start.environment(self._home)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        for stream, lines in ((self._process.stdout, self._answers), (self._process.stderr, self._output)):
            threading.Thread(target=_read, args=(stream, lines), name="rendio-function", daemon=True).start()
        setup = {
            "code": str(start.code),
            "layers": [str(layer) for layer in start.layers],
            "handler": start.handler,
        }
        answer = self._exchange(json.dumps(setup), INIT_SECONDS)
        # What was printed while loading comes before the first event's own output, and ends without a mark.
        if isinstance(answer, str):
            return {"errorMessage": f"Init: {answer}", "errorType": _kind(answer)}
        return answer.get("error")

    def _exchange(self, line: str, timeout: float) -> dict[str, Any] | str:
        """Send a line and wait for the answer; a text says why there is none."""
        process = self._process
        if process is None or process.stdin is None:
            return "Runtime exited without providing a reason"
        try:
            process.stdin.write(line + "\n")
            process.stdin.flush()
        except OSError:
            return self._exit_status()
        try:
            answer = self._answers.get(timeout=timeout)
        except queue.Empty:
            return f"Task timed out after {timeout:.2f} seconds"
        return self._exit_status() if answer is None else dict(json.loads(answer))

    def _exit_status(self) -> str:
        status = self._process.wait() if self._process is not None else None
        return f"Runtime exited with error: exit status {status}"

    def _drain(self) -> list[str]:
        """The lines printed for this event: all of them up to the mark that the process sets behind its answer."""
        lines: list[str] = []
        until = time.monotonic() + OUTPUT_SECONDS
        while True:
            # A process that was ended or got stuck sets no mark: what it printed so far is there at once.
            stuck = not self.alive
            try:
                line = self._output.get(timeout=0.05 if stuck else max(0.0, until - time.monotonic()))
            except queue.Empty:
                return lines
            if line is None or line == END_OF_OUTPUT:
                return lines
            lines.append(line)


def _kind(reason: str) -> str:
    return "Sandbox.Timedout" if "timed out" in reason else "Runtime.ExitError"


def _read(stream: IO[str], lines: queue.Queue[str | None]) -> None:
    """Pass lines on until the stream ends; then None."""
    try:
        for line in stream:
            lines.put(line.rstrip("\n"))
    except ValueError:
        pass  # closed by end() while it was read
    lines.put(None)


def _close(stream: IO[str] | None) -> None:
    try:
        if stream is not None:
            stream.close()
    except OSError:
        pass  # unsent input of a process that is gone
