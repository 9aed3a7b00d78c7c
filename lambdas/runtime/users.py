"""The user behind a session: present and not blocked, looked up in every request's own transaction."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from lambdas.runtime.database import Cursor
from lambdas.runtime.errors import UserBlocked, UserUnknown


@dataclass(frozen=True)
class User:
    id: UUID
    credits_remaining: int


def current_user(cursor: Cursor) -> User:
    """The user of this transaction's claims. The filter stands beside the row policy: either alone would do.

    Raises:
        UserUnknown: no such user (any more).
        UserBlocked: it was blocked.
    """
    row = cursor.execute(
        "select id, credits_remaining, blocked_at from public.users where auth_user_id = (select auth.uid())"
    ).fetchone()
    if row is None:
        raise UserUnknown
    if row["blocked_at"] is not None:
        raise UserBlocked
    return User(id=row["id"], credits_remaining=row["credits_remaining"])
