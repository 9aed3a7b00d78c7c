"""Statements that say what they were for when they fail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from lambdas.runtime.access_catalog import Connection
from lambdas.runtime.errors import FunctionError


class ApplyFailed(FunctionError):
    """Postgres refused a step. The transaction was rolled back: nothing was changed."""


@contextmanager
def step(what: str) -> Iterator[None]:
    """Name the step in the error, with Postgres's own words.

    Raises:
        ApplyFailed: the step failed.
    """
    try:
        yield
    except psycopg.errors.LockNotAvailable as error:
        raise ApplyFailed(
            f"{what}: another deployment, or a long transaction, holds a lock. Nothing was changed; try again later."
        ) from error
    except psycopg.Error as error:
        primary = error.diag.message_primary or str(error).strip()
        detail = f" {error.diag.message_detail}" if error.diag.message_detail else ""
        code = f" ({error.sqlstate})" if error.sqlstate else ""
        raise ApplyFailed(f"{what}: {primary}.{detail}{code} Nothing was changed.") from error


def run(connection: Connection, statement: str, *names: str) -> None:
    """Execute a statement whose `{}` are identifiers."""
    connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def rows(connection: Connection, query: LiteralString, values: Any = None) -> list[tuple[Any, ...]]:
    return connection.execute(query, values).fetchall()


def as_written(statement: str) -> sql.SQL:
    """A statement of the package, whose every byte was compared with the packaged model or version."""
    return sql.SQL(statement)
