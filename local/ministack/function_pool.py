"""Which process handles an event: a few for each function, and a queue before them.

AWS starts as many execution environments as there are events at once. So does MiniStack, as processes: 200
requests at once would start 200 interpreters on a laptop's few cores, and all of them would time out.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from local.ministack.function_runner import FunctionProcess

# The longest that API Gateway waits for a function.
WAIT_SECONDS = 30.0
IDLE_SECONDS = 300.0


class NoProcessFree(Exception):
    """All processes of a function were busy for as long as an event may wait."""


@dataclass
class _Waiting:
    handed: threading.Event = field(default_factory=threading.Event)
    process: FunctionProcess | None = None


@dataclass
class _Fleet:
    """The processes of one version of one function's code and configuration."""

    fingerprint: str
    make: Callable[[], FunctionProcess]
    free: list[FunctionProcess] = field(default_factory=list)
    busy: int = 0
    waiting: deque[_Waiting] = field(default_factory=deque)
    retired: bool = False


class FunctionPool:
    """Lends processes, first come first served. Safe from any thread.

    A function that changed gets new processes. Those that serve the old version finish what they have and
    what waits for them, then end: no event fails because of a deployment.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._lock = threading.Lock()
        self._fleets: dict[Hashable, _Fleet] = {}

    def lend(self, key: Hashable, fingerprint: str, make: Callable[[], FunctionProcess]) -> Lease:
        """A process for one event; to be given back.

        Args:
            key: the function and its version or $LATEST.
            fingerprint: of everything a process is started with.
            make: a new process, not started yet.

        Raises:
            NoProcessFree: none became free in `WAIT_SECONDS`.
        """
        ended: list[FunctionProcess] = []
        with self._lock:
            fleet = self._fleets.get(key)
            if fleet is None or fleet.fingerprint != fingerprint:
                if fleet is not None:
                    ended = self._retire(fleet)
                fleet = self._fleets[key] = _Fleet(fingerprint, make)
            process = self._take(fleet)
            waiting = None if process is not None else _Waiting()
            if waiting is not None:
                fleet.waiting.append(waiting)
        _end(ended)
        if waiting is not None:
            process = self._await(fleet, waiting)
        if process is None:
            raise NoProcessFree
        return Lease(self, fleet, process)

    def forget(self, chosen: Callable[[Hashable], bool]) -> None:
        """End the processes of the chosen functions as soon as they have nothing to do."""
        with self._lock:
            keys = [key for key in self._fleets if chosen(key)]
            ended = [process for key in keys for process in self._retire(self._fleets.pop(key))]
        _end(ended)

    def end_idle(self) -> None:
        """End what a burst left behind; one process a function stays warm."""
        now = time.monotonic()
        ended: list[FunctionProcess] = []
        with self._lock:
            for fleet in self._fleets.values():
                keep = fleet.free[-1:]
                for process in fleet.free[:-1]:
                    (ended if now - process.last_used > IDLE_SECONDS else keep).append(process)
                fleet.free = keep
        _end(ended)

    def processes(self) -> int:
        """How many processes there are, busy ones included."""
        with self._lock:
            return sum(len(fleet.free) + fleet.busy for fleet in self._fleets.values())

    def give_back(self, fleet: _Fleet, process: FunctionProcess) -> None:
        """The event is done; the process goes to whoever has waited longest."""
        process.last_used = time.monotonic()
        with self._lock:
            if fleet.waiting:
                next_in_line = fleet.waiting.popleft()
                next_in_line.process = process
                next_in_line.handed.set()
                return
            fleet.busy -= 1
            if process.alive and not fleet.retired:
                fleet.free.append(process)
                return
        process.end()

    def _take(self, fleet: _Fleet) -> FunctionProcess | None:
        if fleet.waiting:
            return None
        if fleet.free:
            fleet.busy += 1
            return fleet.free.pop()
        if fleet.busy < self.most:
            fleet.busy += 1
            return fleet.make()
        return None

    def _await(self, fleet: _Fleet, waiting: _Waiting) -> FunctionProcess | None:
        waiting.handed.wait(WAIT_SECONDS)
        with self._lock:
            if waiting.process is None:
                fleet.waiting.remove(waiting)
            return waiting.process

    def _retire(self, fleet: _Fleet) -> list[FunctionProcess]:
        fleet.retired = True
        free, fleet.free = fleet.free, []
        return free


@dataclass(frozen=True)
class Lease:
    """A process for the duration of a `with`."""

    pool: FunctionPool
    fleet: _Fleet
    process: FunctionProcess

    def __enter__(self) -> FunctionProcess:
        return self.process

    def __exit__(self, *_failure: object) -> None:
        self.pool.give_back(self.fleet, self.process)


def _end(processes: list[FunctionProcess]) -> None:
    for process in processes:
        process.end()
