"""Close an account for good, then have what is left of it removed.

Closed is what the answer promises: in one transaction no session finds the user any more and no device the account. The
removal begins at once; should it not, the schedule of clean_identities finds every closed account.
"""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from lambdas.runtime.claims import Claims


class Accounts(Protocol):
    def close(self, claims: Claims) -> UUID: ...


class Removal(Protocol):
    def begin(self, user_id: UUID, request_id: str) -> None: ...


def delete_me(claims: Claims, request_id: str, *, accounts: Accounts, removal: Removal) -> None:
    """Close the account; again is as good as once.

    Raises:
        UserUnknown: there is none (any more).
        UserBlocked: it was blocked, and stays: else the block would end with it.
        DatabaseUnavailable: nothing was done.
    """
    removal.begin(accounts.close(claims), request_id)
