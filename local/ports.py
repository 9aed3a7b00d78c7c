"""Which loopback port each daemon listens on: chosen once, kept, chosen anew when somebody else has it."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable, Iterable, Iterator

from local.errors import LocalError
from local.state import State, read_json, write_json

NAMES = ("ministack", "postgres", "apple", "fal", "pager", "fal_cdn")

# Below the ranges that Linux (32768-) and macOS (49152-) hand to outgoing connections, which would
# otherwise sit on a stored port now and then.
FIRST, LAST = 20000, 32000


def is_free(port: int) -> bool:
    """True when a server could listen on the port now."""
    with socket.socket() as probe:
        # As servers do: a port in TIME_WAIT after a stop is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def choose(
    state: State, *, ours: Iterable[str] = (), free: Callable[[int], bool] = is_free
) -> tuple[dict[str, int], dict[str, int]]:
    """The ports of this state folder, by name of `NAMES`, and those that had to move (name -> the old one).

    Args:
        ours: names whose daemon runs already, so that its port is taken rightly.
        free: whether a port can be listened on.
    """
    running = frozenset(ours)
    stored = {name: port for name, port in read_json(state.ports).items() if name in NAMES and isinstance(port, int)}
    candidates = _candidates(state)
    chosen: dict[str, int] = {}
    moved: dict[str, int] = {}
    for name in NAMES:
        old = stored.get(name)
        if old is not None and (name in running or free(old)):
            chosen[name] = old
            continue
        reserved = set(stored.values()) | set(chosen.values())
        port = next((port for port in candidates if port not in reserved and free(port)), None)
        if port is None:
            raise LocalError(
                f"No free port between {FIRST} and {LAST} for {name}.",
                why="Other programs listen on all of them.",
                fix="Stop some of them, then run the command again.",
            )
        chosen[name] = port
        if old is not None:
            moved[name] = old
    if chosen != stored:
        write_json(state.ports, dict(chosen))
    return chosen, moved


def _candidates(state: State) -> Iterator[int]:
    """All ports, starting at a place that differs from clone to clone, so that two seldom meet."""
    start = int(hashlib.sha256(str(state.root).encode()).hexdigest(), 16) % (LAST - FIRST)
    return (FIRST + (start + step) % (LAST - FIRST) for step in range(LAST - FIRST))
