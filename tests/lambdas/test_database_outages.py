"""What is counted as the database being away, which pages; and what is one statement's own trouble, which is not."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from lambdas.runtime import database as runtime
from lambdas.runtime.database import Cursor, Database, DatabaseSettings
from lambdas.runtime.errors import DatabaseUnavailable
from tests.database.scene import Database as Scene
from tests.lambdas.phones import function_database


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What functions counted for the stack as a whole."""
    found: list[str] = []
    monkeypatch.setattr(runtime, "count_for_stack", found.append)
    return found


def slow(scene: Scene, cursor: Cursor) -> None:
    cursor.execute("set local statement_timeout = 50")
    cursor.execute("select pg_sleep(5)")


@contextmanager
def locked(scene: Scene) -> Iterator[None]:
    """Somebody holds the lock 1."""
    with scene.superuser() as connection:
        connection.execute("select pg_advisory_lock(1)")
        yield


def waiting_for_a_lock(scene: Scene, cursor: Cursor) -> None:
    cursor.execute("set local lock_timeout = 50")
    with locked(scene):
        cursor.execute("select pg_advisory_xact_lock(1)")


def deadlocked(scene: Scene, cursor: Cursor) -> None:
    """Two wait for each other; the server ends the one that looks first."""
    cursor.execute("select pg_advisory_xact_lock(1)")
    with scene.superuser() as other:
        other.execute("set deadlock_timeout = '1min'")
        other.execute("select pg_advisory_lock(2)")
        waiter = threading.Thread(target=lambda: other.execute("select pg_advisory_lock(1)"))
        waiter.start()
        try:
            cursor.execute("select pg_advisory_xact_lock(2)")
        finally:
            cursor.connection.execute("rollback")
            waiter.join()


def lost(scene: Scene, cursor: Cursor) -> None:
    row = cursor.execute("select pg_backend_pid() as pid").fetchone()
    assert row
    with scene.superuser() as connection:
        connection.execute("select pg_terminate_backend(%s, 5000)", (row["pid"],))
    cursor.execute("select 1")


Trouble = Callable[[Scene, Cursor], None]


def suffer(scene: Scene, database: Database, trouble: Trouble) -> None:
    with pytest.raises(DatabaseUnavailable), database.transaction() as cursor:
        trouble(scene, cursor)


@pytest.mark.parametrize(
    ("trouble", "cause"),
    [
        (slow, psycopg.errors.QueryCanceled),
        (waiting_for_a_lock, psycopg.errors.LockNotAvailable),
        (deadlocked, psycopg.errors.DeadlockDetected),
    ],
)
def test_a_statement_that_failed_by_itself_does_not_tell_of_an_outage(
    scene: Scene, counted: list[str], trouble: Trouble, cause: type[Exception]
) -> None:
    database = function_database(scene, "me")
    with pytest.raises(DatabaseUnavailable) as raised, database.transaction() as cursor:
        trouble(scene, cursor)
    assert isinstance(raised.value.__cause__, cause)
    assert counted == []
    with database.transaction() as cursor:
        assert cursor.execute("select 1 as one").fetchone() == {"one": 1}


def test_a_lost_connection_does(scene: Scene, counted: list[str]) -> None:
    suffer(scene, function_database(scene, "me"), lost)
    assert counted == ["DatabaseUnreachable"]


def settings(scene: Scene, **changed: Any) -> DatabaseSettings:
    known: dict[str, Any] = {
        "database_host": str(scene.server.sockets), "database_port": 5432, "database_name": "rendio",
        "database_user": "rendio_local_me", "database_sslmode": "disable",
    }  # fmt: skip
    return DatabaseSettings(**(known | changed))


@pytest.mark.parametrize(
    "changed", [{"database_port": 1}, {"database_user": "nobody"}], ids=["nobody listens", "the login is refused"]
)
def test_a_database_that_lets_nobody_in_does(scene: Scene, counted: list[str], changed: dict[str, Any]) -> None:
    with pytest.raises(DatabaseUnavailable), Database(settings(scene, **changed)).transaction():
        pytest.fail("there is no transaction")
    assert counted == ["DatabaseUnreachable"]


@pytest.mark.parametrize(
    ("error", "away"),
    [
        (psycopg.OperationalError("no answer"), True),
        (psycopg.errors.ConnectionFailure("08006"), True),
        (psycopg.errors.CannotConnectNow("57P03"), True),
        (psycopg.errors.CrashShutdown("57P02"), True),
        (psycopg.errors.TooManyConnections("53300"), True),
        (psycopg.errors.InvalidPassword("28P01"), True),
        (psycopg.errors.DiskFull("53100"), False),
        (psycopg.errors.SerializationFailure("40001"), False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_the_servers_code_says_which(scene: Scene, counted: list[str], error: Exception, away: bool) -> None:
    with pytest.raises(DatabaseUnavailable), function_database(scene, "me").transaction():
        raise error
    assert (counted == ["DatabaseUnreachable"]) is away
