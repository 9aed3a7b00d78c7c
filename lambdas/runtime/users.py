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
    """The user of this transaction's claims, noted as active. The filter stands beside the row policy: either would do.

    One write a user and hour: whoever asked within the hour is active enough, and costs nothing more.

    Raises:
        UserUnknown: no such user (any more).
        UserBlocked: it was blocked.
    """
    row = cursor.execute(
        "select id, credits_remaining, blocked_at, last_active_at < now() - interval '1 hour' as silent"
        " from public.users where auth_user_id = (select auth.uid())"
    ).fetchone()
    if row is None:
        raise UserUnknown
    if row["blocked_at"] is not None:
        raise UserBlocked
    if row["silent"]:
        cursor.execute(
            "update public.users set last_active_at = now()"
            " where id = %s and last_active_at < now() - interval '1 hour'",
            (row["id"],),
        )
    return User(id=row["id"], credits_remaining=row["credits_remaining"])
