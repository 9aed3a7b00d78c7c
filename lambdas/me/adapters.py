"""The user's row."""

from __future__ import annotations

from lambdas.runtime.claims import Claims
from lambdas.runtime.database import Database, DatabaseSettings
from lambdas.runtime.environment import read_settings
from lambdas.runtime.users import User, current_user


class PostgresUsers:
    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def build(cls) -> PostgresUsers:
        return cls(Database(read_settings(DatabaseSettings)))

    def get(self, claims: Claims) -> User:
        with self._database.user_transaction(claims) as cursor:
            return current_user(cursor)
