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
        _note_activity(cursor, row["id"])
    return User(id=row["id"], credits_remaining=row["credits_remaining"])


def _note_activity(cursor: Cursor, user_id: UUID) -> None:
    """Write that the user is active, unless another request just did. A clean-up that closes unused accounts writes the
    same row: whichever comes first is what the other finds.

    Raises:
        UserUnknown: the account was closed between the look and this.
    """
    noted = cursor.execute(
        "update public.users set last_active_at = now() where id = %s and last_active_at < now() - interval '1 hour'",
        (user_id,),
    )
    if noted.rowcount == 0:
        still = cursor.execute("select from public.users where id = %s", (user_id,))
        if still.fetchone() is None:
            raise UserUnknown
