"""From unused accounts to closed ones, and from closed ones to rows that the accounting alone needs.

Closing is one statement, and whoever asks next finds no account. Then what is personal goes from the rows, so that
nothing adds to them any more; then all that lies under the identity's id, every version of it; the identity last, since
its id is where to look. A kill between any two leaves a closed account, with which the next run begins again.

An account is settled before its objects are looked for, not after: what was still under way then may have stored one
behind the look, and keeps its identity for another run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from lambdas.clean_identities.accounts import Account
from lambdas.runtime.clean_up import CleanUp, Plan

# Removals are waits for S3, a few for each account.
_AT_ONCE = 8


class Accounts(Plan[Account], Protocol):
    def close(self, accounts: Sequence[Account]) -> int: ...
    def closed(self, after: Account | None, limit: int) -> list[Account]: ...
    def forget(self, accounts: Sequence[Account]) -> None: ...
    def remove(self, accounts: Sequence[Account]) -> int: ...


class UserObjects(Protocol):
    def purge(self, auth_user_id: UUID) -> int: ...


@dataclass(frozen=True)
class Removed:
    """Accounts that were closed and looked at, objects (versions) and identities that went."""

    accounts: int = 0
    objects: int = 0
    identities: int = 0


def unused_accounts(accounts: Accounts) -> CleanUp[Account]:
    """Closes what nobody uses; what is closed is removed by `remove_closed`."""
    return CleanUp(accounts, accounts.close)


def remove_closed(
    accounts: Accounts, objects: UserObjects, *, batch: int, cap: int, may_go_on: Callable[[], bool]
) -> Removed:
    """Go through closed accounts, however they came to be closed."""
    seen = purged = identities = 0
    last: Account | None = None
    while seen < cap and may_go_on():
        found = accounts.closed(last, min(batch, cap - seen))
        if not found:
            break
        seen, last = seen + len(found), found[-1]
        accounts.forget(found)
        purged += _purged(objects, found)
        identities += accounts.remove([account for account in found if account.settled])
    return Removed(seen, purged, identities)


def remove_account(account: Account, accounts: Accounts, objects: UserObjects) -> Removed:
    """Remove one closed account, as far as nothing of it is under way; the schedule ends what is left."""
    accounts.forget([account])
    purged = _purged(objects, [account])
    return Removed(1, purged, accounts.remove([account] if account.settled else []))


def _purged(objects: UserObjects, accounts: Sequence[Account]) -> int:
    if len(accounts) == 1:
        return objects.purge(accounts[0].auth_user_id)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return sum(pool.map(objects.purge, [account.auth_user_id for account in accounts]))
