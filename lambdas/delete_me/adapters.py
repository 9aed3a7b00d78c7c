"""The account's row and device, and the function that removes the rest."""

from __future__ import annotations

import json
from dataclasses import dataclass
from uuid import UUID

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.runtime import clients
from lambdas.runtime.claims import Claims
from lambdas.runtime.database import Database, DatabaseSettings
from lambdas.runtime.environment import read_settings
from lambdas.runtime.errors import UserBlocked, UserUnknown
from lambdas.runtime.observability import count, log

_CALL_SECONDS = 3


@dataclass(frozen=True)
class Settings:
    account_removal_function: str


class PostgresAccounts:
    def __init__(self, database: Database) -> None:
        self._database = database

    def close(self, claims: Claims) -> UUID:
        """Close the user's own account, unless it is closed already; its user's id."""
        with self._database.transaction(claims) as cursor:
            row = cursor.execute(
                "select id, blocked_at from public.users where auth_user_id = (select auth.uid())"
            ).fetchone()
            if row is None:
                raise UserUnknown
            if row["blocked_at"] is not None:
                raise UserBlocked
            user_id: UUID = row["id"]
            cursor.execute(
                "update public.users set deleted_at = now(), updated_at = now()"
                " where id = %s and deleted_at is null and blocked_at is null",
                (user_id,),
            )
            cursor.execute("delete from public.devices where user_id = %s", (user_id,))
        return user_id


class LambdaRemoval:
    """Calls clean_identities, and does not wait for it."""

    def __init__(self, function: str) -> None:
        self._function = function

    def begin(self, user_id: UUID, request_id: str) -> None:
        """Have the account removed now. A call that fails is the schedule's to make up for."""
        payload = json.dumps({"user_id": str(user_id), "request_id": request_id})
        try:
            clients.waiting_lambda(_CALL_SECONDS).invoke(
                FunctionName=self._function, InvocationType="Event", Payload=payload.encode()
            )
        except (BotoCoreError, ClientError):
            log().exception("removal not begun", user_id=str(user_id))
            count("AccountRemovalsNotBegun")


@dataclass(frozen=True)
class Adapters:
    accounts: PostgresAccounts
    removal: LambdaRemoval

    @classmethod
    def build(cls) -> Adapters:
        settings = read_settings(Settings)
        return cls(
            accounts=PostgresAccounts(Database(read_settings(DatabaseSettings))),
            removal=LambdaRemoval(settings.account_removal_function),
        )
