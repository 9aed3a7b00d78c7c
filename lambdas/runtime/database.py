"""Postgres, as the function's own login and, inside a transaction, for the user who asks.

One connection a process, kept between invocations. What a transaction says about its user (role and claims) is set
with `set_config(…, true)` inside that transaction alone, so that the next request finds nothing of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row

from lambdas.runtime import clients
from lambdas.runtime.claims import Claims
from lambdas.runtime.errors import DatabaseUnavailable
from lambdas.runtime.observability import count_for_stack, log

Row = dict[str, Any]
Cursor = psycopg.Cursor[Row]
Connection = psycopg.Connection[Row]

CONNECT_SECONDS = 5
STATEMENT_MILLISECONDS = 10_000
# A connection that died while the process was frozen looks alive until something is sent on it: how long to wait then.
DEAD_PEER_MILLISECONDS = 5_000

# The server's side of the same: what a killed process held is free after some 90 s.
_OPTIONS = (
    f"-c statement_timeout={STATEMENT_MILLISECONDS} -c idle_in_transaction_session_timeout=15000"
    " -c tcp_keepalives_idle=60 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3"
)

# Codes of Postgres by which functions do not reach it: connection lost; our logins refused, which shuts out every
# function alike; shut down, crashed or starting; dropped; no connection left.
_AWAY = ("08", "28", "57P01", "57P02", "57P03", "57P04", "53300")

_AS_USER = "select set_config('role', 'authenticated', true), set_config('request.jwt.claims', %s, true)"
_AS_FUNCTION = "select set_config('request.jwt.claims', %s, true)"


@dataclass(frozen=True)
class DatabaseSettings:
    """Where the database is, and the function's own login there."""

    database_host: str
    database_port: int
    database_name: str
    database_user: str
    database_sslmode: str

    def conninfo(self, password: str, *, connect_seconds: int) -> str:
        """What libpq needs to log in."""
        return make_conninfo(
            host=self.database_host,
            port=self.database_port,
            dbname=self.database_name,
            user=self.database_user,
            password=password,
            sslmode=self.database_sslmode,
            connect_timeout=connect_seconds,
            application_name=self.database_user,
        )


class Database:
    """The function's connection, opened at the first transaction with a login token (RDS IAM authentication)."""

    def __init__(self, settings: DatabaseSettings) -> None:
        self._settings = settings
        self._connection: Connection | None = None

    @contextmanager
    def transaction(self, claims: Claims | None = None) -> Iterator[Cursor]:
        """A transaction with the function's own rights; `claims` tell its policies whom it serves.

        Raises:
            DatabaseUnavailable: it cannot be reached, or was lost on the way.
        """
        with self._begun(_AS_FUNCTION, claims) as cursor:
            yield cursor

    @contextmanager
    def user_transaction(self, claims: Claims) -> Iterator[Cursor]:
        """A transaction as role `authenticated` on behalf of the user of `claims`: only that user's rows exist.

        Raises:
            DatabaseUnavailable: it cannot be reached, or was lost on the way.
        """
        with self._begun(_AS_USER, claims) as cursor:
            yield cursor

    @contextmanager
    def exclusive(self, name: str) -> Iterator[bool]:
        """Hold the lock `name` around several transactions; False when another process holds it.

        It belongs to the connection, so a killed process holds nothing. Should the connection be lost and replaced
        meanwhile, the lock is lost with it: use it against waste, and compare-and-set against wrong.

        Raises:
            DatabaseUnavailable: the database cannot be reached.
        """
        with self._begun(_AS_FUNCTION, None) as cursor:
            row = cursor.execute("select pg_try_advisory_lock(hashtextextended(%s, 0)) as held", (name,)).fetchone()
        held, holder = bool(row and row["held"]), self._connection
        try:
            yield held
        finally:
            if held and holder is not None and holder is self._connection:
                self._unlock(holder, name)

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    @contextmanager
    def _begun(self, opening: str, claims: Claims | None) -> Iterator[Cursor]:
        text = json.dumps(claims.for_postgres()) if claims else ""
        try:
            connection = self._with_open_transaction(opening, text)
            try:
                with connection.cursor() as cursor:
                    yield cursor
                connection.execute("commit")
            except BaseException:
                self._abandon(connection)
                raise
        except psycopg.OperationalError as error:
            if _is_away(error):
                count_for_stack("DatabaseUnreachable")
            raise DatabaseUnavailable from error

    def _with_open_transaction(self, opening: str, claims: str) -> Connection:
        """A connection inside a fresh transaction. One found dead is replaced, once: nothing was sent on it yet."""
        if self._connection is not None:
            try:
                return _begin(self._connection, opening, claims)
            except psycopg.OperationalError:
                log().warning("replacing a lost database connection")
                self.close()
        self._connection = self._connect()
        return _begin(self._connection, opening, claims)

    def _abandon(self, connection: Connection) -> None:
        """Roll back, or drop the connection if that fails: no request starts in another's transaction."""
        try:
            connection.execute("rollback")
        except psycopg.Error:
            self.close()

    def _unlock(self, holder: Connection, name: str) -> None:
        try:
            holder.execute("select pg_advisory_unlock(hashtextextended(%s, 0))", (name,))
        except psycopg.Error:
            self.close()

    def _connect(self) -> Connection:
        wanted = self._settings
        return psycopg.connect(
            wanted.conninfo(login_token(wanted), connect_seconds=CONNECT_SECONDS),
            tcp_user_timeout=DEAD_PEER_MILLISECONDS,
            keepalives_idle=30,
            options=_OPTIONS,
            autocommit=True,  # transactions are begun and ended by the statements here, and nowhere else
            row_factory=dict_row,
        )


def login_token(wanted: DatabaseSettings) -> str:
    """A password for one login as the function's own user, good for 15 minutes (RDS IAM authentication)."""
    token = clients.rds().generate_db_auth_token(
        DBHostname=wanted.database_host, Port=wanted.database_port, DBUsername=wanted.database_user
    )
    return str(token)


def _is_away(error: psycopg.OperationalError) -> bool:
    """Whether the database was not reached, which pages; else one statement failed, as by our own time limit.

    libpq gives no code for a connection that was never made or broke.
    """
    return error.sqlstate is None or error.sqlstate.startswith(_AWAY)


def _begin(connection: Connection, opening: str, claims: str) -> Connection:
    connection.execute("begin")
    try:
        connection.execute(opening, (claims,))
    except BaseException:
        connection.close()  # never kept inside a failed transaction: the next request connects anew
        raise
    return connection
