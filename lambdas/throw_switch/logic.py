"""From what somebody on call wants to what was changed. Everything may be asked for twice: it says what is so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from lambdas.runtime.claims import canonical_uuid
from lambdas.runtime.errors import InvalidRequest, NotFound
from lambdas.runtime.switches import Switch

BLOCK_USER = "block_user"
MAXIMUM_REASON = 200
_MEMBERS = {"switch", "back", "because", "user_id", "dry_run", "caller"}


class UserNotFound(NotFound):
    detail = "There is no such user, or its account is closed."


@dataclass(frozen=True)
class State:
    """How a switch is: since when it is thrown, by whom and why; a block of a user has no such words."""

    since: datetime | None
    by: str | None = None
    because: str | None = None


@dataclass(frozen=True)
class Wish:
    """What somebody wants: to throw `switch`, or take it `back`; `user_id` is whom to block."""

    switch: str
    back: bool
    because: str
    user_id: UUID | None
    dry_run: bool

    @classmethod
    def parse(cls, event: Mapping[str, Any]) -> Wish:
        """Read `{"switch", "back", "because", "user_id", "dry_run"}`.

        Raises:
            InvalidRequest: says what is wrong.
        """
        if unknown := event.keys() - _MEMBERS:
            raise InvalidRequest(f"unknown: {', '.join(sorted(unknown))}")
        name, back, dry_run = event.get("switch"), event.get("back", False), event.get("dry_run", False)
        known = (*map(str, Switch), BLOCK_USER)
        if name not in known:
            raise InvalidRequest(f"There is no switch {name}. There are: {', '.join(known)}.")
        if type(back) is not bool or type(dry_run) is not bool:
            raise InvalidRequest("back and dry_run are true or false.")
        because = str(event.get("because") or "").strip()
        if not back and not 0 < len(because) <= MAXIMUM_REASON:
            raise InvalidRequest(f"Say why, in 1 to {MAXIMUM_REASON} characters: the next on call will ask.")
        return cls(str(name), back, because, _user(name, event.get("user_id")), dry_run)


class Switches(Protocol):
    def state(self, switch: Switch, *, lock: bool) -> State: ...
    def set(self, switch: Switch, *, by: str | None, because: str | None) -> State: ...
    def blocked(self, user_id: UUID, *, lock: bool) -> State | None: ...
    def block(self, user_id: UUID, *, blocked: bool) -> State: ...


def carry_out(wish: Wish, by: str, switches: Switches, standing: frozenset[Switch]) -> dict[str, Any]:
    """Do it, unless it is done already or only asked about; what was, what is, and whether that is a change.

    Raises:
        UserNotFound: nobody to block.
    """
    if wish.user_id is not None:
        before = switches.blocked(wish.user_id, lock=not wish.dry_run)
        if before is None:
            raise UserNotFound
        after = before
        change = (before.since is None) is not wish.back
        if change and not wish.dry_run:
            after = switches.block(wish.user_id, blocked=not wish.back)
        return _told(wish, before, after, change=change, standing=False)
    switch = Switch(wish.switch)
    before = after = switches.state(switch, lock=not wish.dry_run)
    change = (before.since is None) is not wish.back
    if change and not wish.dry_run:
        after = switches.set(switch, by=None if wish.back else by, because=None if wish.back else wish.because)
    return _told(wish, before, after, change=change, standing=switch in standing)


def _told(wish: Wish, before: State, after: State, *, change: bool, standing: bool) -> dict[str, Any]:
    return {
        "switch": wish.switch,
        "user_id": str(wish.user_id) if wish.user_id else None,
        "thrown": after.since is not None,
        "since": after.since.isoformat(timespec="seconds") if after.since else None,
        "by": after.by,
        "because": after.because,
        "was_thrown": before.since is not None,
        "changed": change and not wish.dry_run,
        "would_change": change,
        "dry_run": wish.dry_run,
        "standing": standing,
    }


def _user(switch: object, given: object) -> UUID | None:
    if switch != BLOCK_USER:
        if given is not None:
            raise InvalidRequest(f"{switch} is of the whole stack and takes no user.")
        return None
    try:
        return canonical_uuid(str(given))
    except ValueError:
        raise InvalidRequest("Name the user to block by its id.", field="user_id") from None
