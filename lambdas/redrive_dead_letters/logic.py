"""Move dead letters back to where they came from: sent first, deleted after, so that a kill doubles one and loses none.

SQS has a task for this (StartMessageMoveTask); it needs the same rights, says less, and the laptop's SQS has it not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from lambdas.runtime.errors import InvalidRequest

MAXIMUM = 100
_MEMBERS = {"limit", "dry_run", "caller"}


@dataclass(frozen=True)
class Letter:
    """A message in the dead letters, and the handle by which it is deleted."""

    body: str
    handle: str


class Letters(Protocol):
    def waiting(self) -> int: ...
    def take(self, limit: int) -> Sequence[Letter]: ...
    def send_back(self, letter: Letter) -> None: ...
    def delete(self, letter: Letter) -> None: ...


@dataclass(frozen=True)
class Request:
    """At most `limit` messages; a dry run counts only."""

    limit: int
    dry_run: bool

    @classmethod
    def parse(cls, event: Mapping[str, Any]) -> Request:
        """Read the event.

        Raises:
            InvalidRequest: a member is unknown or not as it should be.
        """
        if unknown := event.keys() - _MEMBERS:
            raise InvalidRequest(f"unknown: {', '.join(sorted(unknown))}")
        limit, dry_run = event.get("limit", 10), event.get("dry_run", False)
        if type(limit) is not int or not 1 <= limit <= MAXIMUM:
            raise InvalidRequest(f"limit is a whole number from 1 to {MAXIMUM}.")
        if type(dry_run) is not bool:
            raise InvalidRequest("dry_run is true or false.")
        return cls(limit, dry_run)


def redrive(request: Request, letters: Letters) -> int:
    """Move up to so many; how many went. The first that cannot be sent ends it: it comes back by itself."""
    moved = 0
    while not request.dry_run and moved < request.limit:
        taken = letters.take(min(10, request.limit - moved))
        if not taken:
            break
        for letter in taken:
            letters.send_back(letter)
            letters.delete(letter)
            moved += 1
    return moved
