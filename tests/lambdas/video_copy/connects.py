"""Every address that this process connects a socket to, as the interpreter itself reports it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

_watching: list[list[object]] = []


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if event == "socket.connect" and _watching:
        for seen in _watching:
            seen.append(arguments[1])


sys.addaudithook(_audit)  # for ever: an audit hook cannot be removed


@contextmanager
def watched() -> Iterator[list[object]]:
    """The addresses connected to while inside, by any thread."""
    seen: list[object] = []
    _watching.append(seen)
    try:
        yield seen
    finally:
        _watching.remove(seen)
