"""The database, asked as nobody who could change it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from psycopg.errors import QueryCanceled

from lambdas.ask_database.question import Question, Value
from lambdas.runtime.database import Database, DatabaseSettings
from lambdas.runtime.environment import read_settings
from lambdas.runtime.errors import ApiError

STATEMENT_SECONDS = 5


class TookTooLong(ApiError):
    """The question was given up: a stack in trouble must not be asked to death."""

    code, detail = "took_too_long", f"The query took longer than {STATEMENT_SECONDS} s and was given up."


@dataclass(frozen=True)
class Settings:
    """What the stack's retention is: questions bind it by these names."""

    video_days: int
    image_days: int
    refused_image_days: int
    identity_days: int
    clean_up_grace_hours: int
    noncurrent_days: int


@dataclass(frozen=True)
class PostgresRows:
    database: Database
    settings: Settings

    def ask(self, question: Question, values: Mapping[str, Value], *, limit: int) -> tuple[list[str], list[list[Any]]]:
        """Columns and rows. The login may read alone; the transaction says it again.

        Raises:
            TookTooLong: and nothing more is asked of the database.
            DatabaseUnavailable
        """
        given = {**asdict(self.settings), **values, "rows": limit}
        with self.database.transaction() as cursor:
            cursor.execute("set transaction read only")
            cursor.execute("select set_config('statement_timeout', %s, true)", (str(1000 * STATEMENT_SECONDS),))
            try:
                cursor.execute(question.sql, given)
            except QueryCanceled:
                # Not the database's absence, which the same class of errors tells: the transaction ends in order.
                cancelled = True
            else:
                cancelled = False
                columns = [column.name for column in cursor.description or ()]
                rows = [list(row.values()) for row in cursor.fetchall()]
        if cancelled:
            raise TookTooLong
        return columns, rows


@dataclass(frozen=True)
class Adapters:
    rows: PostgresRows

    @classmethod
    def build(cls) -> Adapters:
        return cls(PostgresRows(Database(read_settings(DatabaseSettings)), read_settings(Settings)))
