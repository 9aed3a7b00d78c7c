"""Accounts' rows, from unused over closed to what the accounting needs. Times are the database's."""

# ruff: noqa: S608  # every part of a query is a constant of this module
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from lambdas.runtime.database import Database, Row

_UNDER_WAY = (
    "exists (select from public.video_jobs j where j.user_id = u.id"
    " and (j.status in ('submitting', 'queued', 'processing') or j.migration_status = 'pending'))"
)
# Credits are spent without saying which: while any are left of a user that ever bought some, they may be bought ones.
# A blocked user stays, or the block would end by waiting.
_UNUSED = f"""
    u.deleted_at is null and u.blocked_at is null and u.auth_user_id is not null
    and u.last_active_at < now() - greatest(%(age)s, %(session)s)
    and exists (select from auth.users a where a.id = u.auth_user_id and a.is_anonymous
      and coalesce(a.last_sign_in_at, '-infinity') < now() - greatest(%(age)s, %(session)s))
    and not (u.credits_remaining > 0
      and exists (select from public.credit_ledger l where l.user_id = u.id and l.reason = 'purchase'))
    and not {_UNDER_WAY}
"""
_CLOSED = "u.deleted_at is not null and u.auth_user_id is not null"
_SETTLED = f"u.deleted_at is not null and u.deleted_at <= now() - %(settling)s and not {_UNDER_WAY}"
_COUNTED_AT_MOST = 100_000


@dataclass(frozen=True)
class Account:
    """A user with its identity, under whose id its objects lie.

    `since`: last active, or closed. `settled`: closed, and nothing that began before can still store an object.
    """

    user_id: UUID
    auth_user_id: UUID
    since: datetime
    settled: bool = False


class PostgresAccounts:
    """`age`: for how long an unused account is kept. `session`: for how long after its check-in or last request a
    session may still be alive. `settling`: for how long after an account was closed something that had begun before
    may still store an object under its id."""

    def __init__(self, database: Database, *, age: timedelta, session: timedelta, settling: timedelta) -> None:
        self._database = database
        self._limits = {"age": age, "session": session, "settling": settling}

    def batch(self, after: Account | None, limit: int) -> list[Account]:
        """The next unused accounts behind `after`, the longest unused first."""
        return self._page(_UNUSED, "last_active_at", after, limit)

    def left(self) -> int:
        """How many accounts are unused now; a great many are counted as so many."""
        with self._database.transaction() as cursor:
            row = cursor.execute(
                f"select count(*) as left from (select from public.users u where {_UNUSED} limit %(limit)s) found",
                {**self._limits, "limit": _COUNTED_AT_MOST},
            ).fetchone()
        return int(row["left"]) if row else 0

    def close(self, accounts: Sequence[Account]) -> int:
        """Close those that are unused still: no session of theirs finds its user, and no device its account.

        A check-in or a request writes the same row first, so either it comes first and the account stays, or it finds
        the account closed.
        """
        with self._database.transaction() as cursor:
            closed = cursor.execute(
                "update public.users set deleted_at = now(), updated_at = now() where id in"
                f" (select u.id from public.users u where u.id = any(%(ids)s) and {_UNUSED} for update skip locked)"
                " returning id",
                {**self._limits, "ids": [account.user_id for account in accounts]},
            ).fetchall()
            cursor.execute("delete from public.devices where user_id = any(%s)", ([row["id"] for row in closed],))
        return len(closed)

    def closed(self, after: Account | None, limit: int) -> list[Account]:
        """The next closed accounts behind `after`, the longest closed first."""
        return self._page(_CLOSED, "deleted_at", after, limit)

    def closed_account(self, user_id: UUID) -> Account | None:
        """This account, if it is closed and something is left of it."""
        with self._database.transaction() as cursor:
            row = cursor.execute(
                f"select u.id, u.auth_user_id, u.deleted_at as since, {_SETTLED} as settled from public.users u"
                f" where u.id = %(id)s and {_CLOSED}",
                {**self._limits, "id": user_id},
            ).fetchone()
        return _account(row) if row else None

    def forget(self, accounts: Sequence[Account]) -> None:
        """Take what is personal from these accounts' rows. Jobs under way are left until they have ended.

        Whoever bought or was refunded what stays; what was made of which picture, and by which request, goes.
        """
        ids = [account.user_id for account in accounts]
        with self._database.transaction() as cursor:
            cursor.execute("delete from public.devices where user_id = any(%s)", (ids,))
            cursor.execute(
                "update public.video_jobs set settings = '{}', image_id = null, idempotency_key = null,"
                " request_digest = '', order_request_id = null, generator_request_id = null, video_url = null,"
                " video_url_expires_at = null, migration_error = null, object_key = null, sha256 = null,"
                " thumbnail_key = null, deleted_at = coalesce(deleted_at, now()),"
                " deleted_because = coalesce(deleted_because, 'account'), updated_at = now()"
                " where user_id = any(%s) and status in ('completed', 'failed')",
                (ids,),
            )
            cursor.execute(
                "delete from public.images i where i.user_id = any(%s) and not exists"
                " (select from public.video_jobs j where j.image_id = i.id)",
                (ids,),
            )

    def remove(self, accounts: Sequence[Account]) -> int:
        """Remove the identities of those that are settled; the number of them.

        From then on nothing leads from the row that the accounting keeps to anybody.
        """
        with self._database.transaction() as cursor:
            removed = cursor.execute(
                f"""
                update public.users set auth_user_id = null, updated_at = now() where id in (
                  select u.id from public.users u where u.id = any(%(ids)s) and {_CLOSED} and {_SETTLED}
                    and not exists (select from public.images i where i.user_id = u.id)
                  for update skip locked) returning id""",
                {**self._limits, "ids": [account.user_id for account in accounts]},
            ).fetchall()
            gone = {row["id"] for row in removed}
            identities = [account.auth_user_id for account in accounts if account.user_id in gone]
            cursor.execute("delete from auth.users where id = any(%s)", (identities,))
        return len(gone)

    def _page(self, condition: str, order: str, after: Account | None, limit: int) -> list[Account]:
        with self._database.transaction() as cursor:
            rows = cursor.execute(
                f"select u.id, u.auth_user_id, u.{order} as since, {_SETTLED} as settled from public.users u"
                f" where {condition}"
                f" and (%(after)s::uuid is null or (u.{order}, u.id) > (%(since)s::timestamptz, %(after)s::uuid))"
                f" order by u.{order}, u.id limit %(limit)s".encode(),
                {
                    **self._limits,
                    "after": after.user_id if after else None,
                    "since": after.since if after else None,
                    "limit": limit,
                },
            ).fetchall()
        return [_account(row) for row in rows]


def _account(row: Row) -> Account:
    return Account(row["id"], row["auth_user_id"], row["since"], bool(row["settled"]))
